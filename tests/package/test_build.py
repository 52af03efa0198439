"""The build: it reports missing requirements in one sentence, and its result runs anywhere."""

import os
import re
import subprocess
import sys
import tarfile

import pytest

import fastcnn
from fastcnn import kernels
from tests.support.paths import ROOT, SOURCES

NO_OPENMP = """#!/bin/sh
case " $* " in *" -fopenmp "*) exit 1 ;; esac
exec cc "$@"
"""
NO_HEADERS = """#!/bin/sh
for word; do [ -f "$word" ] && grep -q Python.h "$word" && exit 1; done
exec cc "$@"
"""


def setup(*arguments, **environment):
    """Run setup.py with these arguments."""
    return subprocess.run(
        [sys.executable, "setup.py", *map(str, arguments)],
        cwd=SOURCES,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def script(folder, text):
    path = folder / "compiler"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("compiler", "sentence"),
    [
        (None, "fastcnn needs a C compiler, and `/nowhere/cc` does not work here."),
        (NO_HEADERS, "fastcnn needs the headers of this Python"),
        (NO_OPENMP, "set FASTCNN_NO_OPENMP=1 for a build that uses one thread."),
    ],
    ids=["compiler", "headers", "OpenMP"],
)
def test_error_says_what_is_missing(tmp_path, compiler, sentence):
    path = "/nowhere/cc" if compiler is None else script(tmp_path, compiler)
    done = setup("build_ext", "-b", tmp_path, "-t", tmp_path, CC=path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert sentence in last
    assert "Traceback" not in done.stderr


def test_wheel_contains_no_sources_of_the_extension(tmp_path):
    done = setup("build_py", "--build-lib", tmp_path)
    assert done.returncode == 0, done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".py", ".pyi", ".typed", ".css", ".html", ".js"}
    assert {path.relative_to(tmp_path).parts[0] for path in files} == {"fastcnn"}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """{path: content} of the source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    done = setup("egg_info", "--egg-base", folder, "sdist", "--dist-dir", folder)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile()]
        return {m.name.partition("/")[2]: tar.extractfile(m).read() for m in members}


def test_sdist_contains_the_whole_repository(sdist):
    if not (SOURCES / ".git").exists():
        pytest.skip("not a repository")
    listed = subprocess.run(["git", "ls-files"], cwd=SOURCES, capture_output=True, text=True)
    tracked = {name for name in listed.stdout.splitlines() if (SOURCES / name).exists()}
    assert tracked - set(sdist) == set()
    assert not [name for name in sdist if name.endswith((".so", ".pyc", "native.c"))]


def test_description_has_no_links_to_files(sdist):
    text = sdist["PKG-INFO"].decode("utf-8")
    assert "\n# fastcnn\n" in text
    assert "| docs/keras.md |" in text
    assert not re.findall(r"\]\((?!https?:)", text)


@pytest.mark.parametrize("folder", [ROOT, "/"], ids=["the source tree", "elsewhere"])
def test_runs_from_any_folder(folder):
    code = "from fastcnn import kernels; print(kernels.instruction_set())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == kernels.instruction_set()


@pytest.mark.parametrize("name", ["sse9", "neon", "avx512f"])
def test_unavailable_instruction_set_is_an_error(name):
    if name in kernels.instruction_sets():
        pytest.skip("this machine supports it")
    done = subprocess.run(
        [sys.executable, "-c", "import fastcnn.kernels"],
        env={**os.environ, "FASTCNN_ISA": name},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"Received {name!r}" in done.stderr
    for known in kernels.instruction_sets():
        assert repr(known) in done.stderr


def test_show_config(capsys):
    fastcnn.show_config()
    out = capsys.readouterr().out
    assert kernels.instruction_set() in out
    assert fastcnn.__version__ in out
