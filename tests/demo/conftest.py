"""A small model, and images that are easy to learn, in place of the real ones."""

import itertools
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.datasets import fashion_mnist
from fastcnn.demo import training
from fastcnn.demo.classifier import Classifier
from fastcnn.demo.server import Server


def small_model(shape=(28, 28, 1), activation="softmax", scaling=True):
    """A convolutional net for images of 28 x 28 pixels."""
    keras.utils.set_random_seed(1)
    layers = [keras.Input(shape)]
    if scaling:
        layers.append(keras.layers.Rescaling(1 / 255))
    if len(shape) == 2:
        layers.append(keras.layers.Reshape((28, 28, 1)))
    return keras.Sequential(
        [
            *layers,
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(10, activation=activation),
        ]
    )


@pytest.fixture(scope="package")
def model():
    return small_model()


@pytest.fixture(scope="package")
def classifier(model):
    return Classifier(model)


@pytest.fixture(scope="package")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def small_data(monkeypatch):
    """Images that are easy to learn: class k has two bright rows from 2k on."""
    y = np.arange(640, dtype=np.uint8) % 10
    x = np.random.default_rng(0).integers(0, 50, (640, 28, 28), np.uint8)
    x[np.arange(640), 2 * y] = x[np.arange(640), 2 * y + 1] = 255
    x[:, 22:] = 0
    data = (x, y), (x[:100], y[:100])
    monkeypatch.setattr(fashion_mnist, "load_data", lambda path=None: data)
    return x, y


@pytest.fixture(scope="package")
def shoe():
    """An image of bytes (28, 28), bright on black, that looks different from every side."""
    image = np.zeros((28, 28), np.uint8)
    image[12:20, 2:26] = np.linspace(60, 250, 24).astype(np.uint8)
    image[4:12, 2:9] = 180
    return image


@pytest.fixture
def clock(monkeypatch):
    """Let each look at the clock of the training take a hundredth of a second."""
    ticks = itertools.count()
    fake = SimpleNamespace(perf_counter=lambda: next(ticks) / 100)
    monkeypatch.setattr(training, "time", fake)


@pytest.fixture(scope="package")
def server(classifier):
    """A server that runs in a thread."""
    pytest.importorskip("PIL")
    with Server(0) as found:
        found.classifier = classifier
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()
