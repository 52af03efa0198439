"""Losses: known values, gradients against finite differences, invalid targets."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import losses
from fastcnn.plan.head import HeadCall

CASES = {
    "sparse": lambda: losses.SparseCategoricalCrossentropy(),
    "sparse logits": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
    "sparse smooth": lambda: losses.SparseCategoricalCrossentropy(label_smoothing=0.2),
    "sparse smooth logits": lambda: losses.SparseCategoricalCrossentropy(
        from_logits=True, label_smoothing=0.2
    ),
    "categorical": lambda: losses.CategoricalCrossentropy(),
    "categorical smooth": lambda: losses.CategoricalCrossentropy(label_smoothing=0.2),
    "categorical logits": lambda: losses.CategoricalCrossentropy(from_logits=True),
    "binary": lambda: losses.BinaryCrossentropy(),
    "binary smooth": lambda: losses.BinaryCrossentropy(label_smoothing=0.2),
    "binary logits": lambda: losses.BinaryCrossentropy(from_logits=True),
    "mse": lambda: losses.MeanSquaredError(),
    "mae": lambda: losses.MeanAbsoluteError(),
    "mape": lambda: losses.MeanAbsolutePercentageError(),
    "msle": lambda: losses.MeanSquaredLogarithmicError(),
    "huber": lambda: losses.Huber(0.3),
    "log_cosh": lambda: losses.LogCosh(),
    "cosine": lambda: losses.CosineSimilarity(),
    "kld": lambda: losses.KLDivergence(),
    "poisson": lambda: losses.Poisson(),
    "hinge": lambda: losses.Hinge(),
    "hinge of signs": lambda: losses.Hinge(),
    "squared_hinge": lambda: losses.SquaredHinge(),
    "categorical_hinge": lambda: losses.CategoricalHinge(),
    "sparse ignored": lambda: losses.SparseCategoricalCrossentropy(ignore_class=2),
    "sparse generalized": lambda: losses.CategoricalGeneralizedCrossEntropy(0.6),
    "binary focal": lambda: losses.BinaryFocalCrossentropy(True, label_smoothing=0.1),
    "binary focal logits": lambda: losses.BinaryFocalCrossentropy(from_logits=True),
    "categorical focal": lambda: losses.CategoricalFocalCrossentropy(),
    "categorical focal logits": lambda: losses.CategoricalFocalCrossentropy(from_logits=True),
}
BY_BATCH = {
    "dice": lambda: losses.Dice(),
    "dice of samples": lambda: losses.Dice(axis=1),
    "dice of classes": lambda: losses.Dice(axis=0),
    "tversky": lambda: losses.Tversky(0.3, 0.8),
    "circle": lambda: losses.Circle(gamma=3.0),
    "circle with diagonal": lambda: losses.Circle(gamma=3.0, remove_diagonal=False),
}


def rows(name, n=5, size=4):
    """Valid targets and predictions for a loss, float64."""
    rng = np.random.default_rng(0)
    y_pred = rng.normal(size=(n, size)) if "logits" in name else rng.uniform(0.1, 0.9, (n, size))
    if name.startswith("sparse"):
        return rng.integers(0, size, n), y_pred
    if name.endswith("hinge"):
        return np.eye(size)[rng.integers(0, size, n)], y_pred
    if "signs" in name:
        return rng.choice([-1.0, 1.0], (n, size)), y_pred
    y_true = rng.uniform(0, 1, (n, size))
    return (y_true / y_true.sum(1, keepdims=True) if "categorical" in name else y_true), y_pred


def test_every_registered_loss_is_tested_here():
    tested = {type(make()) for make in (*CASES.values(), *BY_BATCH.values())}
    assert {losses.registry.lookup(name) for name in losses.registry.names()} == tested


@pytest.mark.parametrize("name", CASES)
def test_gradients_match_finite_differences(name):
    loss = CASES[name]()
    y_true, y_pred = rows(name)
    gradient = loss.gradient(y_true, y_pred)
    for index in np.ndindex(y_pred.shape):
        step = np.zeros_like(y_pred)
        step[index] = 1e-6
        above, below = (loss.values(y_true, y_pred + sign * step)[index[0]] for sign in (1, -1))
        np.testing.assert_allclose(gradient[index], (above - below) / 2e-6, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", BY_BATCH)
def test_gradients_of_whole_batches_match_finite_differences(name):
    loss = BY_BATCH[name]()
    y_true, y_pred = rows("binary")
    if "circle" in name:
        y_true = np.array([0, 1, 0, 1, 2])
        y_pred /= np.linalg.norm(y_pred, axis=1, keepdims=True)
    scale = np.random.default_rng(1).uniform(0, 1, loss.values(y_true, y_pred).shape)
    gradient = loss.gradient(y_true, y_pred, scale)
    for index in np.ndindex(y_pred.shape):
        step = np.zeros_like(y_pred)
        step[index] = 1e-6
        above, below = ((scale * loss.values(y_true, y_pred + d)).sum() for d in (step, -step))
        np.testing.assert_allclose(gradient[index], (above - below) / 2e-6, atol=1e-5, rtol=1e-3)


def test_ignored_labels_may_be_out_of_range_and_their_predictions_nan():
    for logits in (True, False):
        loss = losses.SparseCategoricalCrossentropy(logits, ignore_class=255)
        y_pred = np.array([[0.3, 0.7], [np.nan, np.nan], [0.5, 0.5]], np.float32)
        labels = np.array([1, 255, 0])
        wanted = losses.SparseCategoricalCrossentropy(logits)(labels[::2], y_pred[::2])
        assert loss(labels, y_pred) == pytest.approx(wanted)
        head = HeadCall(loss, None, y_pred, labels, None)
        for _ in range(2):
            head.prepare()
            head.run()
            head.finish()
            assert head.losses.mean() == pytest.approx(wanted)
            assert np.isfinite(head.dz).all()
            assert (head.dz[1] == 0).all()
    assert loss(np.array([255]), y_pred[:1]) == 0  # nothing counts
    with pytest.raises(ValueError, match=r"Labels must be in \[0, 2\)"):
        loss(np.array([1, 254]), y_pred[:2])


@pytest.mark.parametrize("ignored", [None, 2])
def test_smoothing_of_labels_equals_that_of_one_hot_targets(ignored):
    """In calls, in training, and in metrics; with ignored labels on the others."""
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(9, 4)).astype(np.float32), np.arange(9) % 4
    counted = labels != ignored
    settings = {"from_logits": True, "label_smoothing": 0.3}
    loss = losses.SparseCategoricalCrossentropy(ignore_class=ignored, **settings)
    wanted = losses.CategoricalCrossentropy(**settings)(np.eye(4)[labels[counted]], z[counted])
    assert loss(labels, z) == pytest.approx(float(wanted), rel=1e-6)
    head, one_hot = (
        HeadCall(loss, None, z, labels, None),
        HeadCall(losses.CategoricalCrossentropy(**settings), None, z[counted],
                 np.eye(4, dtype=np.float32)[labels[counted]], None),
    )  # fmt: skip
    for call in (head, one_hot):
        for action in (call.prepare, call.run, call.finish):
            if action is not None:
                action()
    np.testing.assert_allclose(head.losses.mean(), one_hot.losses.mean(), rtol=1e-6)
    np.testing.assert_allclose(head.dz[counted], one_hot.dz, atol=1e-7)
    assert (head.dz[~counted] == 0).all()
    p = keras.ops.softmax(z)
    probabilities = losses.SparseCategoricalCrossentropy(label_smoothing=0.3)
    wanted = losses.CategoricalCrossentropy(label_smoothing=0.3)(np.eye(4)[labels], p)
    assert probabilities(labels, p) == pytest.approx(float(wanted), rel=1e-5)


def test_smoothing_of_labels_in_configs():
    loss = losses.SparseCategoricalCrossentropy(label_smoothing=0.1)
    assert losses.deserialize(losses.serialize(loss)).label_smoothing == 0.1
    assert "label_smoothing" not in losses.SparseCategoricalCrossentropy().get_config()
    with pytest.raises(ValueError, match="`label_smoothing`"):
        losses.SparseCategoricalCrossentropy(label_smoothing=1.5)


def test_focal_alphas_must_match_the_classes():
    with pytest.raises(ValueError, match="`alpha` of categorical_focal_crossentropy must have one"):
        losses.CategoricalFocalCrossentropy(alpha=[0.5, 0.5])(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match=r"`q` must be in \(0, 1\)"):
        losses.CategoricalGeneralizedCrossEntropy(1.0)


def test_functions_of_pairs_compare_with_other_embeddings():
    z = np.eye(3, dtype=np.float32)
    alone = losses.circle([0, 0, 1], z, gamma=2.0)
    same = losses.circle([0, 0, 1], z, [0, 0, 1], z, gamma=2.0)
    np.testing.assert_array_equal(alone, same)
    assert alone[2] == 0  # no other of its class
    assert losses.circle([0, 0, 1], z, [0, 0, 1, 1], np.eye(4, 3), gamma=2.0)[2] > 0


@pytest.mark.parametrize("name", ["sparse", "categorical", "binary"])
def test_clipped_probabilities_have_finite_loss_and_zero_gradient(name):
    loss = CASES[name]()
    y_true = np.array([0]) if name == "sparse" else np.array([[1.0, 0.0]])
    y_pred = np.array([[0.0, 1.0]])
    np.testing.assert_allclose(loss.values(y_true, y_pred), -np.log(1e-7), rtol=1e-6)
    assert (loss.gradient(y_true, y_pred) == 0).all()


def test_known_values():
    p = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
    wanted = -(np.log(0.7) + np.log(0.1)) / 2
    assert losses.SparseCategoricalCrossentropy()([1, 2], p) == pytest.approx(wanted)
    assert losses.SparseCategoricalCrossentropy()([[1], [2]], p) == pytest.approx(wanted)
    assert losses.CategoricalCrossentropy()([[0, 1, 0], [0, 0, 1]], p) == pytest.approx(wanted)
    logits = np.log(p)
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert sparse([1, 2], logits) == pytest.approx(wanted)
    binary = losses.BinaryCrossentropy()
    assert binary([1, 0], [0.9, 0.4]) == pytest.approx(-(np.log(0.9) + np.log(0.6)) / 2)
    assert losses.MeanSquaredError()([[0, 1]], [[1, 3]]) == pytest.approx(2.5)
    assert losses.MeanAbsoluteError()([[0, 1]], [[1, 3]]) == pytest.approx(1.5)


def test_probabilities_are_normalized_by_their_sum():
    p = np.array([[0.2, 0.6]])
    assert losses.SparseCategoricalCrossentropy()([1], p) == pytest.approx(-np.log(0.75))
    assert losses.CategoricalCrossentropy()([[0, 1]], p) == pytest.approx(-np.log(0.75))


def test_large_logits_neither_overflow_nor_round_to_zero():
    logits = np.array([[1000.0, 0.0]], np.float32)
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert sparse([0], logits) == 0
    assert sparse([1], logits) == 1000
    assert losses.BinaryCrossentropy(from_logits=True)([[0.0]], [[1000.0]]) == 1000


def test_reductions_and_weights():
    y_true, y_pred = np.zeros((2, 1)), np.array([[1.0], [3.0]])
    weights = np.array([1.0, 0.5])
    assert losses.MeanSquaredError()(y_true, y_pred, weights) == pytest.approx((1 + 4.5) / 2)
    assert losses.MeanSquaredError(reduction="sum")(y_true, y_pred) == 10
    np.testing.assert_array_equal(losses.MeanSquaredError(reduction=None)(y_true, y_pred), [1, 9])
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        losses.MeanSquaredError(reduction="average")


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("name", [name for name in CASES if "logits" in name])
def test_head_on_logits_matches_loss_on_probabilities(name, backend):
    keras.config.set_backend(backend)
    loss = CASES[name]()
    y_true, z = rows(name)
    z = z.astype(np.float32)
    targets = y_true if name.startswith("sparse") else y_true.astype(np.float32)
    weights = np.array([1, 2, 0, 0.5, 1], np.float32)
    activation = keras.activations.get(loss.undoes)
    head = HeadCall(loss, activation, z, targets, weights)
    head.prepare()
    head.run()
    on_probabilities = type(loss).from_config({**loss.get_config(), "from_logits": False})
    p = activation(z)
    np.testing.assert_allclose(head.predictions, p, rtol=1e-6)
    np.testing.assert_allclose(head.losses, on_probabilities.values(targets, p), rtol=1e-4)
    wanted = np.empty_like(z)
    gradient = on_probabilities.gradient(targets, p) * (weights / len(z))[:, None]
    activation.bind_backward(gradient.astype(np.float32), z, p, wanted)()
    np.testing.assert_allclose(head.dz, wanted, atol=1e-6)


def test_outputs_with_more_axes_are_treated_as_rows():
    """For an (n, 2, 3, classes) output, the loss is the mean over all positions."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4, 2, 3, 5)).astype(np.float32)
    labels = rng.integers(0, 5, (4, 2, 3))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    head = HeadCall(loss, None, z, labels, None)
    head.run()
    head.finish()
    assert head.losses.mean() == pytest.approx(loss(labels, z), rel=1e-6)
    flat = HeadCall(loss, None, z.reshape(24, 5).copy(), labels.ravel(), None)
    flat.run()
    np.testing.assert_allclose(head.dz.reshape(24, 5), flat.dz, rtol=1e-6)


