"""Operators of symbolic tensors."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers

A = np.arange(12.0).reshape(3, 4)
B = np.array([[2.0], [3.0], [-1.0]])
CASES = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a + 2": lambda a, b: a + 2,
    "2 + a": lambda a, b: 2 + a,
    "a - 0.5": lambda a, b: a - 0.5,
    "1 - a": lambda a, b: 1 - a,
    "3 * a": lambda a, b: 3 * a,
    "a * 0.5 + b * (1 - b)": lambda a, b: a * 0.5 + b * (1 - b),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    function = CASES[name]
    a, b = keras.Input((4,), name="a"), keras.Input((1,), name="b")
    result = function(a, b)
    model = keras.Model([a, b], result)
    expected = function(A, B)
    np.testing.assert_array_equal(model([A, B]), expected)
    if "b" not in name:
        gradient = keras.gradients(keras.Model(a, result), A)
        slope = function(A + 1, B) - expected
        np.testing.assert_array_equal(gradient, slope)
        return
    gradients = keras.gradients(model, [A, B])
    slopes = function(A + 1, B) - expected, (function(A, B + 1) - function(A, B - 1)) / 2
    np.testing.assert_array_equal(gradients[0], slopes[0])
    np.testing.assert_array_equal(gradients[1], slopes[1].sum(axis=1, keepdims=True))


def test_operations_are_not_layers():
    a = keras.Input((4,), name="a")
    model = keras.Model(a, layers.Dense(2, name="dense")(a * 2.0))
    assert [layer.name for layer in model.layers] == ["a", "dense"]
    assert len(model.operations) == 3


@pytest.mark.parametrize("other", ["x", None, [1.0], np.ones(4)])
def test_other_operands_are_refused(other):
    with pytest.raises(TypeError, match=r"take symbolic tensors and numbers|unsupported operand"):
        keras.Input((4,)) + other


def test_other_numbers_of_axes_are_refused():
    with pytest.raises(ValueError, match="the same number of axes"):
        keras.Input((4,)) + keras.Input((4, 4))
