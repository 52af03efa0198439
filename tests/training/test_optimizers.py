"""Optimizers: updates against plain loops, preserved state, arguments."""

import math

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import optimizers
from fastcnn.core.store import Store
from fastcnn.core.variables import Variable


@pytest.fixture(params=["native", "reference"], autouse=True)
def backend(request):
    keras.config.set_backend(request.param)


def run(optimizer, steps=5, size=7):
    """Train two weights of `size` elements; (initial weights, gradients per step, result)."""
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
        version = first.block.version
        optimizer.update()
        assert first.block.version > version
    return start, gradients, np.concatenate([first.numpy(), second.numpy()])


def test_adam_matches_its_formula():
    w, gradients, result = run(optimizers.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-5))
    m = v = 0
    for t, g in enumerate(gradients, 1):
        m = 0.8 * m + 0.2 * g
        v = 0.99 * v + 0.01 * g * g
        w = w - 0.01 * math.sqrt(1 - 0.99**t) / (1 - 0.8**t) * m / (np.sqrt(v) + 1e-5)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0, False), (0.9, False), (0.9, True)])
def test_sgd_matches_its_formula(momentum, nesterov):
    w, gradients, result = run(optimizers.SGD(0.1, momentum, nesterov))
    v = 0
    for g in gradients:
        v = momentum * v - 0.1 * g
        w = w + (momentum * v - 0.1 * g if nesterov else v)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)


def test_rmsprop_matches_its_formula():
    w, gradients, result = run(optimizers.RMSprop(0.01))
    v = 0
    for g in gradients:
        v = 0.9 * v + 0.1 * g * g
        w = w - 0.01 * g / np.sqrt(v + 1e-7)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", optimizers.registry.names())
def test_padding_stays_zero(name):
    variables = [Variable(np.ones(3, np.float32)), Variable(np.ones(5, np.float32))]
    store = Store(variables)
    optimizer = optimizers.get(name)
    optimizer.build(store)
    for variable in variables:
        variable.gradient[...] = 1
    optimizer.update()
    used = np.zeros(store.read().size, bool)
    for _, where in store.slices:
        used[where] = True
    assert (store.read()[~used] == 0).all()
    assert (store.read()[used] < 1).all()


def test_state_moves_with_its_weights_to_another_store():
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
    assert optimizer.iterations.numpy() == 1  # a variable in Keras


def test_an_optimizer_cannot_be_shared_by_two_models():
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


def test_config_matches_keras():
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


def test_invalid_arguments_are_rejected():
    with pytest.raises(ValueError, match=r"`beta_1` must be in \[0, 1\). Received beta_1=1"):
        optimizers.Adam(beta_1=1)
    with pytest.raises(ValueError, match=r"`momentum` must be in \[0, 1\]. Received momentum=2"):
        optimizers.SGD(momentum=2)
    with pytest.raises(ValueError, match=r"Unrecognized argument of Adam: lr=0.1"):
        optimizers.Adam(lr=0.1)
    with pytest.raises(ValueError, match=r"Only one of .* Received clipnorm=1, clipvalue=2"):
        optimizers.Adam(clipnorm=1, clipvalue=2)
    with pytest.raises(ValueError, match="`weight_decay` must be a float >= 0"):
        optimizers.SGD(weight_decay=-1.0)
    with pytest.raises(ValueError, match="`weight_decay` of AdamW must be a float"):
        optimizers.AdamW(weight_decay=None)
    with pytest.raises(ValueError, match="`ema_overwrite_frequency` must be a positive integer"):
        optimizers.SGD(use_ema=True, ema_overwrite_frequency=0)
    with pytest.raises(ValueError, match="`beta_1` must be above 0"):
        optimizers.Lion(beta_1=0)
    for make in (optimizers.Adam, optimizers.Nadam, optimizers.RMSprop, optimizers.Adagrad):
        for epsilon in (None, {}, "1e-7", -1e-7, float("nan"), True):
            with pytest.raises(ValueError, match="`epsilon` must be a float >= 0"):
                make(epsilon=epsilon)
    with pytest.raises(ValueError, match="`initial_accumulator_value` must be a float >= 0"):
        optimizers.Adagrad(initial_accumulator_value=[1])


def test_external_gradients_are_rejected():
    with pytest.raises(NotImplementedError, match="there is no GradientTape"):
        optimizers.SGD().apply_gradients([])


