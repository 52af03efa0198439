"""Kernels of batch normalization, dropout and activations: native against the reference.

As in test_kernels.py: every instruction set, one to four threads, outputs filled with NaN before
each call. Only dropout is exact on integers; the others have roots and divisions, so their
tolerances are derived from the rounding errors of the formulas.
"""

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import reference
from tests.kernels.test_kernels import EPS, THREADS, assert_exact, run
from tests.support.kernel_cases import Call, integers, reals

ROWS_AND_CHANNELS = [
    *((rows, channels) for rows in (1, 15, 16, 33, 100) for channels in (1, 3, 8, 15, 16, 17, 33)),
    *((0, 4), (2, 64), (70_000, 1), (20_000, 3), (5_000, 32), (700, 65), (3, 20_000)),
]


def bits_of_all_threads(call):
    """The native result, which must be the same for every number of threads."""
    first = run(call, 1)
    for threads in THREADS[1:]:
        found = run(call, threads)
        for i in call.outputs:
            np.testing.assert_array_equal(found[i], first[i], call.kernel)
    return first


def assert_within(found, expected, bound, message=""):
    excess = np.abs(found - expected) - bound
    assert excess.size == 0 or excess.max() <= 0, (message, excess.max())


@pytest.mark.parametrize(("rows", "channels"), ROWS_AND_CHANNELS)
def test_batch_norm_forward(rows, channels, instruction_set):
    """Moments within rows * eps of the summed terms; y within a few eps times 1 / deviation."""
    rng = np.random.default_rng(rows + channels)
    x = 3 * reals(rng, rows, channels) + 5
    gamma, beta = reals(rng, channels), reals(rng, channels)
    y, mean, variance = np.zeros_like(x), np.zeros(channels, "f4"), np.zeros(channels, "f4")
    config = {"epsilon": 1e-3, "relu": bool(rows % 2)}
    arrays = [x, gamma, beta, mean, variance, y]
    call = Call("batch_norm_forward_training", arrays, config, 1)
    expected, found = call.reference(np.float64), bits_of_all_threads(call)
    terms = 2 * max(rows, 1) * EPS
    size = np.abs(x).max(0, initial=0).astype("f8")
    assert_within(found[3], expected[3], terms * size)
    assert_within(found[4], expected[4], terms * 4 * size**2)
    # inference with these moments has no sums
    arrays = [x, gamma, beta, found[3], found[4], y]
    call = Call("batch_norm_forward", arrays, config, 1)
    expected, again = call.reference(np.float64), bits_of_all_threads(call)
    scale = np.abs(gamma) / np.sqrt(found[4] + 1e-3)
    bound = 8 * EPS * ((np.abs(x) + np.abs(found[3])) * scale + np.abs(beta))
    assert_within(again[5], expected[5], bound)
    np.testing.assert_array_equal(again[5], found[5])
    call = Call("batch_norm_forward", [x, None, None, *arrays[3:]], config, 1)
    expected, again = call.reference(np.float64), bits_of_all_threads(call)
    bound = 8 * EPS * (np.abs(x) + np.abs(found[3])) / np.sqrt(found[4] + 1e-3)
    assert_within(again[5], expected[5], bound)


@pytest.mark.parametrize(("rows", "channels"), ROWS_AND_CHANNELS)
def test_batch_norm_backward(rows, channels, instruction_set):
    rng = np.random.default_rng(rows + channels)
    x, dy, y = (reals(rng, rows, channels) for _ in range(3))
    gamma, mean = reals(rng, channels), reals(rng, channels)
    variance = 0.5 + np.abs(reals(rng, channels))
    outputs = [np.zeros_like(x), np.zeros_like(mean), np.zeros_like(mean)]
    epsilon = 1e-3
    for y_or_none, gamma_or_none in ((None, gamma), (y, None), (y, gamma)):
        arrays = [x, dy, y_or_none, gamma_or_none, mean, variance, *outputs]
        call = Call("batch_norm_backward", arrays, {"epsilon": epsilon}, 1)
        expected, found = call.reference(np.float64), bits_of_all_threads(call)
        terms = 2 * max(rows, 4) * EPS
        inverse = 1 / np.sqrt(variance.astype("f8") + epsilon)
        h = (np.abs(x) + np.abs(mean)) * inverse
        total, product = np.abs(dy).sum(0), (np.abs(dy) * h).sum(0)
        assert_within(found[8], expected[8], terms * total)
        assert_within(found[7], expected[7], terms * product)
        scale = inverse if gamma_or_none is None else inverse * np.abs(gamma)
        bound = scale * (8 * EPS * np.abs(dy) + terms * (total + h * product) / max(rows, 1))
        assert_within(found[6], expected[6], bound)
        # outputs that are not needed may be None; the others stay the same
        for missing in (6, 7, 8):
            fewer = [None if i == missing else array for i, array in enumerate(arrays)]
            part = run(Call("batch_norm_backward", fewer, {"epsilon": epsilon}, 1), 2)
            for i in {6, 7, 8} - {missing}:
                np.testing.assert_array_equal(part[i], found[i])


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(("rows", "channels"), [(1, 3), (33, 17), (700, 65), (5_000, 32)])
def test_batch_norm_with_a_residual(rows, channels, relu, instruction_set):
    """The bits of a normalization, a sum and relu; the residual may be y."""
    rng = np.random.default_rng(rows + channels)
    x, residual = reals(rng, rows, channels), reals(rng, rows, channels)
    gamma, beta = reals(rng, channels), reals(rng, channels)
    plain, mean, variance = kernels.batch_norm_forward_training(x, gamma, beta)
    wanted = np.maximum(plain + residual, 0) if relu else plain + residual
    config = {"epsilon": 1e-3, "relu": relu}
    for name in ("batch_norm_forward", "batch_norm_forward_training"):
        arrays = [x, gamma, beta, mean, variance, np.zeros_like(x), residual]
        found = bits_of_all_threads(Call(name, arrays, config, 1))
        np.testing.assert_array_equal(found[5], wanted)
        y = residual.copy()
        kernels.bind(name, *arrays[:5], y, y, **config)()
        np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("relu_max", [np.inf, 0.5])
