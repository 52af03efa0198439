"""`Metric.result` is a float or an array, and has `numpy()` as a tensor of Keras has."""

import copy
import json
import pickle

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import metrics

Y_TRUE = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
Y_PRED = np.array([[0.6, 0.4], [0.7, 0.3], [0.9, 0.1]])
RESULTS = {  # of Keras 3.15.1
    metrics.BinaryAccuracy: 0.6666667,
    metrics.CategoricalAccuracy: 0.6666667,
    metrics.MeanSquaredError: 0.21999998,
    metrics.RootMeanSquaredError: 0.46904156,
    metrics.Precision: 0.6666667,
    metrics.TruePositives: 2.0,
    metrics.AUC: 0.6666666,
}


@pytest.mark.parametrize("metric", RESULTS, ids=lambda metric: metric.__name__)
def test_a_number_is_read_in_every_form(metric):
    metric = metric()
    metric.update_state(Y_TRUE, Y_PRED)
    result, expected = metric.result(), RESULTS[type(metric)]
    assert isinstance(result, float)
    assert type(result.numpy()) is np.float32
    assert result.numpy() == pytest.approx(expected, rel=2e-7)
    assert result.numpy() == np.float32(float(result))
    assert float(result) == result.item() == result
    assert f"{result:.3f}" == f"{expected:.3f}"
    assert str(result) == repr(result) == repr(float(result))
    assert (result.shape, result.ndim, result.dtype) == ((), 0, "float32")
    assert json.loads(json.dumps(result)) == result


def test_copies_of_a_result():
    mean = metrics.Mean(dtype="float64")
    result = mean([1.0, 2.0, 2.0])
    assert type(result.numpy()) is np.float64
    for other in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert other == result
        assert type(other.numpy()) is np.float64


def test_before_the_first_update_and_of_an_integer_metric():
    assert metrics.Mean().result().numpy() == 0
    matrix = metrics.MeanIoU(2)
    matrix.update_state([1, 0], [1, 1])
    assert type(matrix.result().numpy()) is np.float32


def test_arrays_have_numpy():
    scores = metrics.F1Score()
    scores.update_state(Y_TRUE, Y_PRED)
    assert type(scores.result().numpy()) is np.ndarray
    np.testing.assert_allclose(scores.result().numpy(), [0.8, 0.0], rtol=2e-7)


@pytest.mark.parametrize("value", [0.25, np.float32(0.25), np.float64(0.25), np.array(0.25)])
def test_what_a_custom_metric_returns_has_numpy(value):
    class Quarter(metrics.Metric):
        def result(self):
            return {"quarter": value} if self.name == "both" else value

    assert Quarter(name="one").result().numpy() == 0.25
    assert Quarter(name="both").result()["quarter"].numpy() == 0.25


def test_logs_of_fit_are_plain_floats():
    class Two(metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            pass

        def reset_state(self):
            pass

        def result(self):
            return {"one": np.float32(0.5), "two": 0.5}

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["accuracy", metrics.AUC(name="auc"), Two(name="both")])
    history = model.fit(Y_TRUE, Y_TRUE, verbose=0).history
    assert {name: type(values[0]) for name, values in history.items()} == dict.fromkeys(
        ["accuracy", "auc", "loss", "one", "two"], float
    )
    assert {type(value) for value in model.evaluate(Y_TRUE, Y_TRUE, verbose=0)} == {float}


@pytest.mark.parametrize("method", ["update_state", "result", "reset_state"])
def test_stateless_methods_say_what_to_use(method):
    arguments = () if method == "reset_state" else ([],)
    with pytest.raises(NotImplementedError, match=f"one metric per state and `{method}`"):
        getattr(metrics.Mean(), f"stateless_{method}")(*arguments)
