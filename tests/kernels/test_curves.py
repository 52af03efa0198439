"""Elementwise activations: errors in ulps, special values, piecewise functions bit by bit."""

import numpy as np
import pytest

from fastcnn import activations, config, kernels
from fastcnn.kernels import native, reference
from fastcnn.kernels.reference.curves import FROM_OUTPUT, FUNCTIONS, GRADIENTS
from tests.support import ulps
from tests.support.random_calls import CURVE_PARAMETERS

PIECEWISE = ("hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "relu", "soft_shrink",
             "sparse_plus", "sparse_sigmoid")  # fmt: skip
SPECIAL = np.array([0, -0.0, 1e-40, 1e30, -1e30, 3e38, -3e38, np.inf, -np.inf, np.nan], "f4")


RELUS = [
    (0.0, 6.0, 0.0),
    (0.5, 3.0, 0.0),
    (0.25, np.nan, -1.0),
    (0.0, np.nan, 1.5),
    (2.0, 4.0, -2.0),
]


def settings_of(function):
    return {"function": function, "parameters": CURVE_PARAMETERS.get(function, ())}


def forward(function, x):
    y = np.full_like(x, np.nan)
    kernels.bind("curve_forward", x, y, **settings_of(function))()
    return y


def backward(function, dy, kept):
    dx = np.full_like(dy, np.nan)
    kernels.bind("curve_backward", dy, kept, dx, **settings_of(function))()
    return dx


@pytest.mark.parametrize("name", ulps.BOUNDS)
def test_errors_in_ulps(name, instruction_set):
    """A sample of what tests/support/ulps.py does for all floats."""
    largest, where = ulps.worst(name, stride=20_011)
    assert largest <= ulps.BOUNDS[name], where


def test_every_smooth_activation_has_a_bound_in_ulps():
    curves = {name for name in FUNCTIONS if name not in PIECEWISE}
    assert set(ulps.BOUNDS) == curves | {"elu", "sigmoid", "tanh"}


def test_every_function_has_a_gradient_and_an_activation():
    assert set(GRADIENTS) == set(FUNCTIONS)
    used = {
        getattr(activations.get(name), "function", None) for name in activations.registry.names()
    }
    assert used - {None} == set(FUNCTIONS) - {"gelu_approximate"}
    from_output = {
        f.function for f in map(activations.get, activations.registry.names())
        if getattr(f, "from_output", False)
    }  # fmt: skip
    assert from_output == set(FROM_OUTPUT)


@pytest.mark.parametrize("function", PIECEWISE)
def test_piecewise_functions_have_the_bits_of_the_reference(function, instruction_set):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-8, 8, 5003), np.arange(-8, 8, 0.25), SPECIAL]).astype("f4")
    dy = rng.standard_normal(x.shape).astype("f4")
    y, dx = np.empty_like(x), np.empty_like(x)
    with np.errstate(all="ignore"):
        reference.curve_forward(x, y, **settings_of(function))
        reference.curve_backward(dy, x, dx, **settings_of(function))
    np.testing.assert_array_equal(forward(function, x)[x != 1e-40], y[x != 1e-40])
    np.testing.assert_array_equal(backward(function, dy, x), dx)


@pytest.mark.parametrize("parameters", RELUS)
def test_relu_has_the_bits_of_the_reference(parameters, instruction_set):
    """Slopes, bounds (also Keras's case of 6, and none) and thresholds of either sign."""
    x = np.concatenate([np.arange(-8, 8, 0.25), SPECIAL[3:]]).astype("f4")
    dy = np.random.default_rng(0).standard_normal(x.shape).astype("f4")
    for kernel, arrays in (("curve_forward", [x]), ("curve_backward", [dy, x])):
        wanted, found = np.empty_like(x), np.empty_like(x)
        with np.errstate(all="ignore"):
            getattr(reference, kernel)(*arrays, wanted, function="relu", parameters=parameters)
        kernels.bind(kernel, *arrays, found, function="relu", parameters=parameters)()
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_unknown_functions_and_parameters_are_refused(backend):
    config.set_backend(backend)
    x, y = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"`function` must be one of celu, .* Received 'nope'"):
        kernels.bind("curve_forward", x, y, function="nope")
    for function, parameters in (("relu", ()), ("celu", (1.0,) * 8), ("gelu", (1.0,))):
        with pytest.raises(ValueError, match=f"{function} takes the parameters"):
            kernels.bind("curve_forward", x, y, function=function, parameters=parameters)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nan_and_infinity(function, instruction_set):
    """As in the reference: NaN stays NaN, limits at infinity are reached."""
    y, wanted = forward(function, SPECIAL), np.empty_like(SPECIAL)
    with np.errstate(all="ignore"):
        reference.curve_forward(SPECIAL, wanted, **settings_of(function))
    np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=1e-37)
    if function in FROM_OUTPUT:
        return
    dy, dx = np.ones_like(SPECIAL), np.empty_like(SPECIAL)
    with np.errstate(all="ignore"):
        reference.curve_backward(dy, SPECIAL, dx, **settings_of(function))
    np.testing.assert_allclose(backward(function, dy, SPECIAL), dx, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_same_bits_for_any_number_of_threads_and_any_position(function, instruction_set):
    """An element's value does not depend on its neighbors, nor on whether a vector is full."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(70_001).astype("f4") for _ in range(2))
    wanted = forward(function, x), backward(function, dy, x)
    before = native.set_work_per_thread(1)
    try:
        for threads in (1, 2, 3):
            config.set_num_threads(threads)
            np.testing.assert_array_equal(forward(function, x), wanted[0])
            np.testing.assert_array_equal(backward(function, dy, x), wanted[1])
    finally:
        native.set_work_per_thread(before)
    np.testing.assert_array_equal(forward(function, x[7:20]), wanted[0][7:20])
    np.testing.assert_array_equal(backward(function, dy[7:20], x[7:20]), wanted[1][7:20])
