"""The smallest model that has a metric, and its data: for tests of callbacks."""

import numpy as np

import fastcnn as keras

X, Y = np.arange(8.0).reshape(4, 2), np.arange(4.0)


def make_model():
    """A compiled model of one Dense layer."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model
