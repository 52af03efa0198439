"""Arguments and methods of Keras 2: taken with a warning or refused, as Keras 3.15 does."""

import re

import numpy as np
import pytest

import fastcnn as keras


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


# The texts are those of Keras 3.15.1: scripts filter warnings by them.
INPUT_SHAPE = (
    "Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential models, "
    "prefer using an `Input(shape)` object as the first layer in the model instead."
)
RMS_SCALING = (
    "You passed `rms_scaling=True`, which is deprecated. This argument incorrectly scales the "
    "input by the variance, not the root mean square. To correctly use RMS Normalization, "
    "please use "
)
DECAY = "Argument `decay` is no longer supported and will be ignored."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.layers.Dense(2, input_shape=(5,)), INPUT_SHAPE),
        (lambda: keras.layers.Flatten(input_dim=5), INPUT_SHAPE),
        (lambda: keras.optimizers.SGD(0.1, decay=1e-3), DECAY),
        (lambda: keras.optimizers.Adam(decay=0.0), DECAY),
        (
            lambda: keras.layers.InputLayer(input_shape=(3,)),
            "Argument `input_shape` is deprecated. Use `shape` instead.",
        ),
        (
            lambda: keras.layers.LeakyReLU(alpha=0.1),
            "Argument `alpha` is deprecated. Use `negative_slope` instead.",
        ),
        (
            lambda: keras.layers.LayerNormalization(rms_scaling=True),
            RMS_SCALING + "`keras.layers.RMSNormalization` instead.",
        ),
        (
            lambda: keras.ops.layer_normalization(np.ones((2, 3)), rms_scaling=True),
            RMS_SCALING
            + "`keras.ops.rms_normalization` / `keras.ops.nn.rms_normalization` instead.",
        ),
    ],
)
def test_taken_with_the_warning_of_keras(make, message):
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
        make()
    assert [warning.filename for warning in caught] == [__file__]


def test_layer_normalization_by_the_variance():
    with pytest.warns(UserWarning, match="rms_scaling"):
        y = keras.ops.layer_normalization(
            np.float32([[1, 2, 4]]), np.float32([1, 2, 3]), np.ones(3), rms_scaling=True
        )
    expected = [[0.8017836, 3.2071342, 9.621404]]  # of Keras 3.15.1
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"input_shape": (5,)}, (None, 5)),
        ({"input_shape": [5]}, (None, 5)),
        ({"input_dim": 5}, (None, 5)),
        ({"batch_input_shape": (3, 5)}, (3, 5)),
        ({"batch_input_shape": (None, 5)}, (None, 5)),
        ({"input_shape": (5,), "batch_size": 3}, (3, 5)),
        ({"input_dim": 5, "batch_size": 3}, (3, 5)),
    ],
)
def test_a_model_is_built_from_the_first_layer(arguments, shape):
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`"):
        first = keras.layers.Dense(2, **arguments)
    model = keras.Sequential([first])
    assert model.input_shape == shape
    assert model.inputs[0].shape == shape
    assert model.count_params() == 12
    again = keras.Sequential.from_config(model.get_config())
    assert again.input_shape == shape
    assert "input_shape" not in first.get_config()
    assert model.predict(np.ones((4, 5)), verbose=0).shape == (4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_dim": 5, "input_shape": (5,)}, "`input_dim`, `input_shape`"),
        ({"batch_input_shape": (3, 5), "batch_size": 3}, "to Dense: {'batch_size': 3}"),
        ({"input_dim": 5, "batch_size": 0}, "`batch_size` must be a positive integer"),
    ],
)
def test_input_shapes_that_contradict(arguments, message):
    with (
        pytest.warns(UserWarning, match="Do not pass"),
        pytest.raises(ValueError, match=message),
    ):
        keras.layers.Dense(2, **arguments)


def test_taken_without_a_warning(recwarn):
    layer = keras.layers.InputLayer(batch_input_shape=(None, 3))
    assert layer.batch_shape == (None, 3)
    assert isinstance(keras.layers.Convolution2D(3, 3), keras.layers.Conv2D)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.optimizers.Adam(lr=0.1), "Adam: lr=0.1. Use `learning_rate`"),
        (lambda: keras.layers.Dense(1, batch_size=3), "passed to Dense: {'batch_size': 3}"),
        (lambda: keras.random.SeedGenerator(1, foo=2), "SeedGenerator`: foo"),
        (lambda: keras.layers.Dense(1, init="zero"), "passed to Dense: {'init': 'zero'}"),
        (lambda: keras.layers.Dense(1, weights=[]), "passed to Dense: {'weights'"),
        (lambda: keras.layers.Conv2D(1, 3, border_mode="same"), "'border_mode': 'same'"),
    ],
)
def test_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_arguments_of_fit_and_compile_are_refused_by_name(model):
    with pytest.raises(TypeError, match="'lr'"):
        model.compile(lr=0.1)
    model.compile("sgd", "mse")
    for name in ("nb_epoch", "workers", "use_multiprocessing", "max_queue_size"):
        with pytest.raises(TypeError, match=name):
            model.fit(np.ones((2, 2)), np.ones(2), **{name: 1})


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("fit_generator", "fit"),
        ("evaluate_generator", "evaluate"),
        ("predict_generator", "predict"),
        ("predict_proba", "predict"),
        ("predict_classes", r"predict\(x\).argmax"),
    ],
)
def test_methods_of_keras_2_say_what_to_use(name, instead, model):
    assert not hasattr(model, name)
    with pytest.raises(
        AttributeError, match=f"no attribute '{name}', as in Keras 3: use `{instead}"
    ):
        getattr(model, name)
    with pytest.raises(AttributeError, match=r"'Sequential' object has no attribute 'other'$"):
        model.other  # noqa: B018