@pytest.mark.parametrize(("rows", "channels"), [(2, 3), (33, 17), (700, 65), (5_000, 32)])
def test_batch_norm_backward_computes_y_again(rows, channels, relu_max, instruction_set):
    """The bits are those with the y that forward wrote."""
    rng = np.random.default_rng(rows + channels)
    x, dy = reals(rng, rows, channels), reals(rng, rows, channels)
    weights = reals(rng, channels), reals(rng, channels)
    for gamma, beta in (weights, (None, weights[1]), (weights[0], None)):
        config = {"relu": True, "relu_max": relu_max}
        y, *moments = kernels.batch_norm_forward_training(x, gamma, beta, **config)
        outputs = [np.zeros_like(x), np.zeros(channels, "f4"), np.zeros(channels, "f4"), None]
        config["epsilon"] = 1e-3
        arrays = [x, dy, y, gamma, *moments, *outputs, beta]
        expected = run(Call("batch_norm_backward", arrays, config, 1), 2)
        arrays[2] = None
        found = bits_of_all_threads(Call("batch_norm_backward", arrays, config, 1))
        for i in (6, 7, 8):
            np.testing.assert_array_equal(found[i], expected[i])


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("rows", "channels"), [(1, 3), (33, 17), (700, 65), (5_000, 32)])
def test_batch_norm_backward_of_a_residual(rows, channels, masked, instruction_set):
    """dresidual is dy where relu is open, the others stay the same; dy's array may be reused."""
    rng = np.random.default_rng(rows + channels)
    x, dy, y = (reals(rng, rows, channels) for _ in range(3))
    y = y if masked else None
    inputs = [x, dy, y, reals(rng, channels), reals(rng, channels), 1 + reals(rng, channels) ** 2]
    outputs = [np.zeros_like(x), np.zeros(channels, "f4"), np.zeros(channels, "f4")]
    config = {"epsilon": 1e-3}
    plain = run(Call("batch_norm_backward", inputs + outputs, config, 1), 2)
    arrays = [*inputs, *outputs, np.zeros_like(x)]
    found = bits_of_all_threads(Call("batch_norm_backward", arrays, config, 1))
    for i in (6, 7, 8):
        np.testing.assert_array_equal(found[i], plain[i])
    np.testing.assert_array_equal(found[9], np.where(y <= 0, 0, dy) if masked else dy)
    for reused in (6, 9):
        again = [array if array is None else array.copy() for array in arrays]
        again[reused] = again[1]
        kernels.bind("batch_norm_backward", *again, **config)()
        for i in (6, 7, 8, 9):
            np.testing.assert_array_equal(again[i], found[i])


def test_batch_norm_updates_moving_averages(instruction_set):
    """With the roundings of NumPy's float32."""
    rng = np.random.default_rng(0)
    x, averages = reals(rng, 100, 33), reals(rng, 2, 33)
    y, mean, variance = kernels.batch_norm_forward_training(x)
    config = {"epsilon": 1e-3, "relu": False, "momentum": 0.9}
    moments = np.zeros((2, 33), "f4")
    arrays = [x, None, None, *moments, y, None, *averages.copy()]
    found = bits_of_all_threads(Call("batch_norm_forward_training", arrays, config, 1))
    for average, value, moved in zip(averages, (mean, variance), found[7:], strict=True):
        np.testing.assert_array_equal(moved, average * 0.9 + value * (1 - 0.9))


