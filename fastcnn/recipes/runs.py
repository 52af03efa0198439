"""The file of `--results`: what each run was, on which machine, and what came of it."""

from __future__ import annotations

import json
import math
import os
import statistics
from typing import TYPE_CHECKING

from fastcnn.core.version import __version__
from fastcnn.saving.atomic import atomic_write
from fastcnn.utils.system import config_rows, processor_name

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Path

IDENTITY = ("recipe", "data", "seed", "settings", "train", "tested_on")  # what a run is
RESULTS = ("accuracy", "mirrored", "seconds", "tflop", "gflops", "stopped")


def machine() -> dict[str, Any]:
    """What a run depends on besides its options."""
    rows = dict(config_rows())
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        **{name: str(rows[name]) for name in ("instruction set", "threads", "numpy", "python")},
        "fastcnn": __version__,
    }


def read(path: Path) -> list[dict[str, Any]]:
    """The runs in a file, or none if there is no file.

    Raises:
        ValueError: it is not a file of runs.
        OSError: it cannot be read.
    """
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        try:
            runs = json.load(file)["runs"]
            for run in runs:
                if not all(name in run for name in (*IDENTITY, *RESULTS)):
                    raise ValueError("a run is incomplete")
        except (ValueError, TypeError, LookupError) as error:
            raise ValueError(f"{os.fspath(path)!r} is not a file of runs: {error}") from None
    return runs


def add(path: Path, run: dict[str, Any]) -> None:
    """Add a run to a file, which is replaced as a whole."""
    runs = [*read(path), run]
    with atomic_write(path) as file:
        file.write((json.dumps({"runs": runs}, indent=1) + "\n").encode())


def find(runs: list[dict[str, Any]], wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The complete run with the same identity, or None."""
    for run in runs:
        if not run["stopped"] and all(run[name] == wanted[name] for name in IDENTITY):
            return run
    return None


def line(run: dict[str, Any]) -> str:
    """One line about a run."""
    return (
        f"{run['recipe']}, seed {run['seed']}: {run['tested_on']} accuracy {run['accuracy']:.4f} "
        f"({run['mirrored']:.4f} with the mirror image), {run['seconds']:.1f} s, "
        f"{run['tflop']:.3g} TFLOP, {run['gflops']:.3g} GFLOP/s"
    )


def summary(runs: list[dict[str, Any]]) -> str:
    """Mean and standard deviation of several runs of one recipe, and every accuracy."""
    parts = []
    for name, title in (("accuracy", "accuracy"), ("mirrored", "with the mirror image")):
        mean, deviation = mean_and_deviation([run[name] for run in runs])
        parts.append(f"{title} {mean:.4f} +- {deviation:.4f}")
    mean, deviation = mean_and_deviation([run["seconds"] for run in runs])
    each = " ".join(f"{run['accuracy']:.4f}" for run in runs)
    return (
        f"{runs[0]['recipe']}, {len(runs)} seeds: {', '.join(parts)}, {mean:.1f} +- "
        f"{deviation:.1f} s; every run: {each}"
    )


def mean_and_deviation(values: list[float]) -> tuple[float, float]:
    """The mean and the standard deviation of a sample; NaN for that of one value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan
