"""Every layer against what real Keras did: results, gradients, ten steps, shapes.

keras/oracle/layers.json holds Keras's figures of the rows of support/layer_cases.py, recorded by
`python -m tests.keras.record`. Float32 with sums in another order: 1e-5 of the largest value. Ten
steps of gradient descent carry such differences on, and no row has a choice (a maximum, a relu)
that they flip.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from tests.keras.oracle import runs
from tests.support.layer_cases import CASES, rows, with_batch

GOLDEN = json.loads(Path(__file__).with_name("oracle").joinpath("layers.json").read_text())


@pytest.fixture(params=keras.config.BACKENDS)
def backend(request):
    keras.config.set_backend(request.param)


def assert_close(found, expected, tolerance=1e-5):
    found = np.array(runs.fingerprint(found))
    bound = tolerance * max(1, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def assert_all_close(found, expected, tolerance=1e-5):
    assert len(found) == len(expected)
    for array, wanted in zip(found, expected, strict=True):
        assert_close(array, wanted, tolerance)


every_row = pytest.mark.parametrize("name", rows("keras"))


@every_row
def test_one_pass(name, backend):
    golden = GOLDEN["cases"][name]
    shape = with_batch(CASES[name].shape)
    layer = CASES[name].make(keras)
    layer.build_once(shape)
    runs.set_weights(layer, name)
    x = runs.inputs(name)
    assert_close(layer(x, training=False), golden["inference"])
    y = layer.forward(x, training=True)
    assert list(y.shape) == golden["shape"]
    assert layer.compute_output_shape(shape)[1:] == y.shape[1:]
    assert_close(y, golden["training"])
    dx = layer.backward(runs.values(name, "dy", y.shape))
    if type(shape) is list:
        assert_all_close(dx, golden["dx"])
    elif golden["dx"] is not None:
        assert_close(dx, golden["dx"])
    assert_all_close([w.gradient for w in layer.trainable_weights], golden["gradients"])
    assert_all_close(layer.non_trainable_weights, golden["state"])


@every_row
def test_ten_steps(name, backend):
    golden = GOLDEN["cases"][name]
    losses, weights = runs.train(keras, name)
    # a loss that has become small keeps the rounding of the values it comes from
    floor = np.finfo(np.float32).eps * golden["losses"][0]
    np.testing.assert_allclose(losses, golden["losses"], rtol=2e-5, atol=floor)
    assert_all_close(weights, golden["after"], 2e-5)


@pytest.mark.parametrize("name", GOLDEN["transformations"])
def test_given_transformations(name, backend):
    x = 100 * runs.values("images", "x", (4, 5, 6, 3)) + 120
    kind, *mode = name.split()
    factor = np.array([0.5, 1.5, 3.0, 1.0], np.float32)[:, None, None, None]
    if kind == "flip":
        layer, drawn = keras.layers.RandomFlip(*mode), np.array([True, False, True, False])
    elif kind == "contrast":
        layer, drawn = keras.layers.RandomContrast(0.5), factor
    elif kind == "brightness":
        layer, drawn = keras.layers.RandomBrightness(0.5), 100 * factor
    else:
        height, width = map(int, mode)
        layer, drawn = keras.layers.RandomCrop(height, width), (1, 2, height, width)
    if kind != "crop" or height < 4:  # else nothing is drawn: the images are too small
        layer.draw = lambda *args: drawn
    assert_close(layer(x), GOLDEN["transformations"][name])
