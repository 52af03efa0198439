"""`python -m fastcnn`: what the package runs on, why, and how fast that is."""

import os
import subprocess
import sys

import pytest
import threadpoolctl

import fastcnn as keras
from fastcnn import __main__, config, kernels
from fastcnn.kernels import native
from fastcnn.utils import speed, system
from tests.support.paths import ROOT
from tests.support.shapes import NETS


def run(**environment):
    command = [sys.executable, "-m", "fastcnn"]
    env = os.environ | environment
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_output():
    out = run(OMP_NUM_THREADS="1", FASTCNN_BACKEND="")
    lines = dict(line.split(":", 1) for line in out.partition("\n\n")[0].splitlines())
    found = {name: value.strip() for name, value in lines.items()}
    assert found["fastcnn"] == keras.__version__
    assert found["instruction set"].startswith(f"{kernels.instruction_set()} (")
    assert found["threads"].startswith("1 (")
    if native.has_openmp():
        assert found["threads"].endswith("OMP_NUM_THREADS=1)")
    assert found["OpenMP"] == system.openmp_library()
    assert found["processor"]
    assert "Measuring for three seconds" in out
    assert "│ peak of multiply-adds, 1 thread " in out
    assert "\x1b" not in out


def test_reference_backend_is_not_measured():
    out = run(FASTCNN_BACKEND="reference")
    assert "backend:         reference (FASTCNN_BACKEND is set)\n" in out
    assert out.endswith("The speed is measured with the native backend only.\n")


def test_interrupt(monkeypatch, capsys):
    def measure():
        raise KeyboardInterrupt

    monkeypatch.setattr(speed, "measure", measure)
    assert __main__.main([]) == 130
    assert capsys.readouterr().out.endswith("Measuring for three seconds ...\n")


def test_measure():
    config.set_num_threads(2)
    table = speed.measure(0.02)
    names = [row[0] for row in table.rows]
    threads = [1, 2] if native.has_openmp() else [1]
    plural = {1: "1 thread", 2: "2 threads"}
    assert names[: len(threads)] == [f"peak of multiply-adds, {plural[n]}" for n in threads]
    assert names[-1] == "tutorial's CNN, prediction of 32 images"
    assert len(names) == len(threads) + 4
    peak = max(float(row[2]) for row in table.rows[: len(threads)])
    for _, milliseconds, rate, share in table.rows:
        assert float(milliseconds) > 0
        assert float(share.rstrip("%")) == pytest.approx(100 * float(rate) / peak, abs=2)


def test_operations_are_those_of_the_dense_formulas():
    works = {work.name: work.flops for work in speed._networks(1)}
    net = NETS["tutorial"]
    assert works["tutorial's CNN, training step of 32 images"] == net.flops(32, training=True)
    assert works["tutorial's CNN, prediction of 32 images"] == net.flops(32, training=False)


def test_other_programs_are_mentioned(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0, 0), raising=False)
    found = {"peak": (2e9, 1e-3), "work": (1e9, 2e-3)}
    table = speed._table(found)
    assert table.rows == [["peak", "1.000", "2.0", "100%"], ["work", "2.000", "1.0", "50%"]]
    assert table.notes[-1] == "Other programs are running (load 99.0): figures may be too low."
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0, 0))
    assert len(speed._table(found).notes) == 2


def test_reasons_of_the_threads(monkeypatch, tmp_path):
    monkeypatch.setattr(native, "has_openmp", lambda: True)
    monkeypatch.setattr(native, "num_threads", lambda: config.default_num_threads(str(tmp_path)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(8), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config.set_num_threads(None)

    def why():
        return system.why_threads(str(tmp_path))

    cpus = "8 CPUs that this process may use"
    assert why() == cpus
    (tmp_path / "cpu.max").write_text("250000 100000")
    assert why() == f"the smallest of: {cpus}, the control group's CPU quota of 2.5"
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    reason = f"the smallest of: {cpus}, the control group's CPU quota of 2.5, OMP_NUM_THREADS=4"
    assert why() == reason
    monkeypatch.setattr(native, "num_threads", lambda: 1)
    assert why() == f"OpenMP grants 1; else 2, {reason}"
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(1))
    assert "the smallest of: 1 CPU that" in why()
    config.set_num_threads(3)
    assert why() == "set by set_num_threads"
    monkeypatch.setattr(native, "has_openmp", lambda: False)
    assert why() == "this build has no OpenMP"
    assert system.openmp_library() == "none: this build uses one thread"


def test_reasons_of_the_instruction_set(monkeypatch):
    monkeypatch.delenv("FASTCNN_ISA", raising=False)
    names = ["avx512", "avx2", "baseline"]
    monkeypatch.setattr(kernels, "instruction_sets", lambda: names)
    monkeypatch.setattr(kernels, "instruction_set", lambda: "avx512")
    every = "avx512, avx2, baseline"
    assert system.why_instruction_set() == f"the best of those that run here: {every}"
    monkeypatch.setattr(kernels, "instruction_set", lambda: "avx2")
    assert system.why_instruction_set() == "set by set_instruction_set; the best here is avx512"
    monkeypatch.setenv("FASTCNN_ISA", "avx2")
    assert system.why_instruction_set() == "FASTCNN_ISA is set; the best here is avx512"
    monkeypatch.delenv("FASTCNN_ISA")
    monkeypatch.setattr(kernels, "instruction_sets", lambda: ["neon"])
    monkeypatch.setattr(kernels, "instruction_set", lambda: "neon")
    assert "the only one that this build has" in system.why_instruction_set()


@pytest.mark.skipif(not native.has_openmp(), reason="this build has no OpenMP")
def test_openmp_library():
    """It is one of those that threadpoolctl finds in this process."""
    infos = threadpoolctl.threadpool_info()
    paths = {os.path.realpath(info["filepath"]) for info in infos if info["user_api"] == "openmp"}
    assert os.path.realpath(system.openmp_library()) in paths
