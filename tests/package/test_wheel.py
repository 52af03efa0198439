"""The repaired wheel that tools/wheel.sh builds: what is in it, and that it is what is tested."""

import os
import re
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import fastcnn
from fastcnn.kernels import native

pytestmark = pytest.mark.skipif(
    "FASTCNN_WHEEL" not in os.environ, reason="tools/wheel.sh builds the wheel and tests it"
)


@pytest.fixture(scope="module")
def wheel():
    return Path(os.environ["FASTCNN_WHEEL"])


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def test_it_is_at_most_two_megabytes(wheel):
    assert wheel.stat().st_size <= 2_000_000


def test_it_holds_no_sources_of_the_extension(names):
    package = [name for name in names if name.startswith("fastcnn/")]
    suffixes = {Path(name).suffix for name in package}
    assert suffixes == {".py", ".pyi", ".typed", ".so", ".css", ".html", ".js"}
    assert [name for name in package if name.endswith(".so")] == ["fastcnn/kernels/native.abi3.so"]


def test_it_holds_nothing_but_the_package_its_libraries_and_metadata(names):
    version = fastcnn.__version__
    assert {name.partition("/")[0] for name in names} <= {
        "fastcnn", "fastcnn.libs", f"fastcnn-{version}.dist-info"
    }  # fmt: skip
    libraries = [name for name in names if name.startswith("fastcnn.libs/")]
    assert len(libraries) == native.has_openmp()
    assert all(re.fullmatch(r"fastcnn.libs/libgomp[-.\w]+", name) for name in libraries)


def test_one_wheel_is_for_all_pythons_of_a_platform(wheel):
    _, _, python, abi, platform = wheel.stem.split("-")
    assert (python, abi) == ("cp311", "abi3")
    assert platform.startswith(("manylinux", "musllinux"))  # auditwheel has repaired it


def test_the_tested_package_is_the_installed_wheel(names):
    installed = metadata.distribution("fastcnn").locate_file("fastcnn")
    assert Path(fastcnn.__file__).parent == Path(str(installed))
    assert Path(fastcnn.__file__).is_relative_to(sys.prefix)
    assert {str(file) for file in metadata.files("fastcnn")} >= set(names)


def test_it_runs_the_openmp_runtime_that_it_brought_along():
    with open("/proc/self/maps", encoding="utf-8") as file:
        loaded = {line.split()[-1] for line in file if "libgomp" in line}
    own = Path(fastcnn.__file__).parent.with_name("fastcnn.libs")
    assert any(Path(name).is_relative_to(own) for name in loaded) == native.has_openmp()
