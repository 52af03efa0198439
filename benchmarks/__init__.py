"""Measurements: each kernel by itself (bench_*.py) and fastcnn beside other frameworks.

    pytest benchmarks/bench_*.py        one kernel at a time: checked, then timed
    python -m benchmarks.compare        whole networks, fastcnn beside its peers
    python -m benchmarks.grid           200 random convolutions, fastcnn beside PyTorch
    python -m benchmarks.peak           what this machine's FMA units can do

Run them from the root of the repository. The networks and the named shapes are those of the tests,
tests/shapes.py.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
