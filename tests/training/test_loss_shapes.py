"""Ranks, weights and reductions of losses: called on arrays, and in training, as in Keras 3.15."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import losses

ONES, ZEROS = np.ones((2, 3), np.float32), np.zeros((2, 3, 1), np.float32)


def test_weights_of_one_column_weigh_the_samples():
    loss = losses.MeanSquaredError()
    y_true, y_pred = [[1, 9, 2], [-5, -2, 6]], [[4, 8, 12], [8, 1, 3]]
    wanted = pytest.approx(127.96667, rel=1e-6)
    assert loss(y_true, y_pred, [[1.2], [3.4]]) == wanted
    assert loss(y_true, y_pred, [1.2, 3.4]) == wanted
    y_true, y_pred = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    weights = np.arange(6.0).reshape(2, 3)
    assert loss(y_true, y_pred, weights) == loss(y_true, y_pred, weights[..., None]) == 2.5


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((), [[1, 1, 1], [1, 1, 1]]),
        ((3,), [[1, 2, 3], [1, 2, 3]]),
        ((2, 1), [[1, 1, 1], [2, 2, 2]]),
        ((1, 3), [[1, 2, 3], [1, 2, 3]]),
        ((2, 3), [[1, 2, 3], [4, 5, 6]]),
        ((2, 3, 1), [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_weights_of_values_of_two_axes_broadcast(shape, wanted):
    loss = losses.MeanAbsoluteError(reduction=None)
    weights = 1.0 + np.arange(np.prod(shape, dtype=int)).reshape(shape)
    values = loss(np.zeros((2, 3, 4)), np.ones((2, 3, 4)), weights)
    np.testing.assert_array_equal(values, wanted)


def test_weights_that_do_not_fit_are_rejected():
    y_true, y_pred = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    message = r"shape \(2,\) does not fit .* \(2, 3\). One weight per sample has the shape \(2, 1\)"
    with pytest.raises(ValueError, match=message):
        losses.MeanSquaredError()(y_true, y_pred, [1.0, 2.0])


def test_a_last_axis_of_one_is_dropped_before_the_loss():
    assert losses.MeanSquaredError(reduction="sum")(ONES, ZEROS) == 2
    assert losses.MeanSquaredError(reduction=None)(ZEROS, ONES).shape == (2,)
    shape = losses.mean_absolute_error(np.ones(4), np.zeros((4, 1))).shape
    assert shape == losses.mean_absolute_error(np.ones((4, 1)), np.zeros(4)).shape == (4,)
    assert losses.CosineSimilarity()(ONES, ZEROS + 2) == pytest.approx(-1)


def convolution(loss, units=2):
    kernel = keras.layers.Conv2D(units, 1, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((3, 3, 1)), kernel])
    model.compile(keras.optimizers.SGD(0.01), loss)
    return model


def test_a_sum_adds_all_positions():
    model = convolution(losses.MeanSquaredError(reduction="sum"))
    assert model.evaluate(np.ones((2, 3, 3, 1)), np.zeros((2, 3, 3, 2)), verbose=0) == 18


@pytest.mark.parametrize(
    ("loss", "reduction", "units", "wanted"),
    [
        ("MeanSquaredError", "sum", 2, (1.55825281, 0.9434229, -0.0726525)),
        ("MeanSquaredError", None, 2, (0.10126420, 0.9434229, -0.0726525)),
        ("MeanSquaredError", "sum", 1, (0.53045267, 0.96159625, -0.04929)),
        ("KLDivergence", "sum", 1, (-1.22749186, 1.0675, 0.38914564)),
        ("KLDivergence", "mean", 1, (-0.27848178, 1.014563, 0.05212218)),
    ],
)
def test_training_on_positions_matches_keras(loss, reduction, units, wanted):
    """Two batches of one epoch; with one unit, the targets omit the last axis."""
    model = convolution(getattr(losses, loss)(reduction=reduction), units)
    x = np.arange(1, 37.0, dtype=np.float32).reshape(4, 3, 3, 1) / 40
    y = np.full((4, 3, 3, 2) if units == 2 else (4, 3, 3), 0.25)
    history = model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history
    kernel, bias = model.get_weights()
    got = history["loss"][0], kernel[0, 0, 0, 0], bias[0]
    np.testing.assert_allclose(got, wanted, rtol=2e-6)


def test_integer_masks_without_the_last_axis_are_not_labels():
    mask = np.arange(36).reshape(4, 3, 3) % 2
    losses_of = [
        convolution("binary_crossentropy", 1).evaluate(np.ones((4, 3, 3, 1)), y, verbose=0)
        for y in (mask, mask.astype(np.float32), mask[..., None])
    ]
    assert losses_of[0] == losses_of[1] == pytest.approx(losses_of[2], rel=1e-6)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [([0, 0, 0], 1.0986123), ([50, 0.2, 0.3], 0.4054651), ([0, 0.3, 0.3], 15.607270)],
)
def test_sparse_crossentropy_clips_before_it_normalizes(row, wanted):
    loss = losses.SparseCategoricalCrossentropy()
    assert loss([0], np.array([row], np.float32)) == pytest.approx(wanted, rel=1e-6)
    inside = np.array([[x if 1e-7 <= x <= 1 - 1e-7 else 0.0 for x in row]])
    gradient = loss.gradient(np.array([0]), np.array([row], float))
    assert np.isfinite(gradient).all()
    assert ((gradient != 0) == (inside > 0)).all()


def test_a_model_that_ends_in_relu_does_not_train_to_nan():
    rng = np.random.default_rng(0)
    dense = keras.layers.Dense(3, "relu", kernel_initializer="ones", bias_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = rng.normal(size=(64, 4)).astype(np.float32) - 0.5
    history = model.fit(x, rng.integers(0, 3, 64), epochs=3, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.get_weights()[0]).all()


def test_categorical_crossentropy_of_one_class_warns():
    with pytest.warns(UserWarning, match="of one class is always 0"):
        losses.CategoricalCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])


def test_labels_of_any_size_are_named_as_they_are():
    with pytest.raises(ValueError, match="Received labels from 18446744073709551615 to 184467"):
        losses.SparseCategoricalCrossentropy()(np.full(2, 2**64 - 1, np.uint64), np.ones((2, 3)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_that_of_the_computation(dtype):
    loss = losses.MeanSquaredError(dtype=dtype)
    assert loss.dtype == dtype
    assert loss(np.ones((2, 3), np.float32), ZEROS).dtype == dtype
    assert losses.MeanSquaredError()(ONES, ZEROS).dtype == np.float32
    for invalid in ("banana", int):
        with pytest.raises(ValueError, match="`dtype` must be 'float32' or 'float64'"):
            losses.MeanSquaredError(dtype=invalid)


def test_a_model_trains_with_a_loss_of_its_dtype_only():
    convolution(losses.MeanSquaredError(dtype="float32"))
    with pytest.raises(ValueError, match="trains in the dtype of its model, float32"):
        convolution(losses.MeanSquaredError(dtype="float64"))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("CosineSimilarity", [-0.94117844, -0.9844327]),
        ("BinaryCrossentropy", [0.7778864, 0.49478546]),
        ("CategoricalCrossentropy", [2.4260387, 2.1480885]),
    ],
)
@pytest.mark.parametrize("axis", [1, -2])
def test_any_axis_can_hold_the_vectors(name, wanted, axis):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.random((2, 3, 4)), rng.random((2, 3, 4))
    loss = getattr(losses, name)(axis=axis, reduction=None)
    values = loss(y_true, y_pred)
    assert values.shape == (2, 4)
    np.testing.assert_allclose(values[0, :2], wanted, rtol=1e-6)
    again = losses.deserialize(losses.serialize(loss))
    np.testing.assert_array_equal(again(y_true, y_pred), values)


def test_a_model_trains_with_the_last_axis_only():
    x, y = np.ones((2, 3, 3, 1), np.float32), np.ones((2, 3, 3, 2), np.float32)
    convolution(losses.CosineSimilarity(axis=3)).fit(x, y, verbose=0)
    for axis in (1, -2):
        model = convolution(losses.CosineSimilarity(axis=axis))
        with pytest.raises(ValueError, match=f"over the last axis of its output.*axis={axis}"):
            model.fit(x, y, verbose=0)
    sparse = losses.SparseCategoricalCrossentropy(axis=1)
    assert sparse([0], [[0.5, 0.5]]) == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match=r"classes on the last axis only. Received axis=1"):
        sparse([[0, 0]], np.ones((1, 3, 2)))
    with pytest.raises(ValueError, match=r"`axis` must be an integer. Received axis=None"):
        losses.BinaryCrossentropy(axis=None)
