"""The fuzzers' targets on a few thousand modified files, without atheris, in every test run."""

import numpy as np
import pytest

from tests.fuzz import targets

ROUNDS = 150


def changed(seed, rng):
    """A file with some bytes changed, inserted, removed or repeated."""
    data = bytearray(seed)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(0, len(data) + 1))
        length = int(min(rng.exponential(8), 200))
        segment = data[start : start + length]
        data[start : start + length] = (
            rng.bytes(length),
            b"",
            segment + segment,
            bytes(length),
            b"\xff" * length,
        )[rng.integers(5)]
    return bytes(data)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_target(name):
    rng = np.random.default_rng(len(name))
    for seed in targets.SEEDS[name]:
        targets.TARGETS[name](seed)
        for _ in range(ROUNDS):
            targets.TARGETS[name](changed(seed, rng))
    targets.TARGETS[name](b"")


def test_words():
    assert {"Dense", "keras.layers", "kernel_size", "Adam"} <= set(targets.words())
