"""Pooling of sequences: windows of MaxPooling1D and AveragePooling1D, or whole sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import hand_on, refuse
from fastcnn.layers.global_pooling import GlobalAveragePooling, GlobalMaxPooling
from fastcnn.layers.pooling import AveragePooling, MaxPooling
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import IntOrPair


@register
class MaxPooling1D(MaxPooling):
    """The largest value of each window; the first one gets the gradient.

    Args:
        pool_size: the number of steps of the window, an int or a tuple of one.
        strides: an int or a tuple of one; by default `pool_size`.
        padding: "valid" or "same"; padded steps are never a window's maximum.
        data_format: None or "channels_last".
        name: a string.
        **kwargs: trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, steps, channels). Output shape: (n, steps', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]])).ravel().tolist()
    [3.0, 2.0]
    """

    rank = 1

    def __init__(
        self,
        pool_size: IntOrPair = 2,
        strides: IntOrPair | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals()))


@register
class AveragePooling1D(AveragePooling):
    """The mean of each window's steps inside the sequence.

    Args:
        pool_size: the number of steps of the window, an int or a tuple of one.
        strides: an int or a tuple of one; by default `pool_size`.
        padding: "valid" or "same"; padded steps are never part of a window's mean.
        data_format: None or "channels_last".
        name: a string.
        **kwargs: trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, steps, channels). Output shape: (n, steps', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]])).ravel().tolist()
    [2.0, 1.0]
    """

    rank = 1

    def __init__(
        self,
        pool_size: IntOrPair,
        strides: IntOrPair | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals()))


@register
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel of each sequence. Masks are not supported.

    Input shape: (n, steps, channels). Output shape: (n, channels), or (n, 1, channels) with
    `keepdims`.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.GlobalAveragePooling1D()(np.arange(4.0).reshape(1, 4, 1)).tolist()
    [[1.5]]
    """

    rank = 1
    takes_mask = True

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The layer's output, as in `Layer`; `mask` must be None."""
        refuse(mask, "mask")
        return super().__call__(inputs, training)


@register
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest value of each channel of each sequence; ties share the gradient.

    Input shape: (n, steps, channels). Output shape: (n, channels), or (n, 1, channels) with
    `keepdims`.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.GlobalMaxPooling1D(keepdims=True)(np.arange(4.0).reshape(1, 4, 1)).tolist()
    [[[3.0]]]
    """

    rank = 1


MaxPool1D = MaxPooling1D
AvgPool1D = AveragePooling1D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalMaxPool1D = GlobalMaxPooling1D