def test_schedules_as_learning_rates():
    schedule = optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    optimizer = optimizers.SGD(schedule)
    run(optimizer, steps=2)
    assert optimizer.learning_rate == 0.25
    config = optimizer.get_config()
    assert config["learning_rate"]["class_name"] == "PiecewiseConstantDecay"
    assert optimizers.SGD.from_config(config).learning_rate == 0.5
    with pytest.raises(TypeError, match="was created with a schedule as its learning rate"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    assert optimizer.learning_rate == 0.1 * 0.5**2
    rates = iter([0.5, 0.25, 0.125])
    by_function = optimizers.SGD(lambda: next(rates))
    w, gradients, result = run(by_function, steps=2)
    np.testing.assert_allclose(result, w - 0.25 * gradients[0] - 0.125 * gradients[1], atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda s: s.ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be > 0"),
        (lambda s: s.CosineDecayRestarts(0.1, 0), "`first_decay_steps` must be > 0"),
        (lambda s: s.CosineDecayRestarts(0.1, 1, t_mul=0.5), "`t_mul` must be >= 1"),
        (lambda s: s.PiecewiseConstantDecay([1], [1]), "`values` must have one more entry"),
    ],
)
def test_invalid_schedule_arguments_are_rejected(schedule, message):
    with pytest.raises(ValueError, match=message):
        schedule(optimizers.schedules)


@pytest.mark.parametrize("t_mul", [1.0, 1 + 1e-9, 2.0])
def test_cosine_restarts_handle_any_step_count(t_mul):
    """A file can contain any step count, so decays must not be counted one by one."""
    rate = optimizers.schedules.CosineDecayRestarts(0.1, 3, t_mul=t_mul)
    assert 0 <= rate(2**62) <= 0.1
    assert rate(0) == rate(3) == 0.1
    assert rate(6) == pytest.approx(0.1 if t_mul < 2 else 0.05, abs=1e-6)


def test_weights_can_be_excluded_from_weight_decay():
    kernel, bias = (Variable(np.ones(3, np.float32), name=name) for name in ("kernel", "bias"))
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(Store([kernel, bias]))
    optimizer.update()
    assert (kernel.numpy() == 0.5).all()
    assert (bias.numpy() == 1).all()
    with pytest.raises(ValueError, match="must be called before the first step"):
        optimizer.exclude_from_weight_decay(var_list=[kernel])


@pytest.mark.parametrize(
    "name", [name for name in optimizers.registry.names() if name not in ("adam", "adamw")]
)
def test_denormal_moments_are_flushed(name):
    """If a weight's gradient becomes and stays 0, its moments become 0 rather than denormal."""
    weight = Variable(np.ones(3, np.float32))
    settings = {"momentum": 0.5} if name == "sgd" else {}
    optimizer = optimizers.registry.lookup(name)(**settings)
    optimizer.build(Store([weight]))
    weight.gradient[...] = 1e-18
    optimizer.update()
    weight.gradient[...] = 0
    tiny = np.finfo("f4").tiny
    for _ in range(3 * 16):
        for slot in optimizer.slots.values():
            slot[slot < 1e-30] *= 1e-10  # speed up the decay
        optimizer.update()
    for slot in optimizer.slots.values():
        assert ((slot == 0) | (np.abs(slot) >= tiny)).all()


def test_state_has_the_order_of_keras_files():
    """Recorded from Keras 3.15: `optimizer.variables` for a kernel and a bias."""
    kernel, bias = (Variable(np.ones(2, np.float32), name=name) for name in ("kernel", "bias"))
    optimizer = optimizers.Adam(amsgrad=True, use_ema=True)
    optimizer.build(Store([kernel, bias]))
    names = [name for name, _ in optimizer.variables_in_order([kernel, bias])]
    assert names == [
        "iteration",
        "learning_rate",
        "kernel_average",
        "bias_average",
        "kernel_momentum",
        "kernel_velocity",
        "bias_momentum",
        "bias_velocity",
        "kernel_velocity_hat",
        "bias_velocity_hat",
    ]
    assert optimizer.count_params() == 2 + 4 * 4
    nadam = optimizers.Nadam(optimizers.schedules.CosineDecay(0.1, 5))
    nadam.build(Store([Variable(np.ones(2, np.float32), name="kernel")]))
    names = [name for name, _ in nadam.variables_in_order()]
    assert names == ["iteration", "kernel_momentum", "kernel_velocity", "u_product"]
    centered = optimizers.RMSprop(momentum=0.5, centered=True)
    centered.build(Store([Variable(np.ones(2, np.float32), name=name) for name in "ab"]))
    assert [name for name, _ in centered.variables_in_order()][2:] == [
        "a_velocity",
        "b_velocity",
        "a_momentum",
        "b_momentum",
        "a_average_gradient",
        "b_average_gradient",
    ]
