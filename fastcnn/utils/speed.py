"""What `python -m fastcnn` measures: the peak of multiply-adds, and the package's share of it.

A wheel comes without a compiler for a loop of FMA instructions on registers, as `benchmarks.peak`
has it. So the peak is that of the package's own kernel that comes closest: the product of a dense
layer whose weights fill half of a first-level cache of 32 KiB. On one thread of an AMD EPYC with
AVX2 both reached 87 GFLOP/s.

All calls take turns until the time is over, and the fastest counts: other programs make a call
slower, never faster.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.tables import Table
from fastcnn.kernels import choice

if TYPE_CHECKING:
    from collections.abc import Callable

PRODUCTS = ((256, 16), (128, 32), (64, 64))  # inputs x outputs; which is the fastest depends
ROWS = 512  # of a product and thread: it takes longer than to start a team
BATCH = 32
TURN = 0.005  # seconds
NOTES = (
    "The peak is the fastest product of a dense layer whose weights stay in the first cache.",
    "Shares count the multiplications and additions of the dense formulas. Winograd's convolution "
    "needs fewer, and training leaves out gradients that are zero, so shares can exceed 100%.",
)


class Work(NamedTuple):
    """Something to measure.

    Attributes:
        name: what it is, for the table.
        flops: multiplications and additions of a call.
        threads: how many threads it may use.
        call: a function.
    """

    name: str
    flops: float
    threads: int
    call: Callable[[], object]


def measure(seconds: float = 3.0) -> Table:
    """Measure for so many seconds; a table of times, GFLOP/s and shares of the peak."""
    count = kernels.native.num_threads()
    works = [
        *(work for threads in sorted({1, count}) for work in _products(threads)),
        *_convolutions(count),
        *_networks(count),
    ]
    best = dict.fromkeys(works, math.inf)
    for work in works:
        work.call()  # allocates
    end = time.perf_counter() + seconds
    for work in itertools.cycle(works):
        if best[work] < math.inf and time.perf_counter() > end:
            break
        with config.threads(work.threads):
            best[work] = min(best[work], _fastest_call(work.call))
    found: dict[str, tuple[float, float]] = {}  # the fastest of each name: (FLOP/s, seconds)
    for work, duration in best.items():
        found[work.name] = max(found.get(work.name, (0.0, 0.0)), (work.flops / duration, duration))
    return _table(found)


def _fastest_call(call):
    best, end = math.inf, time.perf_counter() + TURN
    begin = time.perf_counter()
    while begin < end:
        call()
        now = time.perf_counter()
        best, begin = min(best, now - begin), now
    return best


def _table(found):
    peak = max(rate for name, (rate, _) in found.items() if name.startswith("peak"))
    rows = [
        [name, f"{1e3 * seconds:.3f}", f"{rate / 1e9:.1f}", f"{rate / peak:.0%}"]
        for name, (rate, seconds) in found.items()
    ]
    notes = list(NOTES)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > config.num_threads() + 0.5:
        notes.append(f"Other programs are running (load {load:.1f}): figures may be too low.")
    headers = ["", "ms", "GFLOP/s", "share of the peak"]
    return Table(headers, ["left", "right", "right", "right"], rows, notes=notes)


def _products(threads):
    name = f"peak of multiply-adds, {threads} thread{'s' * (threads > 1)}"
    for inputs, outputs in PRODUCTS:
        x, w = _random(ROWS * threads, inputs), _random(inputs, outputs)
        y = np.empty((len(x), outputs), np.float32)
        call = kernels.bind("dense_forward", x, w, None, y, relu=False)
        yield Work(name, 2.0 * len(x) * inputs * outputs, threads, call)


def _convolutions(threads):
    images = 4 * threads  # a millisecond: longer calls are seldom left alone by other programs
    x, w = _random(images, 18, 18, 64), _random(3, 3, 64, 64)
    y = np.empty((images, 16, 16, 64), np.float32)
    settings = {"strides": (1, 1), "dilation": (1, 1), "pads": (0, 0, 0, 0), "relu": False}
    for algorithm in ("direct", "winograd"):
        with choice.forced("conv2d_forward", algorithm):
            call = kernels.bind("conv2d_forward", x, w, None, y, relu_max=math.inf, **settings)
        name = f"convolution 3x3, 64 to 64 channels, {algorithm}"
        yield Work(name, 2.0 * y.size * w[..., 0].size, threads, call)


def _networks(threads):
    """The CNN of Keras's tutorial of Fashion-MNIST."""
    from fastcnn import layers
    from fastcnn.models import Sequential

    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    random = np.random.RandomState(0)
    x = random.randint(0, 256, (BATCH, 28, 28, 1)).astype(np.uint8)
    y = random.randint(0, 10, BATCH)
    passes = [
        2.0 * BATCH * math.prod(layer.output_shape[1:-1]) * layer.kernel.size
        for layer in model.layers
        if hasattr(layer, "kernel")
    ]
    name = f"tutorial's CNN, {{}} of {BATCH} images"
    flops = 3 * sum(passes) - passes[0]  # two gradients, but for that of the images
    yield Work(name.format("training step"), flops, threads, lambda: model.train_on_batch(x, y))
    yield Work(name.format("prediction"), sum(passes), threads, lambda: model.predict_on_batch(x))


def _random(*shape):
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
