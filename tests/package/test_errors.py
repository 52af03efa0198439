"""Invalid input raises one clear error and leaves the model intact."""

import re

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers

LAYERS = [
    (lambda: layers.Conv2D(0, 3), "`filters` must be a positive integer. Received filters=0"),
    (lambda: layers.Conv2D(1.5, 3), "`filters` must be a positive integer. Received filters=1.5"),
    (
        lambda: layers.Conv2D(4, (0, 3)),
        r"The argument `kernel_size` cannot contain 0. Received kernel_size=\(0, 3\)",
    ),
    (lambda: layers.Conv2D(4, (3,)), r"`kernel_size` must be an integer or a tuple of 2 integers"),
    (lambda: layers.Conv2D(4, 3, strides=0), "`strides` cannot contain 0. Received strides=0"),
    (lambda: layers.Conv2D(4, 3, padding="full"), '`padding` must be "valid" or "same"'),
    (lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2), "cannot be combined with"),
    (lambda: layers.Conv2D(4, 3, activation="rleu"), "Unknown activation: 'rleu'.*names are: celu"),
    (lambda: layers.Conv2D(4, 3, kernel_initializer="x"), "Unknown initializer: 'x'"),
    (
        lambda: layers.Conv2D(4, 3, data_format="channels_first"),
        '`data_format` must be "channels_last".*one layout only. Received .*channels_first',
    ),
    (lambda: layers.Flatten("channels_first"), '`data_format` must be "channels_last"'),
    (lambda: layers.MaxPooling2D(data_format="channels_first"), 'must be "channels_last"'),
    (lambda: layers.Conv2D(4, 3, kernel="x"), "Unrecognized keyword arguments passed to Conv2D"),
    (lambda: layers.MaxPooling2D(0), "`pool_size` cannot contain 0. Received pool_size=0"),
    (lambda: layers.Dense(-1), "`units` must be a positive integer. Received units=-1"),
    (lambda: layers.Dense(True), "`units` must be a positive integer. Received units=True"),
    (lambda: layers.Dense(1, dtype="int8"), r"`dtype` must be 'float32' \(.*Received dtype='int8'"),
    (lambda: layers.Dense(1, name=3), "`name` must be a string. Received name=3"),
    (lambda: layers.Dense(1, name="a\0"), "`name` must not contain NUL .*Received name='a"),
    (lambda: keras.Sequential(name="\ud800"), r"surrogate .*Received name='\\ud800'"),
    (lambda: layers.Dense(1, trainable="no"), "`trainable` must be True or False"),
    (lambda: layers.Dense(1, input_shape=(0,)), r"`shape` must be a tuple of positive integers"),
    (
        lambda: layers.GroupNormalization(0),
        "`groups` must be a positive integer. Received",
    ),
    (lambda: layers.GroupNormalization(axis=[1]), r"`axis` must be an integer. Received axis=\[1"),
    (lambda: keras.Input(), "`Input` needs the argument `shape`"),
    (lambda: keras.Input("28"), "`shape` must be a tuple of positive integers"),
    (lambda: keras.Input(28, 28, 1), r"must be a tuple, as in Input\(shape=\(28, .*shape=28"),
    (lambda: keras.Input((28,), dtype="banana"), "`dtype` must be a numeric type"),
    (lambda: layers.InputLayer((28,), dtype=1), "`dtype` must be a numeric type"),
    (lambda: keras.Input((4,), batch_size=-1), "`batch_size` must be an integer >= 0"),
    (lambda: keras.Input((4,), batch_shape=(2, 4)), "`batch_shape` includes `shape`"),
    (lambda: keras.Input(batch_size=2, batch_shape=(2, 4)), "includes .*`batch_size`"),
]


@pytest.mark.parametrize(("make", "message"), LAYERS)
def test_layers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


SHAPES = [
    (lambda: layers.Conv2D(4, 3), (2, 2, 1), r"A window of \(3, 3\).* does not fit into an image"),
    (lambda: layers.MaxPooling2D(3), (2, 2, 1), r"A window of \(3, 3\).* does not fit"),
    (
        lambda: layers.Conv2D(4, 3),
        (2, 2),
        r"expects an input with 4 axes.*Received input shape \(None, 2",
    ),
    (lambda: layers.MaxPooling2D(3), (4,), "expects an input with 4 axes"),
    (lambda: layers.Conv2D(4, 3), (5, 5, None), "needs a known number of channels"),
    (lambda: layers.Dense(4), (5, None), "the last of known size"),
    (lambda: layers.GroupNormalization(), (4, 4, 48), "divisible by `groups`. Received groups=32"),
    (lambda: layers.GroupNormalization(-1), (4, 4, None), "needs a size along axis -1"),
    (lambda: layers.GroupNormalization(axis=0), (4, 4, 2), "must be an axis after the batch axis"),
]


