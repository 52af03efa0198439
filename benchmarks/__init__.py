"""Benchmarks of the individual kernels (bench_*.py) and comparisons with other frameworks.

    pytest benchmarks/bench_*.py        individual kernels: checked, then timed
    python -m benchmarks.compare        whole networks, fastcnn against its peers
    python -m benchmarks.layers         every layer, activation, loss and optimizer, worst first
    python -m benchmarks.steps          where the time of one network goes, step by step
    python -m benchmarks.many_nets      two nets in two threads, the memory of eight nets
    python -m benchmarks.grid           200 random convolutions, fastcnn against PyTorch
    python -m benchmarks.peak           peak speed of this machine's FMA units
    python -m benchmarks.results        the tables of the documents, from files of results

Run them from the root of the repository. The networks (nets.py) and the named shapes are shared
with the tests (tests/support/shapes.py and graphs.py).
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
