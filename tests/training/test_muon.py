"""Muon: orthogonal steps by the package's products, and filters as matrices."""

import json

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers, optimizers
from fastcnn.core.store import Store
from fastcnn.core.variables import Variable
from fastcnn.optimizers.orthogonal import NewtonSchulz

COEFFICIENTS = 3.4445, -4.7750, 2.0315


@pytest.fixture(params=["native", "reference"], autouse=True)
def backend(request):
    keras.config.set_backend(request.param)


def iterated(matrix, steps):
    """The iteration in float64, always with A = XX' on the left."""
    a, b, c = COEFFICIENTS
    x = matrix.astype(np.float64)
    x /= np.linalg.norm(x) + 1e-7
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (5, 5), (72, 16), (18, 40), (1, 9)])
@pytest.mark.parametrize("steps", [0, 1, 3, 5])
def test_iteration_matches_float64(shape, steps):
    matrix = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    orthogonal = NewtonSchulz(shape, "float32", *COEFFICIENTS, steps)
    for factor in (1, 1000):  # the norm of the argument does not matter; buffers are reused
        result = orthogonal(factor * matrix)
        np.testing.assert_allclose(result, iterated(matrix, steps), atol=2e-5)


def test_singular_values_move_toward_one():
    matrix = np.random.default_rng(0).standard_normal((72, 16)).astype(np.float32)
    values = np.linalg.svd(NewtonSchulz((72, 16), "float32", *COEFFICIENTS, 5)(matrix))[1]
    assert 0.6 < values.min() < values.max() < 1.3


def test_zero_and_nan_gradients():
    orthogonal = NewtonSchulz((4, 3), "float32", *COEFFICIENTS, 3)
    assert (orthogonal(np.zeros((4, 3), np.float32)) == 0).all()
    with np.errstate(all="ignore"):
        assert np.isnan(orthogonal(np.full((4, 3), np.nan, np.float32))).all()


def updated(shape, gradient, **settings):
    """A weight of ones after one update."""
    weight = Variable(np.ones(shape, np.float32))
    optimizer = optimizers.Muon(0.1, weight_decay=None, **settings)
    optimizer.build(Store([weight]))
    weight.gradient[...] = gradient
    optimizer.update()
    return weight.numpy()


def test_filters_are_updated_as_matrices():
    gradient = np.random.default_rng(0).standard_normal((3, 2, 4, 5)).astype(np.float32)
    matrix = gradient.reshape(24, 5)
    for settings in ({}, {"rms_rate": None, "ns_steps": 3}):
        filters = updated(gradient.shape, gradient, filters=True, **settings)
        dense = updated(matrix.shape, matrix, **settings)
        np.testing.assert_array_equal(filters.reshape(24, 5), dense)
    without = updated(gradient.shape, gradient)
    np.testing.assert_allclose(without, 1 - 0.1 * np.sign(gradient), atol=2e-3)  # Adam's first step


def test_filters_in_configs_and_copies():
    optimizer = optimizers.Muon(0.1, filters=True)
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    assert optimizers.deserialize(config).filters
    assert "filters" not in optimizers.Muon(0.1).get_config()  # Keras does not know it


def test_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 12, 12, 3), np.float32), rng.integers(0, 10, 64)
    results = []
    for threads in (1, 2, 3):
        keras.config.set_num_threads(threads)
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((12, 12, 3)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.Conv2D(64, 3),
                layers.GlobalAveragePooling2D(),
                layers.Dense(10),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizers.Muon(0.05, filters=True), loss)
        model.fit(x, y, batch_size=16, epochs=1, verbose=0)
        results.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    for other in results[1:]:
        np.testing.assert_array_equal(other.view(np.int32), results[0].view(np.int32))
