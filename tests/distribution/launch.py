"""Starts programs with mpiexec, or says why that is not possible."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LIMIT = 60  # seconds until a program counts as hanging


def mpiexec():
    """The command, next to this Python or in the path; None without one."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def reason():
    """Why no program can be started, or None."""
    if importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed"
    return None if mpiexec() else "there is no mpiexec: install the package mpich"


needs_mpi = pytest.mark.skipif(reason() is not None, reason=str(reason()))


class Outcome:
    """What a program printed, its exit code, and how long it took."""

    def __init__(self, done, seconds):
        self.out, self.err, self.code, self.seconds = *done, seconds

    def __repr__(self):
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.out}\n{self.err}"


def start(ranks, module, *arguments, limit=LIMIT, **environment):
    """Run `python -m module` on some ranks and return its `Outcome`."""
    command = [mpiexec(), "-n", str(ranks)]
    if os.geteuid() == 0 and "Open MPI" in _version():
        command.append("--allow-run-as-root")
    command += [sys.executable, "-m", module, *map(str, arguments)]
    before = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        done = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"Hangs: {process.communicate()}") from None
    return Outcome((*done, process.returncode), time.monotonic() - before)


def _version():
    return subprocess.run([mpiexec(), "--version"], capture_output=True, text=True).stdout


def results(ranks, module, path, *arguments, **environment):
    """The list of what each rank wrote with `report`."""
    outcome = start(ranks, module, path, *arguments, **environment)
    assert outcome.code == 0, outcome
    return json.loads(Path(path).read_text())


def report(path, value):
    """On all ranks: write the list of their values to a file."""
    from mpi4py import MPI

    values = MPI.COMM_WORLD.gather(value)
    if values is not None:
        Path(path).write_text(json.dumps(values))
