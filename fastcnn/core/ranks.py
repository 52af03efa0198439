"""Which of several processes this one is, while they train one model together.

`fastcnn.distribution` sets `current`; without it, nothing of that package is imported. Models ask
`current` once per `fit`, `evaluate` or `predict`, never in a step.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

current: Any = None  # a `distribution.replicas.Replicas`, or None


def is_main():
    """Whether this process prints and writes files: it is rank 0, or the only one."""
    return current is None or current.rank == 0


def together(name):
    """Context manager around a method that all ranks call: an error on one of them ends it on all.

    Other ranks than 0 do not print meanwhile.
    """
    return nullcontext() if current is None else current.together(name)


def from_main(function):
    """`function()`; if there are several ranks, only rank 0 calls it and all get its result."""
    return function() if current is None else current.from_main(function)


def agreed(model, hooks, mode):
    """The model, or an object whose attributes are true where those of the model are on any rank.

    Args:
        model: its `stop_training` and other flags are read.
        hooks: the `CallbackList`; without hooks of batches, no rank can stop alone.
        mode: "train", "test" or "predict".
    """
    return model if current is None else current.agreed(model, hooks, mode)
