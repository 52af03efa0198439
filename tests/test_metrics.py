"""Metrics: values, sums that do not depend on the batches, names by shapes."""

import numpy as np
import pytest

from fastcnn import metrics


def test_accuracies():
    p = np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]])
    assert metrics.SparseCategoricalAccuracy()([1, 0, 1], p) == pytest.approx(2 / 3)
    assert metrics.SparseCategoricalAccuracy()([[1], [0], [1]], p) == pytest.approx(2 / 3)
    assert metrics.CategoricalAccuracy()([[0, 1], [1, 0], [0, 1]], p) == pytest.approx(2 / 3)
    assert metrics.BinaryAccuracy()([1, 0], [[0.6], [0.7]]) == 0.5
    assert metrics.BinaryAccuracy(threshold=0.8)([1, 0], [[0.6], [0.7]]) == 0.5
    assert metrics.BinaryAccuracy()([[1, 0]], [[0.5, 0.5]]) == 0.5  # 0.5 is not above 0.5
    assert metrics.Accuracy()([1, 2, 3], [1, 0, 3]) == pytest.approx(2 / 3)


def test_errors_and_mean():
    assert metrics.MeanSquaredError()([[0, 0]], [[1, 3]]) == 5
    assert metrics.MeanAbsoluteError()([1], [[3]]) == 2
    mean = metrics.Mean()
    mean.update_state([1, 2])
    assert mean(6, sample_weight=[2]) == pytest.approx(15 / 4)


def test_sample_weights():
    metric = metrics.SparseCategoricalAccuracy()
    p = np.array([[0, 1], [1, 0]])
    assert metric([1, 1], p, sample_weight=[3, 1]) == 0.75


def test_state():
    metric = metrics.MeanSquaredError()
    assert metric.result() == 0
    metric([[0]], [[2]])
    assert metric([[0]], [[0]]) == 2
    metric.reset_state()
    assert metric.result() == 0


@pytest.mark.parametrize("name", ["mse", "mae", "binary_accuracy", "sparse_categorical_accuracy"])
def test_results_do_not_depend_on_the_batches(name):
    rng = np.random.default_rng(0)
    y_pred = rng.normal(size=(1000, 3)).astype(np.float32)
    y_true = rng.integers(0, 3, 1000) if "sparse" in name else rng.normal(size=(1000, 3))
    results = set()
    for size in (1, 7, 64, 1000):
        metric = metrics.get(name)
        for begin in range(0, 1000, size):
            metric.update_state(y_true[begin : begin + size], y_pred[begin : begin + size])
        results.add(metric.result())
    assert len(results) == 1


def test_sequential_sum_is_python_s_own():
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    total = 0.5
    for value in values:
        total += float(value)
    assert metrics.sequential_sum(0.5, values) == total


@pytest.mark.parametrize(
    ("target_shape", "output_shape", "wanted"),
    [
        ((None,), (None, 10), metrics.SparseCategoricalAccuracy),
        ((None, 1), (None, 10), metrics.SparseCategoricalAccuracy),
        ((None, 10), (None, 10), metrics.CategoricalAccuracy),
        ((None, 1), (None, 1), metrics.BinaryAccuracy),
        ((None,), (None, 1), metrics.BinaryAccuracy),
    ],
)
def test_accuracy_resolves_by_shapes_and_keeps_its_name(target_shape, output_shape, wanted):
    for name in ("accuracy", "acc"):
        metric = metrics.resolve(name, target_shape, output_shape)
        assert type(metric) is wanted
        assert metric.name == name


def test_lookup():
    assert metrics.get("mse").name == "mean_squared_error"
    assert metrics.resolve("mse", (None, 1), (None, 1)).name == "mse"
    config = metrics.serialize(metrics.BinaryAccuracy(threshold=0.25))
    assert metrics.deserialize(config).threshold == 0.25
    with pytest.raises(ValueError, match=r"Unknown metric: 'acuracy'. Did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(ValueError, match="A metric must not be None"):
        metrics.check_metrics([None])
    with pytest.raises(ValueError, match="must be a list"):
        metrics.check_metrics({"a": "mse"})


def test_a_function_is_a_metric():
    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max(-1)

    metric = metrics.get(largest_error)
    assert metric.name == "largest_error"
    assert metric(np.array([[0, 0]]), np.array([[1, 4]])) == 4
