"""Metrics: values, results independent of the batch size, names resolved by shapes."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import metrics
from fastcnn.metrics.iou import confusion_matrix


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


def test_state_accumulates_until_reset():
    metric = metrics.MeanSquaredError()
    assert metric.result() == 0
    metric([[0]], [[2]])
    assert metric([[0]], [[0]]) == 2
    metric.reset_state()
    assert metric.result() == 0


@pytest.mark.parametrize("name", ["mse", "mae", "binary_accuracy", "sparse_categorical_accuracy"])
def test_results_do_not_depend_on_batch_size(name):
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


def test_sequential_sum_equals_a_python_loop():
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
def test_accuracy_is_resolved_by_shapes_and_keeps_its_name(target_shape, output_shape, wanted):
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


def test_functions_return_one_value_per_sample():
    p = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    sparse = metrics.sparse_categorical_accuracy([1, 1, 1], p)
    assert sparse.tolist() == [1, 0, 1]
    assert sparse.dtype == np.float32
    assert metrics.categorical_accuracy([[0, 1], [0, 1], [1, 0]], p).tolist() == [1, 0, 0]
    assert metrics.binary_accuracy([[1], [0]], [[0.6], [0.7]]).tolist() == [[1], [0]]
    assert metrics.sparse_top_k_categorical_accuracy([0, 1, 0], p, k=2).tolist() == [1, 1, 1]
    assert metrics.mean_squared_error([[0.0, 2.0]], [[0.0, 0.0]]).tolist() == [2]
    assert isinstance(metrics.get(metrics.binary_accuracy), metrics.BinaryAccuracy)
    assert isinstance(metrics.get(metrics.huber), metrics.FunctionMetric)
    assert metrics.get(metrics.mean_squared_error)([[0.0, 2.0]], [[0.0, 0.0]]) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(thresholds=2.0), "`thresholds` must be floats in"),
        (lambda: metrics.AUC(curve="x"), "`curve` must be in"),
        (lambda: metrics.AUC(summation_method="x"), "`summation_method` must be in"),
        (lambda: metrics.AUC(num_thresholds=1), "`num_thresholds` must be an integer >= 2"),
        (lambda: metrics.AUC(num_labels=2), "`num_labels` is only for multi_label"),
        (
            lambda: metrics.PrecisionAtRecall(1.5),
            r"`recall` must be in \[0, 1\]. Received recall=1.5",
        ),
        (
            lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0),
            "`num_thresholds` must be a positive integer",
        ),
        (lambda: metrics.FBetaScore(average="mean"), "`average` must be in"),
        (lambda: metrics.FBetaScore(beta=0), "`beta` must be > 0"),
        (lambda: metrics.F1Score(threshold=0), "`threshold` must be None or in"),
        (lambda: metrics.FBetaScore(beta="1"), "`beta` must be a float. Received beta='1'"),
        (lambda: metrics.BinaryAccuracy(threshold="0.5"), "`threshold` must be a float"),
        (lambda: metrics.Precision("0.5"), "`thresholds` must be a float"),
        (lambda: metrics.Recall(top_k="1"), "`top_k` must be a positive integer"),
        (lambda: metrics.Recall(class_id="1"), "`class_id` must be an integer >= 0"),
        (lambda: metrics.AUC(thresholds=0.5), "`thresholds` must be a list"),
        (lambda: metrics.AUC(label_weights={}), "`label_weights` must be a list"),
        (lambda: metrics.RecallAtPrecision("1"), "`precision` must be a float"),
        (lambda: metrics.R2Score(num_regressors="1"), "`num_regressors` must be an integer >= 0"),
        (lambda: metrics.FunctionMetric("mse"), "`function` must be a function"),
        (lambda: metrics.Mean(dtype="banana"), "`dtype` must be 'float32' or 'float64'"),
        (lambda: metrics.R2Score(class_aggregation="sum"), "`class_aggregation` must be in"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "`k` must be a positive integer"),
        (lambda: metrics.CosineSimilarity(axis="a"), "`axis` must be an integer"),
        (
            lambda: metrics.Precision()([0, 1], np.ones((2, 3))),
            r"targets of the predictions' shape",
        ),
        (lambda: metrics.AUC(multi_label=True)([1], [1]), r"takes predictions \(n, labels\)"),
        (lambda: metrics.F1Score()([1], [1]), r"shape \(n, classes\). Received shapes \(1,\)"),
        (lambda: metrics.R2Score()([1], [1]), r"shape \(n, outputs\). Received shapes \(1,\)"),
    ],
)
def test_invalid_arguments_are_rejected(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("shape", [(), (1,), (3,), (3, 1)])
def test_weights_of_a_mean(shape):
    """Recorded from Keras 3.15: a single number as the weight makes the array one sample."""
    mean = metrics.Mean()
    mean.update_state([1, 2, 3], np.full(shape, 2.0))
    assert mean.result() == 2
    mean.update_state([10])
    assert mean.result() == pytest.approx(14 / 3 if shape == () else 22 / 7)
    total = metrics.Sum()
    assert total([1, 2, 3], np.full(shape, 2.0)) == 12


def test_each_sample_counts_the_same_however_many_values_it_has():
    mean = metrics.Mean()
    mean.update_state([[1.0, 3.0], [5.0, 7.0]])
    mean.update_state([[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert mean.result() == pytest.approx((2 + 6 + 3) / 3)
    mean.update_state(np.ones((2, 2)), [3.0, 0.0])
    assert mean.result() == pytest.approx((2 + 6 + 3 + 3) / 6)
    accuracy = metrics.SparseCategoricalAccuracy()
    accuracy.update_state([[0, 0], [0, 1]], np.tile([0.9, 0.1], (2, 2, 1)))
    accuracy.update_state([[0]], np.tile([0.9, 0.1], (1, 1, 1)))
    assert accuracy.result() == pytest.approx(2.5 / 3)


def test_dtype_is_that_of_thresholds():
    scores = np.array([0.1, 0.1 + 1e-9])
    for dtype, wanted in (("float32", 1.0), ("float64", 1.0), (None, 1.0)):
        metric = metrics.TruePositives(0.1, dtype=dtype)
        assert metric.dtype == metric.get_config()["dtype"] == (dtype or "float32")
        assert metric([1, 1], scores) == wanted
    single = np.array([0.1], np.float32)  # is above 0.1 by rounding
    assert metrics.TruePositives(0.1)([1], single) == 0
    assert metrics.TruePositives(0.1, dtype="float64")([1], single) == 1


class Hits(metrics.Metric):
    """As Keras's guide writes a metric."""

    def __init__(self, threshold=0.5, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.total = self.add_weight(name="total", shape=(), initializer="zeros")
        self.mean = metrics.Mean()

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = (y_pred[:, 0] > self.threshold) == (y_true.reshape(-1) == 1)
        self.total.assign_add(hits.sum())
        self.mean.update_state(hits)

    def result(self):
        return self.total

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def test_a_metric_with_state_variables(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(21, 3)), rng.integers(0, 2, 21)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    metric = Hits(0.4)
    model.compile("sgd", "binary_crossentropy", metrics=[metric])
    wanted = ((model.predict(x, verbose=0)[:, 0] > 0.4) == y).sum()
    for _ in range(2):
        assert model.evaluate(x, y, batch_size=4, verbose=0)[1] == wanted
    assert [variable.path for variable in metric.variables] == ["hits/total"]
    assert metric.mean.result() == pytest.approx(wanted / 21)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Hits": Hits})
    assert loaded.evaluate(x, y, verbose=0)[1] == wanted
    with pytest.raises(ValueError, match="Hits"):
        keras.models.load_model(tmp_path / "m.keras")


def test_state_variables_in_expressions():
    variable = metrics.Mean().add_variable((2,), "ones", name="sum")
    variable.assign_sub([0.0, 0.5])
    np.testing.assert_array_equal(2 * variable - 1, [1, 0])
    np.testing.assert_array_equal(np.square(variable) / variable, [1, 0.5])
    assert variable[1] < 1 <= float(variable[0])
    assert {variable: 1}[variable] == 1
    assert float(metrics.Mean().add_weight()) == 0
    with pytest.raises(NotImplementedError, match="must implement reset_state"):
        metrics.Metric().reset_state()


def test_targets_of_another_rank_are_aligned():
    """Recorded from Keras 3.15."""
    labels, scores = np.array([[0, 1], [1, 0]]), np.array([[0.2, 0.6], [0.9, 0.4]])
    area = metrics.AUC(multi_label=True)
    assert area(labels, scores[..., None]) == metrics.AUC(multi_label=True)(labels, scores)
    one, column = np.arange(4.0), np.arange(4.0)[:, None] + 0.5
    wanted = metrics.R2Score()(column, one[:, None])
    assert metrics.R2Score()(column, one) == metrics.R2Score()(column[:, 0], one[:, None]) == wanted
    sparse = metrics.SparseCategoricalCrossentropy()
    assert sparse(np.zeros((2, 3)), np.ones((2, 3, 1))) == 0


def test_updates_that_do_not_fit_are_rejected():
    for make in (metrics.F1Score, metrics.R2Score, lambda: metrics.AUC(multi_label=True)):
        metric = make()
        metric.update_state(np.ones((3, 4)), np.ones((3, 4)))
        with pytest.raises(ValueError, match=r"another number of classes .* Received 2 after 4"):
            metric.update_state(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"shape \(2,\). Received labels of shape \(2, 1\)"):
        metrics.TopKCategoricalAccuracy()(np.ones((2, 1, 3)), np.ones((2, 3)))


REQUIRED = {  # arguments without a default
    "io_u": [3, [0]],
    "mean_io_u": [3],
    "one_hot_io_u": [3, [0]],
    "one_hot_mean_io_u": [3],
    "mean_metric_wrapper": [keras.losses.mean_squared_error],
}


def test_result_is_zero_before_the_first_update():
    for name in metrics.registry.names():
        metric_class = metrics.registry.lookup(name)
        arguments = [0.5] if getattr(metric_class, "argument", "") else []
        arguments = REQUIRED.get(name, arguments)
        metric = metric_class(*arguments)
        assert np.all(np.asarray(metric.result()) == 0), name


def test_adjusted_r2():
    y_true, y_pred = np.arange(10.0)[:, None], np.arange(10.0)[:, None] + 0.5
    plain = metrics.R2Score()(y_true, y_pred)
    assert metrics.R2Score(num_regressors=2)(y_true, y_pred) == 1 - (1 - plain) * 9 / 7
    by_output = metrics.R2Score(None)(np.ones((3, 2)), np.zeros((3, 2)))
    assert by_output.tolist() == [0, 0]
    weighted = metrics.R2Score("variance_weighted_average")
    both = weighted(np.hstack([y_true, y_true * 2]), np.hstack([y_pred, y_pred]))
    assert both < plain


def test_duplicate_names_are_numbered():
    from fastcnn.training.objectives import Objectives

    a, b, c, d = (metrics.Mean(name) for name in "aaba")
    objectives = Objectives(metrics=[a, b, c], weighted_metrics=[d])
    assert objectives.all_metrics == [("a", a), ("a_1", b), ("b", c), ("weighted_a", d)]


def test_default_names_are_numbered_per_process_as_in_keras():
    from fastcnn.core.registry import reset_names

    reset_names()
    assert [metrics.Precision().name for _ in range(2)] == ["precision", "precision_1"]
    assert [metrics.MeanSquaredError().name for _ in range(2)] == ["mean_squared_error"] * 2


def test_label_outside_the_classes_never_counts_as_a_hit():
    scores = [[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]]
    result = metrics.sparse_top_k_categorical_accuracy([1, 0, 2, -1], scores, k=2)
    assert np.asarray(result).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_the_curve_may_be_in_lower_case():
    assert metrics.AUC(curve="pr").get_config()["curve"] == "PR"


class TestIoU:
    def test_matrix_of_labels_and_predictions(self):
        metric = metrics.MeanIoU(num_classes=2)
        metric.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        assert metric.total_cm.numpy().tolist() == [[1, 1], [1, 1]]
        assert metric.result() == pytest.approx(1 / 3, abs=1e-6)
        metric.reset_state()
        assert not metric.total_cm.numpy().any()
        matrix = confusion_matrix([[1], [2]], [2, 2], 4, weights=[0.5, 2], dtype="float32")
        assert matrix.dtype == "float32"
        assert matrix.sum() == matrix[1, 2] + matrix[2, 2] == 2.5

    def test_classes_out_of_range_and_the_ignored_one_do_not_count(self):
        metric = metrics.MeanIoU(num_classes=3, ignore_class=2)
        metric.update_state([0, 1, 2, 255, -1, 1], [0, 1, 0, 0, 0, 7])
        assert metric.total_cm.numpy().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
        assert metric.result() == pytest.approx(1, abs=1e-6)

    def test_weights_are_those_of_samples_or_pixels(self):
        y_true, y_pred = np.array([[[0, 1]], [[1, 1]]]), np.array([[[0, 1]], [[0, 1]]])
        by_sample, by_pixel = (metrics.MeanIoU(2, dtype="float32") for _ in range(2))
        by_sample.update_state(y_true, y_pred, np.array([0.5, 2]))
        by_pixel.update_state(y_true, y_pred, np.array([[[0.5, 0.5]], [[2, 2]]]))
        np.testing.assert_array_equal(by_sample.total_cm, by_pixel.total_cm)
        assert by_sample.total_cm.numpy().tolist() == [[0.5, 0], [2, 2.5]]
        with pytest.warns(UserWarning, match="truncates: pass integers, or a float `dtype`"):
            metrics.MeanIoU(2).update_state([0, 1], [0, 1], np.array([0.5, 2.5]))

    def test_invalid_arguments(self):
        with pytest.raises(ValueError, match=r"`target_class_ids` must be a list of classes in"):
            metrics.IoU(2, [2])
        with pytest.raises(ValueError, match="`dtype` must be one of"):
            metrics.IoU(2, [1], dtype="int8")
        with pytest.raises(ValueError, match="Received 2 labels and 3 predictions"):
            metrics.MeanIoU(2).update_state([0, 1], [0, 1, 0])

    def test_in_a_model_with_masks(self):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(10, 4, 4, 2)), rng.integers(0, 3, (10, 4, 4))
        model = keras.Sequential(
            [keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 1, activation="softmax")]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
        metric = metrics.MeanIoU(3, sparse_y_pred=False, ignore_class=0, name="iou")
        model.compile("sgd", loss, metrics=[metric])
        logs = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
        p = model.predict(x, verbose=0)
        again = metrics.MeanIoU(3, ignore_class=0)(y, p.argmax(-1))
        assert logs["iou"] == pytest.approx(again)
        batches = [float(loss(y[i : i + 4], p[i : i + 4])) * len(p[i : i + 4]) for i in (0, 4, 8)]
        assert logs["loss"] == pytest.approx(sum(batches) / 10)


