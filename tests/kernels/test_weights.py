"""Kernels of optimizers, constraints and regularizers: rules on real numbers, what surrounds them.

Random calls of these kernels are in test_exactness.py.
"""

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import native
from fastcnn.kernels.reference.optimizer import RULES
from tests.support.kernel_cases import Call, integers, reals

EPS = np.finfo(np.float32).eps
SIZES = [0, 1, 15, 16, 100, 70_001]
NUMBERS = {  # realistic ones; (rate, ...)
    "adadelta": (1.0, 0.95, 0.05, 1e-7),
    "adafactor": (0.9, 0.1, 1e-30),
    "adagrad": (1e-2, 1e-7),
    "adam": (1e-3, 0.1, 0.001, 1e-7),
    "adamax": (1e-3, 0.1, 0.999, 1e-7),
    "amsgrad": (1e-3, 0.1, 0.001, 1e-7),
    "ftrl": (100.0, 0.1, 0.0, 0.1),
    "ftrl_power": (100.0, 0.1, 0.0, 0.1, 0.7),
    "lamb": (10.0, 0.1, 0.001, 1e-7, 1000.0),
    "lion": (1e-3, 0.9, 0.1, 0.99, 0.01),
    "momentum": (1e-2, 0.9),
    "muon": (0.95, 1.0, 0.95),
    "nadam": (1e-3, 0.1, 0.001, 1e-7, 8.0, 1000.0),
    "nesterov": (1e-2, 0.9),
    "rmsprop": (1e-3, 0.9, 0.1, 1e-7),
    "rmsprop_centered": (1e-3, 0.9, 0.1, 1e-7),
    "rmsprop_centered_momentum": (1e-3, 0.9, 0.1, 1e-7, 0.9),
    "rmsprop_momentum": (1e-3, 0.9, 0.1, 1e-7, 0.9),
    "schedule_free": (1e-3, 0.9, 0.001, 1e-8, 1000.0, 0.1),
    "sgd": (1e-2,),
}
LINEAR = ("copy", "keep", "momentum", "muon", "nesterov", "sgd")  # exact on integers


@pytest.fixture(autouse=True)
def _small_work_is_shared_too():
    before = native.set_work_per_thread(1)
    yield
    native.set_work_per_thread(before)


def hyper_of(numbers, most=np.inf, momentum=0.0):
    return np.array([*numbers, *[0.0] * (6 - len(numbers)), most, momentum])


def update(rule, w, g, *state, numbers=(), average=None, segments=None, factors=None, **around):
    """The call of `update_weights` on these arrays."""
    state = [*state, *[None] * (3 - len(state))]
    arrays = [w, g, *state, average, segments, factors, hyper_of(numbers, **around)]
    return Call("update_weights", arrays, {"rule": rule}, 1)


def run(call, threads=1):
    fastcnn.config.set_num_threads(threads)
    arrays = call.fresh()
    kernels.bind(call.kernel, *arrays, **call.config)()
    return arrays


def assert_same_bits(call, first):
    for threads in (2, 3, 4):
        for i in call.outputs:
            np.testing.assert_array_equal(run(call, threads)[i], first[i], call.config["rule"])


