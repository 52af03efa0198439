"""Ctrl-C between steps: a training step is finished before KeyboardInterrupt is raised."""

import signal
import threading


class Interrupt:
    """While `busy`, Ctrl-C sets `pending` instead of raising KeyboardInterrupt.

    So the weights are always those after a complete step. A second Ctrl-C raises immediately. This
    works in the main thread only, and only if the program has no handler of its own; otherwise
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
