"""One pass over the weights: the same bits for any number of threads, also for custom steps."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import constraints, optimizers
from fastcnn.core.store import Store
from fastcnn.core.variables import Variable
from fastcnn.kernels import native

CASES = {
    **{name: lambda name=name, **s: optimizers.registry.lookup(name)(0.01, **s)
       for name in optimizers.registry.names()},
    "momentum": lambda **s: optimizers.SGD(0.01, 0.9, **s),
    "nesterov": lambda **s: optimizers.SGD(0.01, 0.9, True, **s),
    "centered": lambda **s: optimizers.RMSprop(0.01, centered=True, momentum=0.9, **s),
    "amsgrad": lambda **s: optimizers.Adam(0.01, amsgrad=True, **s),
    "power": lambda **s: optimizers.Ftrl(0.01, -0.7, l1_regularization_strength=0.01, **s),
}  # fmt: skip
AROUND = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.5, "weight_decay": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.5},
    "clipvalue": {"clipvalue": 0.5, "use_ema": True, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2, "clipvalue": 0.5, "use_ema": True},
}
SHAPES = ((3, 3, 5, 33), (33,), (200, 170), (170,), (7, 1))  # the third one takes several tasks


def train(make, steps=4, threads=1, backend="native", **settings):
    """The weights and the slots after some updates."""
    keras.config.set_backend(backend)
    keras.config.set_num_threads(threads)
    rng = np.random.default_rng(0)
    weights = [Variable(rng.normal(size=shape).astype("f4"), name="w") for shape in SHAPES]
    weights[2].constraint = constraints.MaxNorm(2)
    weights[4].constraint = constraints.NonNeg()
    optimizer = make(**settings)
    optimizer.exclude_from_weight_decay(var_list=weights[1:2])
    optimizer.build(Store(weights))
    for _ in range(steps):
        for weight in weights:
            weight.gradient[...] = rng.normal(size=weight.shape)
        optimizer.update()
    slots = [array for _, array in optimizer.variables_in_order()]
    return [*(weight.numpy() for weight in weights), *slots]


@pytest.fixture
def shared_work():
    """Several threads take part in the smallest call."""
    before = native.set_work_per_thread(1)
    yield
    native.set_work_per_thread(before)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", CASES)
def test_same_bits_for_any_number_of_threads(name, around, shared_work):
    first = train(CASES[name], **AROUND[around])
    for threads in (2, 3):
        for found, wanted in zip(
            train(CASES[name], threads=threads, **AROUND[around]), first, strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", CASES)
def test_native_and_reference_agree(name, around):
    """After four updates: weights of about 1 that moved by a few hundredths."""
    native, reference = (
        train(CASES[name], backend=backend, **AROUND[around]) for backend in ("native", "reference")
    )
    for found, wanted in zip(native[: len(SHAPES)], reference, strict=False):
        atol = 2e-5 if name not in ("muon", "lion") else 2e-3  # a sign may depend on a rounding
        if name == "lion":
            assert np.mean(np.abs(found - wanted) > 1e-5) < 1e-3
            continue
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=atol)


def test_a_step_of_ones_own_is_surrounded_too():
    """Clipping, decay and average happen also where a subclass replaces the step of SGD."""

    class Halved(optimizers.SGD):
        def step(self):
            self.weights -= 0.5 * self.rate * self.gradients

    settings = {"clipvalue": 0.5, "weight_decay": 0.1, "use_ema": True}
    own = train(lambda **s: Halved(0.02, **s), **settings)
    fused = train(lambda **s: optimizers.SGD(0.01, **s), **settings)
    plain = train(lambda **s: Halved(0.02, **s))
    decays = 0.02 * 0.1, 0.01 * 0.1
    assert np.abs(own[1] - fused[1]).max() < 1e-6  # excluded from weight decay
    assert np.abs(own[1] - plain[1]).max() > 1e-3
    shrunk = (1 - decays[0]) ** 4 / (1 - decays[1]) ** 4
    assert np.abs(own[0] - fused[0] * shrunk).max() < 1e-3
    assert np.abs(own[0] - fused[0]).max() > 1e-3


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("base", [optimizers.SGD, optimizers.Adam])
def test_a_step_that_calls_the_original_is_surrounded_once(base, around):

    class Own(base):
        def step(self):
            super().step()

    for found, wanted in zip(
        train(Own, **AROUND[around]), train(base, **AROUND[around]), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_gradients_stay_as_they_are():
    """Clipping does not change the arrays that a callback may look at."""
    weight = Variable(np.ones(100, np.float32))
    optimizer = optimizers.SGD(0.1, clipvalue=0.5)
    optimizer.build(Store([weight]))
    weight.gradient[...] = 3
    optimizer.update()
    assert (weight.gradient == 3).all()
    np.testing.assert_allclose(weight.numpy(), 0.95)


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("weight_decay", 0.5), ("clipvalue", 0.1), ("clipnorm", 0.1), ("global_clipnorm", 0.1)],
)
def test_settings_may_change_between_updates(name, value, backend):
    keras.config.set_backend(backend)
    rng = np.random.default_rng(0)
    start, *gradients = rng.normal(size=(4, 5, 3)).astype("f4")

    def updates(weight, optimizer, count, first):
        if optimizer.store is None:
            optimizer.build(Store([weight]))
        for gradient in gradients[first : first + count]:
            weight.gradient[...] = gradient
            optimizer.update()
        return weight.numpy()

    changed, weight = optimizers.SGD(0.1), Variable(start, name="w")
    plain = updates(weight, changed, 1, 0)
    setattr(changed, name, value)
    found = updates(weight, changed, 1, 1)
    expected = updates(Variable(plain, name="w"), optimizers.SGD(0.1, **{name: value}), 1, 1)
    np.testing.assert_array_equal(found, expected)
    setattr(changed, name, None)
    expected = updates(Variable(found, name="w"), optimizers.SGD(0.1), 1, 2)
    np.testing.assert_array_equal(updates(weight, changed, 1, 2), expected)