def test_variance_is_accurate_far_from_zero(instruction_set):
    """E(x^2) - E(x)^2 would lose all digits here."""
    rng = np.random.default_rng(0)
    x = (1000 + 0.01 * reals(rng, 30_000, 3)).astype("f4")
    mean, variance = np.empty(3, "f4"), np.empty(3, "f4")
    arrays = x, None, None, mean, variance, np.zeros_like(x)
    kernels.bind("batch_norm_forward_training", *arrays, epsilon=1e-3, relu=False)()
    np.testing.assert_allclose(variance, x.astype("f8").var(0), rtol=1e-3)


def test_batch_norm_propagates_nan_and_infinity(instruction_set):
    for value in (np.nan, np.inf):
        x = np.ones((40, 5), np.float32)
        x[17, 3] = value
        mean, variance, y = np.empty(5, "f4"), np.empty(5, "f4"), np.zeros_like(x)
        arrays = x, None, None, mean, variance, y
        kernels.bind("batch_norm_forward_training", *arrays, epsilon=1e-3, relu=True)()
        assert np.isnan(y[:, 3]).all()
        assert np.isfinite(y[:, [0, 1, 2, 4]]).all()


@pytest.mark.parametrize("size", [0, 1, 7, 16, 33, 50_000])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999, 1.0])
def test_dropout(size, rate, instruction_set):
    """Every backend and instruction set drops the same elements."""
    rng = np.random.default_rng(size)
    x = reals(rng, size)
    key = rng.integers(0, 2**32, 2)
    call = Call("dropout", [x, key, np.zeros_like(x)], {"rate": rate}, 1)
    assert_exact(call)
    kept = np.count_nonzero(run(call, 1)[2])
    assert abs(kept - (1 - rate) * size) <= 5 * np.sqrt(rate * (1 - rate) * size)


def test_dropout_is_uniform():
    """Chi-squared over positions and steps; neighbors and successive keys are not correlated."""
    ones, y, hits = np.ones(4096, "f4"), np.empty(4096, "f4"), np.zeros(4096)
    rng = np.random.default_rng(0)
    before, products = None, []
    for _ in range(400):
        key = rng.integers(0, 2**32, 2)
        kernels.bind("dropout", ones, key, y, rate=0.5)()
        signs = y - 1
        products += [(signs[1:] * signs[:-1]).mean(), (signs[32:] * signs[:-32]).mean()]
        if before is not None:
            products.append((signs * before).mean())
        before = signs.copy()
        hits += y > 0
    chi_squared = ((hits - 200) ** 2 / 100).sum()
    assert abs(chi_squared - 4096) < 5 * np.sqrt(2 * 4096)
    assert np.abs(np.mean(products)) < 5 / np.sqrt(len(products) * 4096)
    assert np.abs(products).max() < 5.5 / np.sqrt(4096)


def test_adjacent_keys_give_different_dropout():
    ones, y = np.ones(4096, "f4"), [np.empty(4096, "f4") for _ in range(3)]
    for out, key in zip(y, ([0, 0], [1, 0], [0, 1]), strict=True):
        kernels.bind("dropout", ones, np.array(key), out, rate=0.5)()
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(y[a], y[b])[0, 1]) < 5 / np.sqrt(4096)


def test_dropout_drops_nan(instruction_set):
    x = np.full(1000, np.nan, np.float32)
    kernels.bind("dropout", x, np.array([3, 4]), y := np.zeros_like(x), rate=0.5)()
    assert set(np.isnan(y)) == {True, False}
    assert (y[~np.isnan(y)] == 0).all()


ULPS = {"tanh": 3, "sigmoid": 3, "elu": 2}  # see csrc/tiles/activations.inc.h
INPUTS = np.concatenate(
    [
        np.linspace(-110, 110, 100_001),
        np.linspace(-1, 1, 100_001),
        np.geomspace(1e-30, 1e3, 20_001),
        -np.geomspace(1e-30, 1e3, 20_001),
        [0.0, -0.0, np.inf, -np.inf, 3e38, -3e38],
    ]
).astype(np.float32)


@pytest.mark.parametrize("name", ULPS)
def test_activations_forward(name, instruction_set):
    config = {"alpha": 1.0} if name == "elu" else {}
    call = Call(f"{name}_forward", [INPUTS, np.zeros_like(INPUTS)], config, 1)
    found = bits_of_all_threads(call)[1]
    expected = call.reference(np.float64)[1]
    smallest = np.finfo(np.float32).tiny  # smaller values may be flushed to 0
    ulp = np.spacing(np.maximum(np.abs(expected), smallest).astype("f4")).astype("f8")
    finite = np.isfinite(expected)
    ulp[~finite] = 0
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    error = np.abs(found[finite] - expected[finite])
    assert_within(error, 0, ULPS[name] * ulp[finite] + 2 * smallest, name)
    nan = np.full(3, np.nan, np.float32)
    kernels.bind(f"{name}_forward", nan, y := np.zeros_like(nan), **config)()
    assert np.isnan(y).all()