@pytest.mark.parametrize(("make", "shape", "message"), SHAPES)
def test_impossible_shapes_are_detected_when_building(make, shape, message):
    layer = make()
    with pytest.raises(ValueError, match=message) as caught:
        keras.Sequential([keras.Input(shape), layer])
    assert layer.name in str(caught.value)


def test_float64_requires_the_reference_backend():
    layer = layers.Dense(2, dtype="float64")
    with pytest.raises(TypeError, match=r"must be float32. Received float64"):
        layer(np.ones((1, 3)))


@pytest.fixture
def model():
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X, Y = np.zeros((8, 4, 4, 1)), np.arange(8) % 3

FITS = [
    ({"x": np.zeros((8, 5, 4, 1))}, r"inputs of shape \(n, 4, 4, 1\). Received .* \(8, 5, 4, 1\)"),
    ({"x": np.zeros((8, 4))}, r"takes inputs of shape \(n, 4, 4, 1\)"),
    ({"x": np.zeros((7, 4, 4, 1))}, "same number of samples. Received 7 in x and 8 in y"),
    ({"x": np.zeros((0, 4, 4, 1)), "y": []}, "There are no samples: x is empty"),
    ({"x": X.astype(str)}, "`x` must be a numeric array. Received dtype <U"),
    ({"x": X.astype(complex)}, "`x` must be a numeric array. Received dtype complex128"),
    ({"x": None}, "The argument `x` is missing"),
    ({"x": 3}, "`x` must have a batch axis"),
    ({"x": [X, X]}, "`x` must be one array. Received a list of 2"),
    ({"x": [[1, 2], [3]]}, "`x` cannot be converted to an array"),
    ({"y": None}, "The argument `y` is missing: the loss needs targets"),
    ({"y": Y + 1}, r"Labels must be in \[0, 3\): .* Received labels from 1 to 3"),
    ({"y": Y - 1}, r"Labels must be in \[0, 3\): .* Received labels from -1 to 1"),
    ({"y": Y + 0.5}, "not integers"),
    ({"y": np.eye(3)[Y]}, "For one-hot targets use categorical_crossentropy"),
    ({"y": Y.astype(str)}, "`y` must be a numeric array"),
    ({"batch_size": -1}, "`batch_size` must be a positive integer. Received batch_size=-1"),
    ({"batch_size": 2.5}, "`batch_size` must be a positive integer"),
    ({"epochs": "3"}, "`epochs` must be an integer >= 0"),
    ({"verbose": 3}, "`verbose` must be 0, 1, 2 or 'auto'. Received verbose=3"),
    ({"validation_split": 1.5}, "`validation_split` must be between 0 and 1. Received 1.5"),
    ({"validation_split": 0.99}, "8 samples are too few for `validation_split`=0.99"),
    ({"validation_data": X}, r"`validation_data` must be \(x, y\)"),
    ({"validation_data": (X, Y + 7)}, r"Labels must be in \[0, 3\)"),
    ({"validation_freq": 0, "validation_data": (X, Y)}, "`validation_freq` must be a positive"),
    ({"sample_weight": np.ones(3)}, r"one weight per sample, shape \(8,\). Received shape \(3,\)"),
    ({"class_weight": [1, 2]}, "`class_weight` must be a dictionary"),
    ({"class_weight": {0: 1}, "sample_weight": np.ones(8)}, "not both"),
]


@pytest.mark.parametrize(("arguments", "message"), FITS)
def test_fit(model, arguments, message):
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": X, "y": Y, "verbose": 0, **arguments})
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    model.fit(X, Y, verbose=0)


