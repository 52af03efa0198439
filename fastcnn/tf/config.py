"""`tf.config`: the only device is the CPU, whose number of threads can be set."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from fastcnn import config
from fastcnn.core.lazy import explain_missing

if TYPE_CHECKING:
    from typing import Any


class PhysicalDevice(NamedTuple):
    """A device of the machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that computes."""

    name: str
    device_type: str


CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU, if `device_type` is None or "CPU"."""
    return [CPU] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The CPU, if `device_type` is None or "CPU"."""
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU, if `device_type` is None or "CPU"."""
    return list_physical_devices(device_type)


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Accept the CPU, and an empty list of other devices.

    Raises:
        ValueError: other devices.
    """
    devices = [devices] if isinstance(devices, PhysicalDevice) else list(devices or [])
    if devices != list_physical_devices(device_type):
        raise ValueError(f"The only device is {CPU}. Received {devices}.")


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Has no effect: `tf.function` always runs functions as they are."""


def functions_run_eagerly() -> bool:
    """True."""
    return True


def _set_memory_growth(device: Any, enable: bool) -> None:
    """Raise ValueError: there are no GPUs, and the CPU's memory is not reserved."""
    raise ValueError(f"The memory of {device!r} cannot be configured: only that of GPUs can.")


def _set_intra_op(num_threads: int) -> None:
    """Set the number of threads of the kernels; 0 restores the default."""
    config.set_num_threads(int(num_threads) or None)


def _set_inter_op(num_threads: int) -> None:
    """Has no effect: layers run one after the other."""


threading = SimpleNamespace(
    set_intra_op_parallelism_threads=_set_intra_op,
    get_intra_op_parallelism_threads=config.num_threads,
    set_inter_op_parallelism_threads=_set_inter_op,
    get_inter_op_parallelism_threads=lambda: 1,
)
experimental = SimpleNamespace(
    set_memory_growth=_set_memory_growth,
    list_physical_devices=list_physical_devices,
    list_logical_devices=list_logical_devices,
    get_visible_devices=get_visible_devices,
    set_visible_devices=set_visible_devices,
    enable_op_determinism=lambda: None,  # results are always the same
)


explain_missing(sys.modules[__name__])
