"""What fastcnn runs on, for bug reports, and why on that."""

from __future__ import annotations

import contextlib
import os

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.version import __version__


def config_rows() -> list[tuple[str, object]]:
    """(name, value) of what `show_config` prints."""
    import platform  # takes a millisecond, and bug reports are rare

    return [
        ("fastcnn", __version__),
        ("backend", config.backend()),
        ("instruction set", kernels.instruction_set()),
        ("threads", kernels.native.num_threads()),  # 1 in a build without OpenMP
        ("numpy", np.__version__),
        ("python", platform.python_version()),
        # not platform.platform(), which runs the program `uname`
        ("platform", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("libc", " ".join(platform.libc_ver())),
    ]


def processor_name() -> str:
    """The name of the processor, where Linux says it; otherwise the architecture."""
    import platform

    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def show_config() -> None:
    """Print version, backend, instruction set and threads: what a bug report needs."""
    _print(config_rows())


def explain_config() -> None:
    """Print what `show_config` does, with reasons, the processor and the OpenMP library."""
    rows = dict(config_rows())
    if os.environ.get("FASTCNN_BACKEND"):
        rows["backend"] = f"{rows['backend']} (FASTCNN_BACKEND is set)"
    rows["instruction set"] = f"{rows['instruction set']} ({why_instruction_set()})"
    rows["threads"] = f"{rows['threads']} ({why_threads()})"
    rows["OpenMP"] = openmp_library()
    rows["processor"] = processor_name()
    _print(rows.items())


def _print(rows):
    for name, value in rows:
        print(f"{name + ':':<17}{value}")


def why_instruction_set() -> str:
    """Why the kernels use the instruction set that they use."""
    best, *others = kernels.instruction_sets()
    if os.environ.get("FASTCNN_ISA"):
        return f"FASTCNN_ISA is set; the best here is {best}"
    if kernels.instruction_set() != best:
        return f"set by set_instruction_set; the best here is {best}"
    if not others:
        return "the only one that this build has for this processor"
    return f"the best of those that run here: {', '.join([best, *others])}"


def why_threads(cgroup: str = "/sys/fs/cgroup") -> str:
    """Why the kernels use the number of threads that they use."""
    if not kernels.native.has_openmp():
        return "this build has no OpenMP"
    if config.threads_were_set():
        return "set by set_num_threads"
    limits = [text for _, text in config.thread_limits(cgroup)]
    wanted = config.default_num_threads(cgroup)
    reason = limits[0] if len(limits) == 1 else f"the smallest of: {', '.join(limits)}"
    granted = kernels.native.num_threads()
    return reason if granted == wanted else f"OpenMP grants {granted}; else {wanted}, {reason}"


def openmp_library() -> str:
    """The path of the OpenMP library that the kernels use."""
    if not kernels.native.has_openmp():
        return "none: this build uses one thread"
    import ctypes

    class Info(ctypes.Structure):  # Dl_info of dlfcn.h
        _fields_ = [
            ("file", ctypes.c_char_p),
            ("base", ctypes.c_void_p),
            ("name", ctypes.c_char_p),
            ("address", ctypes.c_void_p),
        ]

    try:
        function = ctypes.CDLL(kernels.native.__file__).omp_get_max_threads
        find = ctypes.CDLL(None).dladdr
    except (AttributeError, OSError, TypeError):  # not POSIX
        return "linked into the kernels, path unknown on this system"
    find.argtypes = ctypes.c_void_p, ctypes.POINTER(Info)
    info = Info()
    if not find(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(info)):
        return "path unknown"
    return os.fsdecode(info.file)
