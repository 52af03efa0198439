"""What configs, summaries and weights of graphs say in Keras 3.15.1: the values are from there."""

import json

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers


@pytest.fixture(autouse=True)
def _new_names():
    keras.utils.clear_session()


def kwargs_of_calls(model):
    entries = json.loads(model.to_json())["config"]["layers"]
    return [call["kwargs"] for entry in entries for call in entry["inbound_nodes"]]


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: layers.Resizing(6, 6), {"training": True}),
        (lambda: layers.CenterCrop(5, 5), {"training": True}),
        (lambda: layers.RandomCrop(4, 4), {"training": True}),
        (lambda: layers.RandomFlip(), {"training": True}),
        (lambda: layers.RandomRotation(0.1), {"training": True}),
        (lambda: layers.RandomContrast(0.1), {"training": True}),
        (lambda: layers.GaussianNoise(0.1), {"training": False}),
        (lambda: layers.GaussianDropout(0.1), {"training": False}),
        (lambda: layers.Dropout(0.1), {"training": False}),
        (lambda: layers.SpatialDropout2D(0.1), {"training": False}),
        (lambda: layers.BatchNormalization(), {"mask": None}),
        (lambda: layers.Softmax(), {"mask": None}),
        (lambda: keras.Sequential([layers.Dense(2)]), {"mask": None}),
        (lambda: layers.ReLU(), {}),
    ],
)
def test_calls_have_the_arguments_of_keras(make, wanted):
    inputs = keras.Input((8, 8, 3))
    assert kwargs_of_calls(keras.Model(inputs, make()(inputs))) == [wanted]


def is_unchanged(model):
    """Whether a model returns its input in training, and in inference."""
    x = np.arange(1, 513, dtype=np.float32).reshape(8, 8, 8, 1)
    results = model(x, training=True), model.predict(x, verbose=0)
    return tuple(np.array_equal(y, x) for y in results)


def through_config(model):
    """`Model.from_config`, as Keras's guides call it."""
    return keras.Model.from_config(json.loads(json.dumps(model.get_config())))


@pytest.mark.parametrize("layer", ["Dropout", "RandomFlip"])
@pytest.mark.parametrize("copied", [lambda model: model, through_config, keras.models.clone_model])
def test_a_call_without_training_follows_the_model(layer, copied):
    """Keras writes `training=False` for Dropout and True for RandomFlip, and ignores it."""
    inputs = keras.Input((8, 8, 1))
    make = {"Dropout": lambda: layers.Dropout(0.9), "RandomFlip": lambda: layers.RandomFlip()}
    model = copied(keras.Model(inputs, make[layer]()(inputs)))
    assert is_unchanged(model) == (False, True)


@pytest.mark.parametrize("copied", [lambda model: model, through_config, keras.models.clone_model])
def test_a_call_keeps_its_argument_training(copied):
    inputs = keras.Input((8, 8, 1))
    model = copied(keras.Model(inputs, layers.Dropout(0.9)(inputs, training=True)))
    assert is_unchanged(model) == (False, False)
    assert kwargs_of_calls(model) == [{"training": True}]
    base = keras.Sequential([keras.Input((8, 8, 1)), layers.Dropout(0.9)])
    model = copied(keras.Model(inputs, base(inputs, training=False)))
    assert is_unchanged(model) == (True, True)