class TestTargets:
    def prepare(self, y, shape=(None, 3), loss="sparse_categorical_crossentropy"):
        return losses.get_instance(loss).prepare(np.asarray(y), shape)

    def test_labels_of_any_integer_dtype(self):
        for y in ([0, 2], [[0], [2]], np.array([0, 2], np.uint8), [0.0, 2.0]):
            labels = self.prepare(y)
            assert labels.dtype == np.int64
            assert labels.tolist() == [0, 2]

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (
                [0, 3],
                r"Labels must be in \[0, 3\): the model has 3 outputs. Received labels from 0",
            ),
            ([-1, 2], "Received labels from -1 to 2"),
            ([0.5, 1], "values that are not integers"),
            ([np.nan, 1], "values that are not integers"),
            ([[0, 1, 0]], "For one-hot targets use categorical_crossentropy"),
            ([[0, 1]], r"Received targets of shape \(1, 2\)"),
            (["a"], "takes integer labels. Received dtype <U1"),
        ],
    )
    def test_invalid_labels_are_rejected(self, y, message):
        with pytest.raises(ValueError, match=message):
            self.prepare(y)

    def test_float_targets_may_omit_a_last_axis_of_size_one(self):
        assert self.prepare([1, 0], (None, 1), "binary_crossentropy").shape == (2, 1)
        assert self.prepare([[1], [0]], (None, 1), "mse").shape == (2, 1)
        with pytest.raises(ValueError, match=r"the output's shape \(None, 3\). Received targets"):
            self.prepare([[1, 2]], (None, 3), "mse")

    def test_categorical_loss_rejects_integer_labels(self):
        with pytest.raises(ValueError, match="use sparse_categorical_crossentropy or"):
            self.prepare([0, 1], (None, 3), "categorical_crossentropy")


