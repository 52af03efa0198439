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


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        [],
        ["mae", "mse"],
        [["mae"], "mse"],
        [["mae", "mse"], []],
        {"b": ["mae"]},
        {"a": [], "b": ["mse", "mae"]},
    ],
)
def test_compile_config_has_the_metrics_as_they_were_given(metrics):
    inputs = keras.Input((4,))
    outputs = [layers.Dense(2, name=name)(inputs) for name in "ab"]
    named = dict(zip("ab", outputs, strict=True))
    for model in (keras.Model(inputs, outputs), keras.Model(inputs, named)):
        model.compile("sgd", "mse", metrics=metrics, weighted_metrics=metrics)
        config = json.loads(json.dumps(model.get_compile_config()))
        assert config["metrics"] == config["weighted_metrics"] == metrics
        model.compile_from_config(config)
        assert json.loads(json.dumps(model.get_compile_config())) == config


def test_compile_config_of_a_single_output():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2, name="a")(inputs))
    config = {"module": "keras.metrics", "class_name": "MeanSquaredError", "registered_name": None}
    config["config"] = {"name": "mean_squared_error", "dtype": "float32"}
    for metrics, wanted in (
        ([["mae"]], [["mae"]]),
        ({"a": "mae"}, {"a": "mae"}),
        ("mae", ["mae"]),
        ([keras.metrics.MeanSquaredError()], [config]),
        ([keras.metrics.MeanSquaredError], [config]),
    ):
        model.compile("sgd", "mse", metrics=metrics)
        assert model.get_compile_config()["metrics"] == wanted


def test_paths_of_weights_begin_with_the_model_that_built_them():
    inputs = keras.Input((4,))
    early = layers.Dense(4)
    x = early(inputs)
    inner = keras.Sequential([layers.Dense(4)], name="inner")
    built = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="built")
    x = keras.Sequential([early, inner, built, layers.Dense(4)], name="outer")(x)
    part_input = keras.Input((4,))
    part = keras.Model(part_input, layers.BatchNormalization()(part_input), name="part")
    lone = keras.Sequential([layers.Dense(4)], name="lone")
    model = keras.Model(inputs, lone(part(x)), name="whole")
    inner.add(layers.Dense(4))
    wanted = [
        "dense/kernel",
        "outer/inner/dense_1/kernel",
        "outer/inner/dense_5/kernel",
        "built/dense_2/kernel",
        "outer/dense_3/kernel",
        "batch_normalization/gamma",
        "lone/dense_4/kernel",
    ]
    paths = [weight.path for weight in model.weights if weight.name in ("kernel", "gamma")]
    assert paths == wanted
    model(np.ones((1, 4)))
    assert [w.path for w in model.weights if w.name in ("kernel", "gamma")] == wanted


def test_calls_that_belong_to_no_model_count_in_the_summary():
    inputs = keras.Input((4,), name="x")
    dense = layers.Dense(4, name="d")
    dense(inputs)
    dense(dense(inputs))
    x = dense(inputs)
    model = keras.Model(inputs, layers.Add(name="add")([x, dense(x)]))
    lines = []
    model.summary(print_fn=lines.append, line_length=108)
    assert "x[0][0], d[3][0]" in lines[0]
    assert "d[3][0], d[4][0]" in lines[0]
    history = json.dumps(json.loads(model.to_json())["config"])
    assert '"keras_history": ["d", 1, 0]' in history
    assert '"keras_history": ["d", 2, 0]' not in history
