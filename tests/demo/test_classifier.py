"""What a model makes of an image: probabilities, the output of every layer, and times."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.demo import training
from fastcnn.demo.classifier import Classifier, load
from tests.demo.conftest import small_model


def images(count):
    return np.random.default_rng(3).integers(0, 256, (count, 28, 28), np.uint8)


def test_probabilities_are_those_of_the_model(model, classifier):
    for image in images(3):
        expected = np.asarray(model(image[None, ..., None]))[0]
        np.testing.assert_array_equal(classifier.probabilities(image), expected)


def test_stages_are_the_outputs_of_the_layers(model, classifier, shoe):
    look = classifier.look(shoe)
    layers = [layer for layer in model.layers if not layer.is_view]
    assert [(s.name, s.kind) for s in look.stages] == [(y.name, type(y).__name__) for y in layers]
    inner = keras.Model(model.inputs, [layer.output for layer in layers])
    for stage, expected in zip(look.stages, inner(shoe[None, ..., None]), strict=True):
        np.testing.assert_allclose(stage.values, np.asarray(expected)[0], rtol=1e-5, atol=1e-5)
    shapes = [(28, 28, 1), (26, 26, 4), (13, 13, 4), (16,), (10,)]
    assert [stage.values.shape for stage in look.stages] == shapes
    np.testing.assert_allclose(look.stages[-1].values, look.probabilities, rtol=1e-5)


def test_times_are_those_of_the_calls(classifier, shoe):
    begin = time.perf_counter()
    look = classifier.look(shoe)
    microseconds = 1e6 * (time.perf_counter() - begin)
    times = [stage.microseconds for stage in look.stages]
    assert all(us > 0 for us in times)
    assert 0 < look.microseconds + sum(times) < microseconds


def test_a_graph_with_a_merge(shoe):
    inputs = keras.Input((28, 28, 1))
    x = skip = keras.layers.Conv2D(3, 3, padding="same")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Conv2D(3, 3, padding="same")(x)
    x = keras.layers.ReLU()(keras.layers.add([x, skip]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    look = Classifier(model).look(shoe)
    kinds = ["Rescaling", "Conv2D", "Conv2D", "Add", "ReLU", "GlobalAveragePooling2D", "Dense"]
    assert [stage.kind for stage in look.stages] == kinds
    first, second, total = (stage.values for stage in look.stages[1:4])
    np.testing.assert_allclose(total, first + second, rtol=1e-6)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3)])
def test_other_shapes_of_images(shape, shoe):
    model = small_model(shape)
    x = np.repeat(shoe[..., None], 3, axis=-1) if len(shape) == 3 else shoe
    found = Classifier(model).probabilities(shoe)
    np.testing.assert_array_equal(found, np.asarray(model(x[None]))[0])


def test_logits_become_probabilities(shoe):
    model = small_model(activation=None)
    found = Classifier(model).probabilities(shoe)
    logits = np.asarray(model(shoe[None, ..., None]), np.float64)[0]
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28)])
def test_white_is_1_without_a_layer_that_scales(shape, shoe):
    """As for models of the tutorial, which divides the images by 255."""
    model = small_model(shape, scaling=False)
    scaled = (shoe / np.float32(255)).reshape(1, *shape)
    plain = Classifier(model)
    assert (plain.white, Classifier(small_model()).white) == (1, 255)
    np.testing.assert_allclose(plain.probabilities(shoe), np.asarray(model(scaled))[0], rtol=1e-4)
    np.testing.assert_allclose(
        Classifier(model, white=255).probabilities(shoe),
        np.asarray(model(shoe.reshape(1, *shape)))[0],
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [((784,), 10), ((28, 28, 1), 3), ((None, None, 1), 10), ((28, 28, 2), 10)],
)
def test_models_of_something_else_are_refused(inputs, outputs):
    x = keras.Input(inputs)
    y = keras.layers.GlobalAveragePooling2D()(x) if len(inputs) == 3 else x
    model = keras.Model(x, keras.layers.Dense(outputs)(y))
    with pytest.raises(ValueError, match="the model must take one image of a fixed size"):
        Classifier(model)
    two = keras.Input((28, 28, 1))
    flat = [keras.layers.Flatten()(t) for t in (two, keras.Input((28, 28, 1)))]
    model = keras.Model([two, flat[1].node.tensors[0]], keras.layers.Dense(10)(
        keras.layers.add(flat)))  # fmt: skip
    with pytest.raises(ValueError, match="the model must take one image"):
        Classifier(model)


def test_models_that_return_nan_are_refused(tmp_path):
    model = small_model()
    model.layers[-1].bias.assign(np.full(10, np.nan))
    with pytest.raises(ValueError, match="the model returns NaN or infinity"):
        Classifier(model)
    model.save(tmp_path / "diverged.keras")
    with pytest.raises(ValueError, match=r"diverged\.keras: the model returns NaN"):
        load(str(tmp_path / "diverged.keras"))


def test_load(model, model_file, tmp_path, shoe):
    expected = np.asarray(model(shoe[None, ..., None]))[0]
    np.testing.assert_array_equal(load(str(model_file)).probabilities(shoe), expected)
    with pytest.warns(UserWarning, match="HDF5 format of Keras 2"):
        model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(load(str(tmp_path / "model.h5")).probabilities(shoe), expected)
    with pytest.raises(ValueError, match=r"weights\.npz: a model must be in a file that ends in"):
        load("weights.npz")
    (tmp_path / "bad.keras").write_bytes(b"nothing")
    with pytest.raises((OSError, ValueError), match=r"bad\.keras"):
        load(str(tmp_path / "bad.keras"))


def test_ten_threads_get_what_each_gets_alone(classifier):
    pictures = images(40)
    alone = [classifier.look(image) for image in pictures]
    with ThreadPoolExecutor(10) as pool:
        together = list(pool.map(classifier.look, pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        for stage, same in zip(one.stages, other.stages, strict=True):
            np.testing.assert_array_equal(stage.values, same.values)


def test_training_learns(small_data, clock):
    """A step in each hundredth of a second of this clock."""
    x, y = small_data
    model = small_model()
    assert training.train(model, x[..., None], y, 1.5) == int(model.optimizer.iterations) == 150
    assert 0 < float(model.optimizer.learning_rate) < 0.02 * training.LEARNING_RATE
    assert model.evaluate(x[..., None], y, verbose=0)[1] > 0.95


def test_training_ends_in_time(small_data):
    x, y = small_data
    begin = time.perf_counter()
    assert training.train(small_model(), x[..., None], y, 0.5) >= 1
    assert time.perf_counter() - begin >= 0.5