@pytest.mark.parametrize("name", ULPS)
@pytest.mark.parametrize("size", [0, 1, 7, 16, 33, 40_000])
def test_activations_backward(name, size, instruction_set):
    """Three roundings of at most dy * (1 + |y|)^2 each."""
    rng = np.random.default_rng(size)
    y, dy = np.tanh(reals(rng, size)), reals(rng, size)
    config = {"alpha": 1.5} if name == "elu" else {}
    call = Call(f"{name}_backward", [dy, y, np.zeros_like(y)], config, 1)
    found, expected = bits_of_all_threads(call)[2], call.reference(np.float64)[2]
    assert_within(found, expected, 3 * EPS * np.abs(dy) * (1.5 + np.abs(y)) ** 2)


def test_elu_takes_an_alpha(instruction_set):
    x = np.array([-1, 0, 2], np.float32)
    kernels.bind("elu_forward", x, y := np.zeros_like(x), alpha=0.5)()
    np.testing.assert_allclose(y, [0.5 * np.expm1(-1), 0, 2], rtol=1e-6)


AFFINE = [
    (interpolation, mode, shape)
    for interpolation in ("bilinear", "nearest")
    for mode in ("constant", "nearest", "reflect", "wrap")
    for shape in ((3, 7, 5, 2), (2, 1, 6, 1), (2, 6, 1, 1), (0, 3, 3, 1), (1, 12, 13, 17))
]


def affine_calls(interpolation, mode, shape, rng):
    """Rotated, scaled and shifted so far that every fill mode repeats the image."""
    transforms = np.zeros((shape[0], 8), np.float32)
    transforms[:, [0, 1, 3, 4]] = 3 * reals(rng, shape[0], 4)
    transforms[:, [2, 5]] = 5 * reals(rng, shape[0], 2)
    transforms[:, [6, 7]] = 0.01 * reals(rng, shape[0], 2)
    config = {"interpolation": interpolation, "fill_mode": mode, "fill_value": 0.5}
    x, y = integers(rng, *shape), np.zeros(shape, np.float32)
    yield Call("affine_transform_forward", [x, transforms, y], config, 4)
    yield Call("affine_transform_backward", [x, transforms, y], config, 4)


@pytest.mark.parametrize(("interpolation", "mode", "shape"), AFFINE)
def test_affine_transform(interpolation, mode, shape):
    """Both compute coordinates in float32, so weights differ by a few ulp."""
    rng = np.random.default_rng(sum(shape))
    for call in affine_calls(interpolation, mode, shape, rng):
        found, expected = bits_of_all_threads(call)[2], call.reference()[2]
        if interpolation == "nearest":
            np.testing.assert_array_equal(found, expected)
        else:
            reach = 4 * 64 * EPS  # coordinates below 64, weights of four neighbors
            assert_within(found, expected, reach * np.abs(call.arrays[0]).sum())


def test_affine_transform_by_whole_pixels_is_exact():
    rng = np.random.default_rng(0)
    x = integers(rng, 2, 4, 5, 3)
    transforms = np.zeros((2, 8), np.float32)
    transforms[:, [0, 4]] = 1
    transforms[:, 2], transforms[:, 5] = [1, -2], [0, 1]
    config = {"interpolation": "bilinear", "fill_mode": "wrap", "fill_value": 0.0}
    kernels.bind("affine_transform_forward", x, transforms, y := np.zeros_like(x), **config)()
    np.testing.assert_array_equal(y[0], np.roll(x[0], -1, axis=1))
    np.testing.assert_array_equal(y[1], np.roll(x[1], (-1, 2), axis=(0, 1)))
    config["fill_mode"] = "constant"
    transforms[0] = np.nan
    kernels.bind("affine_transform_forward", x, transforms, y, **config)()
    assert not y[0].any()  # a position of NaN is filled, not read
    np.testing.assert_array_equal(y[1, :3, 2:], x[1, 1:, :-2])
    with pytest.raises(ValueError, match=r"`transforms` must have the shape \(n, 8\)"):
        kernels.bind("affine_transform_forward", x, transforms[:, :6].copy(), y, **config)


def test_reference_moments_without_rows():
    x = np.empty((0, 2))
    mean, variance = np.ones(2), np.ones(2)
    reference.batch_norm_forward_training(
        x, None, None, mean, variance, x, epsilon=1e-3, relu=False
    )
    assert mean.tolist() == variance.tolist() == [0, 0]


def test_dropout_key_has_two_elements():
    x = np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"`key` must have the shape \(2\)"):
        kernels.bind("dropout", x, np.array([1, 2, 3]), x, rate=0.5)
    assert fastcnn.config.backend() == "native"
