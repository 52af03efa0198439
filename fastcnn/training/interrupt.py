"""Ctrl-C between steps: a training step is finished before KeyboardInterrupt is raised."""

import signal
import threading


class Interrupt:
    """While `busy`, Ctrl-C is noted as `pending` instead of raised; else it is raised as always.

    So the weights are always those after a complete step. A second Ctrl-C is raised at once.
    Only the main thread can do this, and only where nobody else handles the signal: elsewhere
    nothing changes.
    """

    def __enter__(self):
        self.busy = self.pending = self._installed = False
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def _handle(self, number, frame):
        if self.busy and not self.pending:
            self.pending = True
        else:
            raise KeyboardInterrupt

    def __exit__(self, *error):
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