def test_compile(model):
    for arguments, message in [
        (
            {"optimizer": "adaam"},
            "Unknown optimizer: 'adaam'. Did you mean 'adam'.*: adadelta, adafactor, adagrad, adam",
        ),
        ({"loss": "crossentropy"}, "Unknown loss: 'crossentropy'.*sparse_categorical_crossentropy"),
        ({"metrics": ["precise"]}, "Unknown metric: 'precise'"),
        ({"optimizer": 3}, "Unknown optimizer: 3"),
        ({"loss": {"dense": "mse"}}, "one output: pass a single loss. Received loss={'dense'"),
        ({"loss": ["mse", "mae"]}, "one output: pass a single loss"),
        (
            {"loss": "mse", "loss_weights": [0.5, 2]},
            r"must be a float. Received loss_weights=\[0.5",
        ),
        (
            {"loss": "mse", "loss_weights": {"x": 1.0}},
            r"`loss_weights` .* unknown outputs: \['x'\]",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            model.compile(**arguments)
    model.fit(X, Y, verbose=0)  # the previous compilation is still valid


def test_not_compiled():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    for method in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(ValueError, match=rf"Call `compile\(\)` before `{method}\(\)`"):
            getattr(model, method)(np.ones((1, 2)), np.ones(1))
    model.compile("adam")
    with pytest.raises(ValueError, match="compiled without a `loss`"):
        model.fit(np.ones((1, 2)), np.ones(1))


def test_calls(model):
    for run in (model, lambda x: model.predict(x, verbose=0), model.predict_on_batch):
        with pytest.raises(ValueError, match=r"takes inputs of shape \(n, 4, 4, 1\)"):
            run(np.zeros((2, 4, 5, 1)))
        for sample in (X[0], X[0, ..., 0]):
            shape = re.escape(str(sample.shape))
            with pytest.raises(ValueError, match=rf"shape {shape}. For .* batch axis: x\[None\]"):
                run(sample)
        with pytest.raises(ValueError, match="must be a numeric array"):
            run(X.astype(str))
    model(X)
    with pytest.raises(ValueError, match="must be a numeric array"):
        model(X.astype(complex))


def test_a_single_row():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    for run in (model, lambda x: model.predict(x, verbose=0), model.predict_on_batch):
        with pytest.raises(ValueError, match=r"Received .* shape \(3,\). .* x\[None\]"):
            run(np.ones(3))


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("sparse_categorical_crossentropy", Y),
        ("categorical_crossentropy", np.eye(3)[Y]),
        ("mse", np.ones((8, 3))),
    ],
)
def test_missing_flatten(loss, y):
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.Dense(3)])
    model.compile("adam", loss)
    with pytest.raises(ValueError, match=r"Is a Flatten or .* layer missing"):
        model.fit(X, y, verbose=0)


def test_adding_layers(model):
    with pytest.raises(
        ValueError, match=r"Only layers can be added to a Sequential model. Received 'x'"
    ):
        model.add("x")
    with pytest.raises(ValueError, match=f"The name {model.layers[0].name!r} is taken"):
        model.add(layers.Dense(1, name=model.layers[0].name))
    with pytest.raises(ValueError, match="`Input` must come first"):
        model.add(keras.Input((3,)))
    with pytest.raises(ValueError, match="has no layers to pop"):
        keras.Sequential().pop()
    with pytest.raises(ValueError, match="has no layers: add some before building"):
        keras.Sequential().build((None, 3))
    with pytest.raises(AttributeError, match="has no output shape yet"):
        _ = keras.Sequential([layers.Dense(1)]).output_shape


def test_errors_about_unsupported_features(model):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()

    with pytest.raises(NotImplementedError, match=r"use `Model\(inputs, outputs\)"):
        Mine()

    class Step(keras.Model):
        def train_step(self, data):
            return {}

    class Loss(keras.Sequential):
        def compute_loss(self, **arrays):
            return 0

    class Call(keras.Sequential):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((2,))
    outputs = layers.Dense(1)(inputs)
    for create, name in [
        (lambda: Step(inputs, outputs), "train_step"),
        (Loss, "compute_loss"),
        (Call, "call"),
    ]:
        with pytest.raises(NotImplementedError, match=f"define `{name}` are not supported: it wou"):
            create()

    class LossWithCall(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return y_true - y_pred

    with pytest.raises(NotImplementedError, match=r"Losses with `call` are .*implement values"):
        LossWithCall()(Y, Y)

    class WithCall(layers.Layer):
        def call(self, inputs):
            return inputs

    with pytest.raises(NotImplementedError, match=r"Layers with `call` .*check_gradients` checks"):
        WithCall()
    with pytest.raises(NotImplementedError, match=r"there is no GradientTape.*train with `fi"):
        model.optimizer.apply_gradients([])
    hints = {"GradientTape": "train with `fit`", "nn": "activations.softmax"}
    for name, hint in hints.items():
        with pytest.raises(AttributeError, match=f"no attribute '{name}': .*{hint}"):
            getattr(keras, name)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = keras.nonsense


def test_categorical_loss_with_labels(model):
    model.compile("adam", "categorical_crossentropy")
    with pytest.raises(ValueError, match=r"use sparse_categorical_crossentropy or `utils.to_cat"):
        model.fit(X, Y, verbose=0)


def test_layer_built_for_other_channels():
    layer = layers.Conv2D(2, 3)
    layer(np.zeros((1, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"was built for 1 channels. Received input shape"):
        layer(np.zeros((1, 4, 4, 2)))
    dense = layers.Dense(2)
    dense(np.zeros((1, 4)))
    with pytest.raises(ValueError, match="was built for a last axis of size 4"):
        dense(np.zeros((1, 5)))
