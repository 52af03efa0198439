"""Messages between the ranks, by mpi4py. No call waits forever.

Every operation is started without blocking and then tested until it is complete. Meanwhile the rank
reads notices: another rank failed, or ended, or has waited too long. So a rank that raises ends the
job everywhere, and one that hangs is found within `timeout` seconds.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

SPIN = 1e-4  # seconds of waiting without giving the core to others
YIELD = 0.001  # seconds without sleeping
PAUSE = 1e-4  # seconds to sleep between tests after that
LISTEN = 0.01  # seconds between looks for notices
GRACE = 1.0  # seconds for notices that are on their way, before a rank gives up

MISSING = (
    "Distributed training needs mpi4py and an MPI library: pip install 'fastcnn[mpi]' mpich, or "
    "build mpi4py for the MPI of the cluster."
)


class RankError(RuntimeError):
    """Another rank failed, ended or hangs, so this one cannot continue.

    Attributes:
        told: whether that rank has printed what happened.
    """

    def __init__(self, message: str, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


def load_mpi():
    """The module `mpi4py.MPI`, which starts MPI.

    Raises:
        ModuleNotFoundError: mpi4py or an MPI library is missing.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter without an MPI library
        raise ModuleNotFoundError(f"{MISSING} ({error})") from None
    return MPI


