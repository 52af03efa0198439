"""Small data and small recipes."""

import numpy as np
import pytest

from fastcnn.datasets import cifar10, fashion_mnist
from fastcnn.recipes.recipes import RECIPES, Recipe


def images(shape):
    """320 images that are easy to learn, and their labels: class k has a bright row 2 k."""
    y = np.arange(320, dtype=np.uint8) % 10
    x = np.random.default_rng(0).integers(0, 50, (320, *shape), np.uint8)
    x[np.arange(320), 2 * y + 4] = 255
    return x, y


@pytest.fixture
def small_data(monkeypatch):
    """Stand-ins for Fashion-MNIST and CIFAR-10; returns the images of the former."""
    x, y = images((28, 28))
    monkeypatch.setattr(fashion_mnist, "load_data", lambda path=None: ((x, y), (x[:50], y[:50])))
    colors, labels = images((32, 32, 3))
    labels = labels[:, None]
    monkeypatch.setattr(
        cifar10, "load_data", lambda path=None: ((colors, labels), (colors[:50], labels[:50]))
    )
    return x, y


@pytest.fixture
def small_recipes(monkeypatch):
    """The recipes with few filters and epochs, and small batches."""
    for name, erased in (("fast", 0.0), ("good", 0.0), ("best", 0.08)):
        small = Recipe((8, 8, 8), epochs=4, shift=1, erased=erased, batch_size=20)
        monkeypatch.setitem(RECIPES, name, small)