class TestLookup:
    def test_names_classes_configs_and_functions(self):
        wanted = losses.MeanSquaredError
        for identifier in ("MeanSquaredError", wanted, wanted(), losses.serialize(wanted())):
            assert isinstance(losses.get(identifier), wanted)
        np.testing.assert_array_equal(losses.mean_squared_error([[0.0, 2.0]], [[0.0, 0.0]]), [2])
        assert losses.get(None) is losses.get_instance(None) is None

    @pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error"])
    def test_names_other_than_that_of_the_class_are_functions(self, name):
        function = losses.get(name)
        assert function is losses.get(function) is losses.deserialize(name)
        assert function is losses.mean_squared_error
        assert function(np.ones((2, 3)), np.zeros((2, 3))).shape == (2,)
        assert isinstance(losses.get_instance(name), losses.MeanSquaredError)
        config = losses.serialize(function)
        assert config == {
            "module": "builtins",
            "class_name": "function",
            "config": "mean_squared_error",
            "registered_name": "function",
        }
        assert losses.deserialize(config) is function

    def test_every_name_gives_a_function(self):
        for name in losses.registry.names():
            assert callable(losses.get(name))
            assert not isinstance(losses.get(name), losses.Loss)
            assert isinstance(losses.get_instance(name), losses.Loss)

    @pytest.mark.parametrize("name", CASES)
    def test_config_round_trip(self, name):
        loss = CASES[name]()
        again = losses.deserialize(losses.serialize(loss))
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()

    def test_unknown_losses_are_rejected(self):
        with pytest.raises(ValueError, match=r"Unknown loss: 'sparse'.* Valid loss names are: bin"):
            losses.get("sparse")
        with pytest.raises(ValueError, match="A loss needs a gradient: subclass"):
            losses.get(lambda y_true, y_pred: 0)

    def test_configs_match_keras(self):
        """Recorded from Keras 3.15."""
        assert losses.SparseCategoricalCrossentropy().get_config() == {
            "name": "sparse_categorical_crossentropy",
            "reduction": "sum_over_batch_size",
            "from_logits": False,
            "ignore_class": None,
        }
        assert losses.BinaryCrossentropy().get_config() == {
            "name": "binary_crossentropy",
            "reduction": "sum_over_batch_size",
            "from_logits": False,
            "label_smoothing": 0.0,
            "axis": -1,
        }


def test_nan_propagates_to_the_loss():
    for name in CASES:
        y_true, y_pred = rows(name)
        y_pred[0, :] = np.nan
        assert np.isnan(CASES[name]().values(y_true, y_pred)[0]), name


@pytest.mark.parametrize("name", ["mean_squared_error", "categorical_crossentropy", "hinge"])
def test_one_dimensional_arrays_are_one_sample(name):
    """As in Keras: `losses.mean_squared_error(y_test, predictions)` is a scalar."""
    y_true, y_pred = np.array([0, 1, 0]), np.array([0.25, 0.5, 0.25])
    function = getattr(losses, name)
    (wanted,) = function(y_true[None], y_pred[None])
    assert function(y_true, y_pred) == wanted
    loss, metric = losses.get_instance(name), keras.metrics.get(name)
    assert loss(y_true, y_pred) == wanted
    assert type(loss)(reduction="sum")(y_true, y_pred) == wanted
    for _ in range(2):
        assert metric(y_true, y_pred) == wanted
    assert metric.count == 2