class Communicator:
    """All processes that `mpiexec` started.

    Args:
        timeout: seconds to wait for the other ranks.

    Attributes:
        rank, size: the number of this process, from 0, and how many there are.
        call: counts the methods that all ranks enter together (see `Replicas.together`): a notice
            of a failure in an earlier one, which the user's code survived, is ignored.
    """

    def __init__(self, timeout: float) -> None:
        self.mpi = load_mpi()
        world = self.mpi.COMM_WORLD
        self.timeout = timeout
        self.rank, self.size = world.Get_rank(), world.Get_size()
        self.world = world.Dup()  # messages of the user do not mix with ours
        self.batches = world.Dup()  # nor do those of `runner.Comparison`, if data end too early
        self._notices = world.Dup()
        self.call = 0
        self.gone: set[int] = set()  # ranks that have ended
        self.reports: list[tuple[int, str]] = []  # (rank, error) of what ranks are about to print
        self._waiting: set[int] = set()  # ranks that said so, see `_find_missing`
        self._missing: set[int] = set()  # ranks that did not
        self._sent: list[Any] = []
        self._failure: tuple[int, int, str] | None = None  # (call, rank, text)
        self._broken: RankError | None = None

    # ------------------------------------------------------------------------------------- waiting

    def wait(self, requests: list[Any]) -> None:
        """Return when all requests are complete.

        Raises:
            RankError: a rank failed or ended, or does not answer. Messages are then left over, so
                every later call raises it as well.
        """
        if self._broken is not None:
            raise self._broken
        try:
            self._wait(requests)
        except RankError as error:
            self._broken = error
            raise

    def _wait(self, requests):
        test = self.mpi.Request.Testall
        if test(requests):
            return
        self._waiting.clear()
        start = listened = before = time.monotonic()
        bad_news = None  # the time of the first, which may be of a rank that did its part before
        while not test(requests):
            now = time.monotonic()
            if now - before > GRACE:  # the whole job was suspended: that does not count
                start += now - before
            before = now
            if now - listened > LISTEN:
                listened = now
                self._listen()
                if self.gone or self._has_failed():
                    bad_news = bad_news or now
            if bad_news is not None and now - bad_news > GRACE:
                self._raise_failure()
            if now - start > self.timeout:
                self._find_missing(requests, now - start)
            if now - start > YIELD:
                time.sleep(PAUSE)
            elif now - start > SPIN:
                os.sched_yield()

    def _has_failed(self):
        return self._failure is not None and self._failure[0] >= self.call

    def _raise_failure(self):
        if self._has_failed():
            _, rank, text = self._failure
            raise RankError(f"Rank {rank} failed: {text}", told=True)
        raise RankError(f"Rank {min(self.gone)} has ended its program: the others wait for it.")

    def _find_missing(self, requests, seconds):
        """Ask who else is waiting, and raise `RankError` with the ranks that are not."""
        self.notify("waiting")
        end = time.monotonic() + GRACE
        while time.monotonic() < end:
            self._listen()
            if self.mpi.Request.Testall(requests):  # just in time
                return
            time.sleep(PAUSE)
        missing = sorted(set(range(self.size)) - self._waiting - {self.rank})
        missing = missing or [rank for rank in range(self.size) if rank != self.rank]
        self._missing.update(missing)
        ranks = ("Rank " if len(missing) == 1 else "Ranks ") + ", ".join(map(str, missing))
        verb = "does" if len(missing) == 1 else "do"
        raise RankError(
            f"{ranks} {verb} not answer: the others have waited for {seconds:.0f} s (`timeout` of "
            "DataParallel)."
        )

    # ------------------------------------------------------------------------------------- notices

    def notify(self, kind: str, text: str = "") -> None:
        """Send a notice to all other ranks: "failed", "waiting", "reported" or "gone"."""
        for rank in range(self.size):
            if rank != self.rank and rank not in self.gone:
                data = (kind, self.call, self.rank, text)
                self._sent.append(self._notices.isend(data, dest=rank))

    def _listen(self):
        """Read all notices while waiting."""
        for kind, call, rank, text in self.notices():
            if kind == "waiting" and rank not in self._waiting:
                self._waiting.add(rank)
                self.notify("waiting")
            elif kind == "failed" and not self._has_failed():
                self._failure = call, rank, text

    def notices(self):
        """Yield (kind, call, rank, text) of each notice that has arrived."""
        while self._notices.Iprobe():
            notice = self._notices.recv()
            if notice[0] == "gone":
                self.gone.add(notice[2])
            elif notice[0] == "reported":
                self.reports.append((notice[2], notice[3]))
            yield notice

    def leave(self, seconds: float) -> None:
        """At the end of the program: wait until all ranks are there, at most `seconds`."""
        self.notify("gone")
        end = time.monotonic() + seconds
        while len(self.gone | self._missing) < self.size - 1 and time.monotonic() < end:
            for _ in self.notices():
                pass
            time.sleep(PAUSE)
        with contextlib.suppress(Exception):
            self.mpi.Request.Testall(self._sent)

    # ------------------------------------------------------------------------------------- objects

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, on each of them."""
        data = np.frombuffer(pickle.dumps(value), np.uint8)
        sizes = np.empty(self.size, np.int64)
        self.wait([self.world.Iallgather(np.array([len(data)]), sizes)])
        received = np.empty(sizes.sum(), np.uint8)
        self.wait([self.world.Iallgatherv(data, [received, sizes])])
        parts = np.split(received, np.cumsum(sizes)[:-1])
        return [pickle.loads(part.tobytes()) for part in parts]

    def broadcast(self, value: Any) -> Any:
        """The value of rank 0, on all ranks."""
        data = np.frombuffer(pickle.dumps(value if self.rank == 0 else None), np.uint8)
        size = np.array([len(data)])
        self.wait([self.world.Ibcast(size)])
        received = data.copy() if self.rank == 0 else np.empty(size[0], np.uint8)
        self.wait([self.world.Ibcast(received)])
        return value if self.rank == 0 else pickle.loads(received.tobytes())

    def any(self, value: bool) -> bool:
        """Whether `value` is true on any rank."""
        if self.size == 1:
            return bool(value)
        mine, result = np.array([value], np.int8), np.empty(1, np.int8)
        self.wait([self.world.Iallreduce(mine, result, self.mpi.MAX)])
        return bool(result[0])

    def on_this_node(self) -> list[int]:
        """The ranks on the same machine as this one."""
        names = self.gather(_machine())
        return [rank for rank, name in enumerate(names) if name == names[self.rank]]


def _machine():
    """What tells machines apart: two containers may have the same name."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return socket.gethostname(), file.read()
    except OSError:
        return socket.gethostname(), ""