def test_a_wrapped_function_is_saved_by_its_name():
    def hit(y_true, y_pred, power=1):
        return np.abs(y_true - y_pred) ** power

    metric = metrics.MeanMetricWrapper(hit, power=2)
    assert metric([[1.0]], [[3.0]]) == 4
    assert metric.name == "mean_metric_wrapper"
    config = metrics.serialize(metric)
    again = metrics.deserialize(config, {"hit": hit})
    assert again([[1.0]], [[3.0]]) == 4
    with pytest.raises(ValueError, match="'hit' of a MeanMetricWrapper is not one of"):
        metrics.deserialize(config)
    with pytest.raises(NotImplementedError, match="which has no name"):
        metrics.MeanMetricWrapper(lambda y_true, y_pred: y_pred).get_config()
    assert metrics.MeanMetricWrapper(keras.losses.mean_squared_error).direction == "down"


def test_wrapped_functions_survive_a_model_file(tmp_path):
    x, y = np.ones((4, 2)), np.ones((4, 1))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metrics.MeanMetricWrapper(keras.losses.huber, delta=0.5)])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_ignored_classes_are_left_out_of_a_mean_with_weights_only():
    """As in Keras 3.15, where the mask needs weights."""
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=0)
    p = np.array([[0.5, 0.5], [0.2, 0.8]])
    assert metric([0, 1], p) == pytest.approx(-np.log(0.8) / 2)
    metric.reset_state()
    assert metric([0, 1], p, sample_weight=[1, 1]) == pytest.approx(-np.log(0.8))


def test_variables_need_the_constructor_of_the_base_class():
    class Early(metrics.Metric):
        def __init__(self):
            self.add_weight(name="early")
            super().__init__()

    with pytest.raises(RuntimeError, match=r"Call `super\(\).__init__\(\)` first"):
        Early()
