"""`keras.random`: distributions, types and seeds."""

import math

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import random
from fastcnn.core.tensor import Tensor

DRAWS = {  # a call, the mean and the standard deviation of what it draws
    "normal": (lambda **k: random.normal((40_000,), 2.0, 3.0, **k), 2, 3),
    "uniform": (lambda **k: random.uniform((40_000,), -1, 3, **k), 1, 4 / math.sqrt(12)),
    "truncated_normal": (lambda **k: random.truncated_normal((40_000,), 1.0, 2.0, **k), 1, 1.7592),
    "randint": (lambda **k: random.randint((40_000,), 3, 7, **k), 4.5, math.sqrt(15 / 12)),
    "gamma": (lambda **k: random.gamma((40_000,), 4.0, **k), 4, 2),
    "beta": (lambda **k: random.beta((40_000,), 2.0, 2.0, **k), 0.5, math.sqrt(0.05)),
    "binomial": (lambda **k: random.binomial((40_000,), 10, 0.5, **k), 5, math.sqrt(2.5)),
    "categorical": (lambda **k: random.categorical(np.log([[0.25, 0.75]]), 40_000, **k), 0.75,
                    math.sqrt(3 / 16)),
    "dropout": (lambda **k: random.dropout(np.ones(40_000), 0.5, **k), 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_distribution(name):
    draw, mean, deviation = DRAWS[name]
    values = draw(seed=3)
    assert type(values) is Tensor
    assert values.dtype == (np.int32 if name in ("randint", "categorical") else
                            np.float64 if name == "dropout" else np.float32)  # fmt: skip
    assert abs(values.mean(dtype=float) - mean) < 5 * deviation / math.sqrt(values.size)
    assert abs(values.std(dtype=float) / deviation - 1) < 0.05


@pytest.mark.parametrize("name", [*DRAWS, "shuffle"])
def test_seeds(name):
    draw = DRAWS[name][0] if name in DRAWS else lambda **k: random.shuffle(np.arange(40_000), **k)
    first = draw(seed=7)
    np.testing.assert_array_equal(first, draw(seed=7))
    assert (first != draw(seed=8)).any()
    seeds = random.SeedGenerator(7)
    np.testing.assert_array_equal(first, draw(seed=seeds))
    second = draw(seed=seeds)
    assert (first != second).any()
    keras.utils.set_random_seed(7)
    unseeded = draw()
    assert (unseeded != draw()).any()
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(unseeded, draw())


def test_ranges_and_shapes():
    assert np.abs(random.truncated_normal((5000,), seed=1)).max() <= 2
    values = random.randint((2, 5000), -1, 2, dtype="int64", seed=1)
    assert values.dtype == np.int64
    assert np.unique(values).tolist() == [-1, 0, 1]
    assert random.categorical(np.zeros((3, 4)), 2).shape == (3, 2)
    assert random.uniform((), seed=1).shape == ()
    assert random.uniform((3,), 0, 5, dtype="int32", seed=1).dtype == np.int32
    assert random.normal((2,), dtype="float64").dtype == np.float64
    assert random.gamma((3, 2), [1.0, 100.0], seed=1)[:, 1].min() > 20
    assert sorted(random.shuffle([[3, 1, 2]], axis=1, seed=2)[0].tolist()) == [1, 2, 3]


def test_dropout_of_whole_axes():
    kept = random.dropout(np.ones((6, 50), np.float32), 0.4, noise_shape=(None, 1), seed=1)
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.6])
    assert (kept == kept[:, :1]).all()
    assert (random.dropout(np.ones(3), 1.0) == 0).all()
    assert (random.dropout(np.ones(3), 0.0) == 1).all()


def test_seed_generators_have_a_config():
    seeds = random.SeedGenerator(4, name="mine")
    assert seeds.get_config() == {"seed": 4, "name": "mine"}
    assert seeds.next().tolist() == [4, 0]
    assert seeds.next().tolist() == [4, 1]
    again = random.SeedGenerator.from_config(seeds.get_config())
    assert again.state.numpy().tolist() == [4, 0]
    assert random.SeedGenerator().state.numpy()[0] > 0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("seed", lambda: random.normal((2,), seed="a")),
        ("seed", lambda: random.SeedGenerator(1.5)),
        ("dtype", lambda: random.normal((2,), dtype="int32")),
        ("dtype", lambda: random.randint((2,), 0, 3, dtype="float32")),
        ("logits", lambda: random.categorical([0.0, 1.0], 3)),
        ("rate", lambda: random.dropout([1.0], 1.5)),
        ("backend", lambda: random.SeedGenerator(1, backend="x")),
    ],
)
def test_errors_name_the_argument(name, call):
    with pytest.raises((ValueError, NotImplementedError), match=name):
        call()
