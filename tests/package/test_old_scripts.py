"""Arguments and methods of Keras 2: taken with a warning or refused, as Keras 3.15 does."""

import numpy as np
import pytest

import fastcnn as keras


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.optimizers.SGD(0.1, decay=1e-3), "`decay` is ignored, as in Keras 3"),
        (lambda: keras.layers.InputLayer(input_shape=(3,)), "`input_shape` of InputLayer is dep"),
        (lambda: keras.layers.LeakyReLU(alpha=0.1), "`alpha` of LeakyReLU is deprecated"),
    ],
)
def test_taken_with_a_warning(make, message):
    with pytest.warns(UserWarning, match=message):
        make()


def test_taken_without_a_warning(recwarn):
    layer = keras.layers.InputLayer(batch_input_shape=(None, 3))
    assert layer.batch_shape == (None, 3)
    assert isinstance(keras.layers.Convolution2D(3, 3), keras.layers.Conv2D)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.optimizers.Adam(lr=0.1), "Adam: lr=0.1. Use `learning_rate`"),
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
