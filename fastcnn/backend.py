"""The functions of `keras.backend` that scripts still use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from fastcnn.utils import clear_session

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_value",
    "image_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
]


def get_value(x: Any) -> NDArray:
    """The values of a variable, such as a weight or `optimizer.learning_rate`, as a NumPy array."""
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)


def set_value(x: Any, value: ArrayLike) -> None:
    """Assign to a variable, such as a weight or `optimizer.learning_rate`."""
    x.assign(value)
