"""Optimizers: updates against plain loops, state that survives, arguments."""

import math

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import optimizers
from fastcnn.variables import Store, Variable


@pytest.fixture(params=["native", "reference"], autouse=True)
def backend(request):
    keras.config.set_backend(request.param)


def run(optimizer, steps=5, size=7):
    """Train two weights of `size` numbers on fixed gradients; (weights, gradients of each step)."""
    rng = np.random.default_rng(0)
    first, second = (Variable(rng.normal(size=size).astype(np.float32)) for _ in range(2))
    start = np.concatenate([first.numpy(), second.numpy()]).astype(np.float64)
    store = Store([first, second])
    optimizer.build(store)
    gradients = []
    for _ in range(steps):
        first.gradient[...] = rng.normal(size=size)
        second.gradient[...] = rng.normal(size=size)
        gradients.append(np.concatenate([first.gradient, second.gradient]).astype(np.float64))
        version = store.version
        optimizer.update()
        assert store.version > version
    return start, gradients, np.concatenate([first.numpy(), second.numpy()])


def test_adam_is_the_formula():
    w, gradients, result = run(optimizers.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-5))
    m = v = 0
    for t, g in enumerate(gradients, 1):
        m = 0.8 * m + 0.2 * g
        v = 0.99 * v + 0.01 * g * g
        w = w - 0.01 * math.sqrt(1 - 0.99**t) / (1 - 0.8**t) * m / (np.sqrt(v) + 1e-5)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0, False), (0.9, False), (0.9, True)])
def test_sgd_is_the_formula(momentum, nesterov):
    w, gradients, result = run(optimizers.SGD(0.1, momentum, nesterov))
    v = 0
    for g in gradients:
        v = momentum * v - 0.1 * g
        w = w + (momentum * v - 0.1 * g if nesterov else v)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)


def test_rmsprop_is_the_formula():
    w, gradients, result = run(optimizers.RMSprop(0.01))
    v = 0
    for g in gradients:
        v = 0.9 * v + 0.1 * g * g
        w = w - 0.01 * g / np.sqrt(v + 1e-7)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)


def test_every_registered_optimizer_is_tested_here():
    assert optimizers.registry.names() == ["adam", "rmsprop", "sgd"]


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_padding_stays_zero(name):
    variables = [Variable(np.ones(3, np.float32)), Variable(np.ones(5, np.float32))]
    store = Store(variables)
    optimizer = optimizers.get(name)
    optimizer.build(store)
    for variable in variables:
        variable.gradient[...] = 1
    optimizer.update()
    used = np.zeros(store.values.size, bool)
    for _, place in store.slices:
        used[place] = True
    assert (store.values[~used] == 0).all()
    assert (store.values[used] < 1).all()


def test_state_follows_its_weights_into_another_store():
    a, b, c = (Variable(np.ones(size, np.float32)) for size in (3, 4, 5))
    optimizer = optimizers.Adam()
    optimizer.build(Store([a, b]))
    a.gradient[...] = 1
    b.gradient[...] = 2
    optimizer.update()
    momentum = optimizer.slot("momentum", b).copy()
    assert momentum.shape == b.shape
    assert (momentum != 0).all()
    optimizer.build(Store([c, b, a]))
    np.testing.assert_array_equal(optimizer.slot("momentum", b), momentum)
    assert (optimizer.slot("momentum", c) == 0).all()
    assert optimizer.iterations == 1


def test_one_optimizer_is_not_for_two_models():
    optimizer = optimizers.Adam()
    optimizer.build(Store([Variable(np.ones(3, np.float32))]))
    with pytest.raises(ValueError, match="belongs to another model"):
        optimizer.build(Store([Variable(np.ones(3, np.float32))]))


def test_learning_rate_can_be_read_and_set():
    optimizer = optimizers.SGD(0.5)
    assert float(optimizer.learning_rate) == optimizer.learning_rate.numpy() == 0.5
    optimizer.learning_rate = 0.25
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate.assign(0.125)
    assert optimizer.learning_rate == 0.125
    for wrong in (-1, math.nan, "fast"):
        with pytest.raises(ValueError, match="`learning_rate` must be a float >= 0"):
            optimizer.learning_rate = wrong
    assert optimizer.learning_rate == 0.125


def test_lookup_and_config():
    for identifier in ("adam", "Adam", "ADAM", optimizers.Adam, optimizers.Adam()):
        assert type(optimizers.get(identifier)) is optimizers.Adam
    optimizer = optimizers.SGD(0.5, momentum=0.5, nesterov=True, name="mine")
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'adan'. Did you mean .* names are: "):
        optimizers.get("adan")


def test_keras_config():
    """Recorded from Keras 3.15."""
    assert optimizers.Adam(name="adam").get_config() == {
        "name": "adam",
        "learning_rate": 0.001,
        "weight_decay": None,
        "clipnorm": None,
        "global_clipnorm": None,
        "clipvalue": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "amsgrad": False,
    }


def test_arguments():
    with pytest.raises(ValueError, match=r"`beta_1` must be in \[0, 1\). Received beta_1=1"):
        optimizers.Adam(beta_1=1)
    with pytest.raises(ValueError, match=r"`momentum` must be in \[0, 1\]. Received momentum=2"):
        optimizers.SGD(momentum=2)
    with pytest.raises(ValueError, match=r"Unrecognized argument of Adam: lr=0.1"):
        optimizers.Adam(lr=0.1)
    with pytest.raises(NotImplementedError, match="`clipnorm` is not supported yet"):
        optimizers.Adam(clipnorm=1.0)
