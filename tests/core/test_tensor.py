"""`Tensor`: calls return NumPy arrays that also have Keras's `numpy()`."""

import json

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.core.tensor import Tensor, tensor

ONES, ZEROS = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
RESULTS = {
    "layer": lambda: keras.layers.Rescaling(0.5)(ONES),
    "model": lambda: keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])(ONES),
    "model, many": lambda: keras.Sequential([keras.layers.Softmax()])(np.ones((300, 3))),
    "activation": lambda: keras.activations.softmax(ONES),
    "activation, parameters": lambda: keras.activations.elu(ONES, alpha=0.5),
    "loss": lambda: keras.losses.MeanSquaredError()(ONES, ZEROS),
    "losses": lambda: keras.losses.mean_squared_error(ONES, ZEROS),
    "metric": lambda: keras.metrics.mean_squared_error(ONES, ZEROS),
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_calls_have_numpy(result):
    result = result()
    plain = result.numpy()
    assert type(result) is Tensor
    assert type(plain) is (np.ndarray if result.shape else np.float32)
    np.testing.assert_array_equal(plain, np.asarray(result))


def test_predict_returns_plain_arrays():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])
    for result in (model.predict(ONES, verbose=0), model.predict_on_batch([[1, 2, 3]])):
        assert type(result) is np.ndarray


def test_single_values_are_numpy_scalars():
    """They work as dictionary keys, indices and JSON numbers, like results of NumPy arrays."""
    x = tensor(np.arange(6.0).reshape(2, 3))
    assert {5: "five"}[np.argmax(x)] == {5.0: "five"}[x.max()] == "five"
    assert json.dumps(x.sum()) == "15.0"
    assert type(np.mean(x)) is type(x[0] @ x[0]) is np.float64
    assert (x == 1).any()
    assert f"{tensor(np.float32(0.25)):.3f}" == "0.250"


def test_slices_and_sums_are_tensors():
    x = tensor(np.arange(6.0).reshape(2, 3))
    for result in (x[0], x.T, x + 1, 2 * x, np.exp(x), x.sum(axis=0), x.astype("float32")):
        assert type(result) is Tensor


def test_operators_with_assignment_change_no_other_array():
    array = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    before = array.copy()
    x = y = tensor(array)
    x += 1
    x /= np.float64(2)
    x **= 2
    assert type(x) is Tensor
    np.testing.assert_array_equal(x, ((before + 1) / 2) ** 2)
    assert x.dtype == np.float32
    label = tensor(np.array(3))
    label -= 1
    assert label == 2
    row = keras.ops.convert_to_tensor(array)[0]
    row *= 0
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(array, before)


def test_tensors_are_accepted_like_arrays():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for call in (model, model.layers[0], lambda x: model.predict(x, verbose=0)):
        for _ in range(2):
            np.testing.assert_array_equal(call(tensor(x)), call(x))
