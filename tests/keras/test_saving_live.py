"""Files exchanged with real Keras in both directions, where it is installed."""

import warnings

import numpy as np
import pytest

import fastcnn
from tests.support.model_cases import CASES, data

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")

SETTINGS = {"batch_size": 8, "shuffle": False, "verbose": 0}


def build(name, package):
    package.backend.clear_session()
    try:
        return CASES[name].build(package)
    except (AttributeError, NotImplementedError) as error:
        pytest.skip(f"not supported yet: {error}")


@pytest.mark.parametrize("name", CASES)
def test_keras_reads_our_files(name, tmp_path):
    model = build(name, fastcnn)
    x, y = data(CASES[name])
    model.fit(x, y, **SETTINGS)
    model.save(tmp_path / "ours.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras only warns when it skips an optimizer's state
        theirs = keras.models.load_model(tmp_path / "ours.keras")
    assert int(theirs.optimizer.iterations.numpy()) == model.optimizer.iterations
    np.testing.assert_allclose(
        theirs.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5, rtol=1e-5
    )
    if not CASES[name].by_chance:
        compare_training(model, theirs, x, y)
    model.save_weights(tmp_path / "ours.weights.h5")
    again = build(name, keras)
    again.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5, rtol=1e-5
    )
    keras.models.model_from_json(model.to_json())


@pytest.mark.parametrize("name", CASES)
def test_we_read_keras_files(name, tmp_path):
    build(name, fastcnn)
    theirs = build(name, keras)
    x, y = data(CASES[name])
    theirs.fit(x, y, **SETTINGS)
    theirs.save(tmp_path / "theirs.keras")
    model = fastcnn.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-5, rtol=1e-5
    )
    if not CASES[name].by_chance:
        compare_training(model, theirs, x, y)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    again = build(name, fastcnn)
    again.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(
        again.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-5, rtol=1e-5
    )
    fastcnn.models.model_from_json(theirs.to_json())


def compare_training(ours, theirs, x, y):
    """The optimizer's state was restored: three more epochs agree."""
    losses = [model.fit(x, y, epochs=3, **SETTINGS).history["loss"] for model in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
