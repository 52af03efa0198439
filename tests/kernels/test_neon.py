"""The tiles for ARM, cross-compiled and run in an emulator, against plain loops in C.

neon/driver.c tests every tile of every instruction set of that build: NEON and baseline on 64 bits,
baseline on 32 bits (armv7), where pointers and sizes have half the width. The driver can also be
built for the host, with the same flags and every csrc/**/*.c.
"""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.paths import SOURCES

KERNELS = SOURCES / "fastcnn" / "kernels"
DRIVER = Path(__file__).parent / "neon" / "driver.c"
FLAGS = ["-std=gnu11", "-fno-math-errno", "-ffp-contract=fast"]  # same as in setup.py
C_FILES = [KERNELS / "csrc" / name for name in ("isa/neon.c", "isa/baseline.c", "dispatch.c")]
# Compiler, its optimization (that of setup.py takes a minute), emulator, instruction sets.
MACHINES = {
    "aarch64": ("aarch64-linux-gnu-gcc", "-O3", "qemu-aarch64", ["neon", "baseline"]),
    "armv7": ("arm-linux-gnueabihf-gcc", "-O1", "qemu-arm", ["baseline"]),
}
TRIALS = 300  # per tile


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("machine", MACHINES)
def test_every_tile_equals_plain_loops(machine, tmp_path):
    compiler, optimization, emulator, tables = MACHINES[machine]
    for program in (compiler, emulator):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")

    def build(source):
        flags = [optimization, *FLAGS]
        if source == DRIVER:
            flags = ["-O1", "-std=gnu11", "-ffp-contract=off"]
        target = tmp_path / f"{source.stem}.o"
        run(compiler, *flags, f"-I{KERNELS}", "-c", source, "-o", target)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(build, [*C_FILES, DRIVER]))
    run(compiler, "-static", *objects, "-lm", "-o", tmp_path / "driver")
    passed = {}  # {table: [tile]}, the best instruction set first
    for line in run(emulator, tmp_path / "driver", TRIALS).splitlines():
        table, tile = line.split()
        passed.setdefault(table, []).append(tile)

    assert list(passed) == tables
    tile_list = (KERNELS / "csrc" / "tile_list.h").read_text()
    tiles = re.findall(r"^    T\(\w+, (\w+),", tile_list, re.M)
    assert len(tiles) > 40
    for table in tables:
        assert sorted(passed[table]) == sorted(tiles)