def state_of(rule, rng, size):
    """Arrays as they are during training: the squares in a are above those of the mean, b."""
    a, b, c = (reals(rng, size) for _ in range(3))
    if rule in ("adam", "amsgrad", "lamb", "nadam", "adamax", "schedule_free"):
        b, c = b * b, c * c
    elif rule.startswith(("rmsprop", "ada", "ftrl")):
        a, b = a * a + np.float32(1), b * b if rule == "adadelta" else np.clip(b, -0.5, 0.5)
    return [a, b, c][: RULES[rule][1]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rule", NUMBERS)
def test_rules_on_real_numbers(rule, size, instruction_set):
    """Against float64: at most 16 roundings of the terms; where a is not far above b^2, more."""
    rng = np.random.default_rng(size)
    w, g, state = reals(rng, size), reals(rng, size), state_of(rule, rng, size)
    call = update(rule, w, g, *state, numbers=NUMBERS[rule])
    expected, first = call.reference(np.float64), run(call)
    before = call.arrays
    for i in call.outputs:
        terms = np.abs(before[i]) + np.abs(expected[i]) + np.abs(g) + g * g
        roundings = 16
        if rule.startswith("ftrl"):  # differences of roots times 1 / rate
            terms, roundings = terms + 100 * (1 + np.abs(w)) * (1 + g * g), 32
        if rule == "lion" and i == 0:  # the sign of a sum may depend on its rounding
            mean = np.abs(0.9 * state[0].astype("f8") + 0.1 * g)
            terms = terms + (mean < 1e-6) * 1e6
        assert np.all(np.abs(first[i] - expected[i]) <= roundings * EPS * terms), (rule, i)
    assert_same_bits(call, first)


def test_every_rule_is_tested_here():
    assert set(NUMBERS) | set(LINEAR) == set(RULES)
    assert {rule: len(numbers) for rule, numbers in NUMBERS.items()} == {
        rule: RULES[rule][2] for rule in NUMBERS
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rule", LINEAR)
def test_linear_rules_are_exact_on_integers(rule, size, instruction_set):
    rng = np.random.default_rng(size)
    state = [integers(rng, size) for _ in range(RULES[rule][1])]
    numbers = (0.5, 0.25, 2.0)[: RULES[rule][2]]
    call = update(rule, integers(rng, size), integers(rng, size), *state, numbers=numbers)
    expected, first = call.reference(), run(call)
    for i in call.outputs:
        np.testing.assert_array_equal(first[i], expected[i])
    assert_same_bits(call, first)


@pytest.mark.parametrize("most", [np.inf, 2.0])
@pytest.mark.parametrize("with_average", [False, True])
def test_what_surrounds_a_rule_is_exact_on_integers(most, with_average, instruction_set):
    """Scales, bounds, decays and a moving average, by segments that do not touch all elements."""
    rng = np.random.default_rng(0)
    size = 40_000
    w, g, average = (integers(rng, size) for _ in range(3))
    segments = np.array([[0, 3], [16, 1024], [1040, 0], [1041, 20_001], [30_000, 10_000]])
    factors = rng.choice((0.0, 0.25, 0.5, 1.0), (len(segments), 2))
    call = update(
        *("sgd", w, g),
        numbers=(0.5,),
        average=average if with_average else None,
        segments=segments,
        factors=factors,
        most=most,
        momentum=0.75,
    )
    expected, first = call.reference(), run(call)
    for i in call.outputs:
        np.testing.assert_array_equal(first[i], expected[i])
    assert_same_bits(call, first)
    outside = np.ones(size, bool)
    for start, length in segments:
        outside[start : start + length] = False
    np.testing.assert_array_equal(first[0][outside], w[outside])


def test_the_result_of_one_update_does_not_depend_on_how_weights_are_divided(instruction_set):
    """One pass over all elements, and the same in segments with factors that change nothing."""
    rng = np.random.default_rng(0)
    size = 50_000
    w, g, m, v = (reals(rng, size) for _ in range(4))
    whole = update("adam", w, g, m, v * v, numbers=NUMBERS["adam"])
    segments = np.array([[0, 17], [17, 33_000], [33_017, size - 33_017]])
    parts = update(
        *("adam", w, g, m, v * v),
        numbers=NUMBERS["adam"],
        segments=segments,
        factors=np.tile([1.0, 0.0], (3, 1)),
    )
    for i in (0, 2, 3):
        np.testing.assert_array_equal(run(whole)[i], run(parts, 3)[i])


def test_gradients_are_not_changed_and_may_be_the_state(instruction_set):
    rng = np.random.default_rng(0)
    g = integers(rng, 5000)
    call = update("copy", integers(rng, 5000), g, g.copy(), most=2.0)
    arrays = run(call)
    np.testing.assert_array_equal(arrays[1], g)
    np.testing.assert_array_equal(arrays[2], np.clip(g, -2, 2))
    own = g.copy()
    kernels.bind(
        "update_weights", g.copy(), own, own, *[None] * 5, hyper_of((), 2.0), rule="copy"
    )()
    np.testing.assert_array_equal(own, np.clip(g, -2, 2))


@pytest.mark.parametrize("shape", [(1, 5, 3), (2, 300, 1), (3, 7, 65), (1, 4000, 70), (9, 1, 1)])
@pytest.mark.parametrize("limits", [(0.0, 2.0, 1.0), (1.0, 1.0, 1.0), (0.5, 3.0, 0.5)])
def test_limit_norms_equals_its_formula(shape, limits, instruction_set):
    least, most, rate = limits
    w = reals(np.random.default_rng(0), *shape)
    settings = {"least": least, "most": most, "rate": rate, "epsilon": 1e-7}
    call = Call("limit_norms", [w], settings, 1)
    fastcnn.config.set_num_threads(1)
    first, expected = call.fresh(), call.reference(np.float64)
    kernels.bind("limit_norms", *first, **settings)()
    bound = (shape[1] + 8) * EPS * np.abs(expected[0])
    assert np.all(np.abs(first[0] - expected[0]) <= bound)
    fastcnn.config.set_num_threads(3)
    again = call.fresh()
    kernels.bind("limit_norms", *again, **settings)()
    np.testing.assert_array_equal(first[0], again[0])


def test_norms_of_nan_reach_their_column_only(instruction_set):
    w = np.ones((1, 5, 20), np.float32)
    w[0, 2, 7] = np.nan
    kernels.bind("limit_norms", w, least=0.0, most=1.0, rate=1.0, epsilon=1e-7)()
    assert np.isnan(w[0, :, 7]).all()
    assert np.isfinite(np.delete(w, 7, 2)).all()


def test_sums_of_squares_are_as_good_as_double_precision(instruction_set):
    """Of a million elements, in segments of any size: 80 roundings of single precision at most."""
    x = reals(np.random.default_rng(0), 1_000_000)
    segments = np.array([[0, 999_990], [999_991, 1], [999_995, 5]])
    sums = np.empty(3)
    kernels.bind("sum_squares", x, segments, sums)()
    expected = [np.square(x[a : a + n], dtype=np.float64).sum() for a, n in segments]
    np.testing.assert_allclose(sums, expected, rtol=80 * EPS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"rule": "nope"}, "`rule` must be one of adadelta, .* Received 'nope'"),
        ({"rule": "adam"}, "adam takes the first 2 of the arrays a, b and c. Received 0"),
        ({"segments": [[0, 3], [2, 1]]}, "`segments` must be ascending and within 5 elements"),
        ({"segments": [[0, 6]]}, "`segments` must be ascending"),
        ({"segments": [[-1, 2]]}, "`segments` must be ascending"),
        ({"segments": [[2**62, 2**62]]}, "`segments` must be ascending"),
        ({"factors": np.ones((1, 2))}, "Received no segments"),
    ],
)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_updates_that_do_not_fit_are_refused(backend, arrays, message):
    fastcnn.config.set_backend(backend)
    segments = arrays.get("segments")
    segments = None if segments is None else np.array(segments)
    w, g = np.zeros((2, 5), np.float32)
    rest = segments, arrays.get("factors"), hyper_of((0.1,))
    with pytest.raises(ValueError, match=message):
        kernels.bind(
            *("update_weights", w, g, None, None, None, None, *rest), rule=arrays.get("rule", "sgd")
        )
