"""`DataParallel`, and which distribution is set."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fastcnn import config
from fastcnn.core import ranks
from fastcnn.core.arguments import check_choice, check_count, check_number
from fastcnn.distribution import checks, ending
from fastcnn.distribution.communicator import Communicator
from fastcnn.distribution.replicas import REDUCTIONS, Replicas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

TIMEOUT = 600.0

_communicator: Communicator | None = None
_current: DataParallel | None = None


def communicator() -> Communicator:
    """The `Communicator` of this process; the first call starts MPI."""
    global _communicator
    if _communicator is None:
        _communicator = Communicator(TIMEOUT)
        if _communicator.size > 1:
            ending.install(_communicator)
    return _communicator


class DataParallel:
    """Trains one model in all processes that `mpiexec` started, each on a part of every batch.

    Args:
        device_mesh: None.
        devices: None, or all of `list_devices()`.
        auto_shard_dataset: True: all ranks have the same data, and each takes its part.
        reduction: "ordered": gradients are added in an order that depends on the batch alone, so
            results have the same bits for any number of ranks. "allreduce": by `MPI_Allreduce`,
            whose order depends on the number of ranks and the library.
        slice_size: the samples that are computed at a time, if the reduction is "ordered". The
            default is a quarter of the batch, at most 32. More ranks than a batch has slices do not
            help. Another slice size gives other bits.
        timeout: seconds to wait for a rank before the job is ended.

    `batch_size` in `fit` is that of the whole batch, as in Keras. Weights, optimizer and random
    generators are those of rank 0 at the start of `fit`; logs are the same on all ranks.

    Raises:
        ModuleNotFoundError: mpi4py or an MPI library is missing.
        NotImplementedError: devices other than all ranks.
    """

    batch_dim_name = "batch"

    def __init__(
        self,
        device_mesh: None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
        *,
        reduction: str = "ordered",
        slice_size: int | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if device_mesh is not None:
            raise NotImplementedError(
                "The argument `device_mesh` is not supported: a model is distributed over all "
                f"processes that `mpiexec` started. Received device_mesh={device_mesh!r}."
            )
        if not auto_shard_dataset:
            raise NotImplementedError(
                "The argument `auto_shard_dataset` must be True: all ranks have the same data, and "
                "each takes its part of every batch."
            )
        self.reduction = check_choice(reduction, "reduction", tuple(REDUCTIONS))
        self.slice_size = None if slice_size is None else check_count(slice_size, "slice_size")
        self.timeout = check_number(timeout, "timeout")
        if self.timeout <= 0:
            raise ValueError(f"The argument `timeout` must be positive. Received {timeout!r}.")
        if devices is not None and list(devices) != list_devices():
            raise NotImplementedError(
                "The argument `devices` must be None or all of `list_devices()`. "
                f"Received devices={devices!r}."
            )
        communicator()

    @property
    def num_processes(self) -> int:
        """The number of ranks."""
        return communicator().size

    @property
    def num_model_replicas(self) -> int:
        """The number of ranks."""
        return communicator().size

    @property
    def data_shard_id(self) -> int:
        """The rank of this process: 0 prints and writes files."""
        return communicator().rank

    @property
    def auto_shard_dataset(self) -> bool:
        """True."""
        return True

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Context manager that sets this distribution, and the previous one at its end."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def __repr__(self) -> str:
        return f"<DataParallel over {self.num_processes} ranks, reduction={self.reduction!r}>"


def set_distribution(value: DataParallel | None) -> None:
    """Distribute every following `fit`, `evaluate` and `predict`; None: do not.

    All ranks must call it.

    Raises:
        ValueError: the ranks have different versions or instruction sets.
    """
    global _current
    if value is not None and not isinstance(value, DataParallel):
        raise ValueError(f"The distribution must be a `DataParallel` or None. Received {value!r}.")
    if value is None:
        ranks.current = None
    else:
        messages = communicator()
        messages.timeout = value.timeout
        if messages.size > 1:
            checks.compare(messages, checks.of_program())
            _share_cores(messages)
        ranks.current = Replicas(messages, value.reduction, value.slice_size)
    _current = value
    config.changed()  # plans average over other batches


def distribution() -> DataParallel | None:
    """The distribution that is set, or None."""
    return _current


def list_devices(device_type: str | None = None) -> list[str]:
    """One name for each rank: ["cpu:0", "cpu:1", ...]."""
    if device_type is not None and device_type.lower() != "cpu":
        return []
    return [f"cpu:{rank}" for rank in range(communicator().size)]


def get_device_count(device_type: str | None = None) -> int:
    """The number of ranks."""
    return len(list_devices(device_type))


def _share_cores(messages: Communicator) -> None:
    """Divide the cores of each machine among its ranks, unless the number of threads was set.

    `OMP_NUM_THREADS` is the default that `config.num_threads` reads.
    """
    here = messages.on_this_node()
    available = messages.gather((sorted(_affinity()), config.default_num_threads()))
    if config.threads_were_set() or os.environ.get("OMP_NUM_THREADS"):
        return
    cores = {core for rank in here for core in available[rank][0]}
    limit = max(available[rank][1] for rank in here)  # of the control group
    count = min(len(cores), limit) if len(here) > 1 else limit
    own = available[messages.rank][1]
    is_bound = own * len(here) <= len(cores)  # `mpiexec` has divided them already
    os.environ["OMP_NUM_THREADS"] = str(own if is_bound else max(1, count // len(here)))


def _affinity() -> Any:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return range(os.cpu_count() or 1)
