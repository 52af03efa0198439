"""The 64-bit ARM tiles, cross-compiled and run in an emulator, against plain loops in C.

neon/driver.c tests every tile of every instruction set of that build. It can also be built for the
host, with the same flags and every csrc/**/*.c.
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
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
FLAGS = ["-O3", "-std=gnu11", "-fno-math-errno", "-ffp-contract=fast"]  # same as in setup.py
SOURCES = [KERNELS / "csrc" / name for name in ("isa/neon.c", "isa/baseline.c", "dispatch.c")]
TRIALS = 300  # per tile


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """{table: [tile]} for the tiles that passed the driver's tests."""
    for program in (COMPILER, EMULATOR):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("neon")

    def build(source):
        flags = FLAGS if source != DRIVER else ["-O1", "-std=gnu11", "-ffp-contract=off"]
        target = folder / f"{source.stem}.o"
        run(COMPILER, *flags, f"-I{KERNELS}", "-c", source, "-o", target)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(build, [*SOURCES, DRIVER]))
    run(COMPILER, "-static", *objects, "-lm", "-o", folder / "driver")
    found = {}
    for line in run(EMULATOR, folder / "driver", TRIALS).splitlines():
        table, tile = line.split()
        found.setdefault(table, []).append(tile)
    return found


def test_neon_is_the_best_instruction_set_of_the_build(passed):
    assert list(passed) == ["neon", "baseline"]


@pytest.mark.parametrize("table", ["neon", "baseline"])
def test_every_tile_equals_plain_loops(table, passed):
    tile_list = (KERNELS / "csrc" / "tile_list.h").read_text()
    tiles = re.findall(r"^    T\(\w+, (\w+),", tile_list, re.M)
    assert len(tiles) > 40
    assert sorted(passed[table]) == sorted(tiles)
