"""Optimizers: update the weights from their gradients, on the flat arrays of a model.

    >>> from fastcnn import optimizers
    >>> optimizer = optimizers.Adam(learning_rate=1e-3)
    >>> float(optimizer.learning_rate)
    0.001

`base` describes what they share and how to write one. A step is one pass of a native kernel over
all weights, with clipping, weight decay and the moving average; Lamb, Adafactor and Muon take
several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach
from fastcnn.optimizers.adam import Adam, AdamW, Nadam
from fastcnn.optimizers.base import Optimizer, registry

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Config, CustomObjects
    from fastcnn.optimizers import schedules as schedules
    from fastcnn.optimizers.adaptive import (
        Adadelta as Adadelta,
        Adamax as Adamax,
    )
    from fastcnn.optimizers.descent import (
        SGD as SGD,
        Adagrad as Adagrad,
        Lion as Lion,
        RMSprop as RMSprop,
    )
    from fastcnn.optimizers.ftrl import Ftrl as Ftrl
    from fastcnn.optimizers.layerwise import (
        Adafactor as Adafactor,
        Lamb as Lamb,
    )
    from fastcnn.optimizers.muon import Muon as Muon
    from fastcnn.optimizers.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
    from fastcnn.optimizers.wrapping import (
        LossScaleOptimizer as LossScaleOptimizer,
        MultiOptimizer as MultiOptimizer,
        OptimizerMap as OptimizerMap,
    )

if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(
        __name__,
        {
            "adaptive": ("Adadelta", "Adamax"),
            "descent": ("SGD", "Adagrad", "Lion", "RMSprop"),
            "ftrl": ("Ftrl",),
            "layerwise": ("Adafactor", "Lamb"),
            "legacy": (),
            "muon": ("Muon",),
            "schedule_free": ("ScheduleFreeAdamW",),
            "schedules": (),
            "wrapping": ("LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"),
        },
    )

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "registry",
    "schedules",
    "serialize",
]


def get(identifier: Any) -> Optimizer | None:
    """An optimizer from a name, config, class or instance.

    Raises:
        ValueError: an unknown name; the error lists the valid ones.
    """
    return registry.get(identifier, Optimizer)


def serialize(optimizer: Optimizer) -> Config | None:
    """An optimizer as a dictionary in the format of Keras."""
    return registry.serialize(optimizer)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Optimizer:
    """The optimizer described by a dictionary from `serialize`."""
    return registry.deserialize(config, custom_objects)
