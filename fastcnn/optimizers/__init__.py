"""Optimizers: how gradients change weights, in one pass over a model's flat arrays.

    >>> from fastcnn import optimizers
    >>> optimizer = optimizers.Adam(learning_rate=1e-3)
    >>> float(optimizer.learning_rate)
    0.001

`base` says what all of them share and how to write one. Adam is one fused native kernel; the others
are NumPy on the same arrays.
"""

from fastcnn.core.lazy import attach
from fastcnn.optimizers.adam import Adam, AdamW, Nadam
from fastcnn.optimizers.base import Optimizer, registry

__getattr__, __dir__ = attach(
    __name__,
    {
        "adaptive": ("Adadelta", "Adamax"),
        "descent": ("SGD", "Adagrad", "Lion", "RMSprop"),
        "schedules": (),
    },
)

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "registry",
    "schedules",
    "serialize",
]


def get(identifier):
    """An optimizer from a name, config, class or instance.

    Raises:
        ValueError: an unknown name; the error lists the valid ones.
    """
    return registry.get(identifier, Optimizer)


def serialize(optimizer):
    """The dictionary that Keras writes for an optimizer."""
    return registry.serialize(optimizer)


def deserialize(config):
    """The optimizer that `serialize` wrote."""
    return registry.deserialize(config)
