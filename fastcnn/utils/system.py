"""What fastcnn runs on, for bug reports."""

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


def show_config() -> None:
    """Print version, backend, instruction set and threads: what a bug report needs."""
    for name, value in config_rows():
        print(f"{name + ':':<17}{value}")
