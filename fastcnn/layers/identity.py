"""Layers that return their input: Identity, ActivityRegularization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn import regularizers
from fastcnn.layers.base import Layer
from fastcnn.layers.registry import register
from fastcnn.layers.steps import IdentityStep

if TYPE_CHECKING:
    from typing import Any


@register
class Identity(Layer):
    """y = x.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Identity()(np.array([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """

    step_class = IdentityStep


@register
class ActivityRegularization(Identity):
    """y = x; adds (l1 * sum |x| + l2 * sum x^2) / batch size to the loss.

    Args:
        l1, l2: floats >= 0.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Example:

    >>> from fastcnn import layers
    >>> layers.ActivityRegularization(l2=0.01).activity_regularizer
    L1L2(l1=0.0, l2=0.01)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        regularizer = regularizers.L1L2(l1, l2)
        super().__init__(activity_regularizer=regularizer, **kwargs)
        self.l1, self.l2 = regularizer.l1, regularizer.l2

    def get_config(self):
        config = super().get_config()
        del config["activity_regularizer"]
        return {**config, "l1": self.l1, "l2": self.l2}
