"""fastcnn: train and run small convolutional networks on a CPU, through the Keras API.

import fastcnn as keras

model = keras.Sequential([
    keras.Input((28, 28, 1)),
    keras.layers.Conv2D(64, 3, activation="relu"),
    keras.layers.MaxPooling2D(),
    keras.layers.Flatten(),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=5)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fastcnn import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    data,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from fastcnn.core.lazy import explain_missing, missing
from fastcnn.core.version import __version__
from fastcnn.layers import Input, Layer
from fastcnn.layers.symbolic import KerasTensor
from fastcnn.models import Model, Sequential

if TYPE_CHECKING:
    import fastcnn as keras
    from fastcnn import datasets, distribution, ops, plot, preprocessing, testing, tf, wrappers
    from fastcnn.initializers import Initializer as Initializer
    from fastcnn.losses import Loss as Loss
    from fastcnn.metrics import Metric as Metric
    from fastcnn.models.gradients import gradients as gradients
    from fastcnn.optimizers import Optimizer as Optimizer
    from fastcnn.regularizers import Regularizer as Regularizer
    from fastcnn.utils.as_keras import install_as_keras as install_as_keras
    from fastcnn.utils.system import show_config as show_config

LAZY = (  # imported when first used
    *("datasets", "distribution", "keras", "ops", "plot", "preprocessing", "testing", "tf"),
    "wrappers",
)
FUNCTIONS = {
    "gradients": "fastcnn.models.gradients",
    "install_as_keras": "fastcnn.utils.as_keras",
    "show_config": "fastcnn.utils.system",
}
ALIASES = {  # base classes that Keras also exports at the top level
    "Initializer": initializers,
    "Loss": losses,
    "Metric": metrics,
    "Optimizer": optimizers,
    "Regularizer": regularizers,
}

__all__ = [
    "Input",
    "KerasTensor",
    "Layer",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "distribution",
    "gradients",
    "initializers",
    "install_as_keras",
    "keras",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plot",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "show_config",
    "testing",
    "tf",
    "utils",
    "wrappers",
]


if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in LAZY:
            return import_module(f"fastcnn.{name}")
        if name in ALIASES:
            return getattr(ALIASES[name], name)
        if name in FUNCTIONS:
            return getattr(import_module(FUNCTIONS[name]), name)
        raise missing(__name__, name)

    explain_missing(activations, backend, config, constraints, initializers, random, regularizers)


def __dir__():
    return sorted({*globals(), *LAZY, *ALIASES, *FUNCTIONS})
