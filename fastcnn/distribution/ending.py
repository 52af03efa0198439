"""How a job ends: all ranks together, with one message.

An exception that reaches the top of the program on one rank is printed there and announced to the
others, which end without printing. If all ranks raise the same, only the lowest prints it. The job
is ended by `MPI_Abort`, as otherwise ranks that hang would stay.
"""

from __future__ import annotations

import atexit
import os
import sys
import time

from fastcnn.distribution.communicator import RankError

PATIENCE = 1.0  # seconds to wait for lower ranks, which may fail in the same way
UNWINDING = 10.0  # seconds that the other ranks have to finish their `finally` blocks


def install(communicator):
    """Replace `sys.excepthook`, and end the program together with all other ranks."""
    before = sys.excepthook

    def report(kind, error, traceback):
        show = _is_first(communicator, error)
        if show and isinstance(error, RankError):
            print(f"fastcnn: {error} All ranks stop.", file=sys.stderr)
        elif show:
            before(kind, error, traceback)
            print(
                f"fastcnn: rank {communicator.rank} of {communicator.size} failed, see above: all "
                "ranks stop.",
                file=sys.stderr,
            )
        _end(communicator)

    sys.excepthook = report
    atexit.register(communicator.leave, UNWINDING)


def _is_first(communicator, error):
    """Whether this rank is the one that prints an error."""
    if isinstance(error, RankError) and error.told:
        return False
    # of all that waited in vain, one reports
    text = "waited" if isinstance(error, RankError) else f"{type(error).__name__}: {error}"
    communicator.notify("reported", text)
    end = time.monotonic() + (PATIENCE if communicator.rank else 0)
    while time.monotonic() < end:
        for _ in communicator.notices():
            pass
        if any(rank < communicator.rank and other == text for rank, other in communicator.reports):
            return False
        time.sleep(0.001)
    return True


def _end(communicator):
    """End all ranks, with time for each to finish what it does."""
    sys.stdout.flush()
    sys.stderr.flush()
    communicator.leave(UNWINDING)
    if communicator.rank:
        time.sleep(PATIENCE)  # the lowest rank ends the job, if it is there
    communicator.world.Abort(1)
    os._exit(1)
