"""Layers that add, remove or repeat steps of sequences: ZeroPadding1D, Cropping1D, UpSampling1D."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_count
from fastcnn.kernels import shapes
from fastcnn.layers.registry import register
from fastcnn.layers.reshaping import Frame, UpSampling

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import IntOrPair


@register
class ZeroPadding1D(Frame):
    """Adds steps of zeros before and after each sequence.

    Args:
        padding: int or two ints, (before, after).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, steps, channels). Output shape: (n, steps + before + after, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.ZeroPadding1D((0, 2))(np.ones((1, 3, 1))).ravel().tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """

    argument, sign = "padding", 1

    def __init__(
        self, padding: IntOrPair = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__((shapes.ints(padding, 2, "padding", 0),), data_format, **kwargs)

    @property
    def padding(self):
        """(before, after)"""
        return self.frame[0]


@register
class Cropping1D(Frame):
    """Removes steps from the start and the end of each sequence.

    Args:
        cropping: int or two ints, (at the start, at the end).
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, steps, channels). Output shape: (n, steps - start - end, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Cropping1D((0, 2))(np.arange(4.0).reshape(1, 4, 1)).ravel().tolist()
    [0.0, 1.0]
    """

    argument, sign = "cropping", -1

    def __init__(self, cropping: IntOrPair = (1, 1), **kwargs: Any) -> None:
        super().__init__((shapes.ints(cropping, 2, "cropping", 0),), **kwargs)

    @property
    def cropping(self):
        """(at the start, at the end)"""
        return self.frame[0]

    def get_config(self):
        config = super().get_config()
        del config["data_format"]  # not an argument in Keras
        return config


@register
class UpSampling1D(UpSampling):
    """Repeats each step of a sequence `size` times.

    Args:
        size: a positive integer.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, steps, channels). Output shape: (n, steps * size, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.UpSampling1D(2)(np.array([[[1.0], [2.0]]])).ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        self.size = check_count(size, "size")
        super().__init__((self.size,), "nearest", **kwargs)

    def get_config(self):
        return {**super().get_config(), "size": self.size}
