"""The fuzzers' targets on some thousand changed files, without atheris, on every test run."""

import numpy as np
import pytest

from tests.fuzz import targets

ROUNDS = 150


def changed(seed, rng):
    """A file with some bytes changed, a piece taken out, put in or repeated."""
    data = bytearray(seed)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(0, len(data) + 1))
        length = int(min(rng.exponential(8), 200))
        piece = data[place : place + length]
        data[place : place + length] = (
            rng.bytes(length),
            b"",
            piece + piece,
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
