"""Layers that move or copy values: Reshape, ZeroPadding2D, Cropping2D, UpSampling2D.

The base classes of the last three are also those of the layers for sequences.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastcnn import kernels
from fastcnn.core.arguments import check_choice, check_data_format
from fastcnn.kernels import shapes
from fastcnn.layers.base import check_rank
from fastcnn.layers.plain import BoundPasses, PlainLayer, ViewLayer
from fastcnn.layers.registry import register
from fastcnn.layers.resampling import INTERPOLATIONS, Repetition, Resampling
from fastcnn.layers.sequences import as_image, as_pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import IntOrPair, Margins


@register
class Reshape(ViewLayer):
    """Changes the shape of each sample and returns a view.

    Args:
        target_shape: shape of one sample; one axis may be -1 and is computed from the others.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: (n, *target_shape).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Reshape((4, -1))(np.ones((2, 8, 3))).shape
    (2, 4, 6)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.target_shape = tuple(int(size) for size in target_shape)
        except (TypeError, ValueError):
            self.target_shape = (0,)
        sizes = self.target_shape
        if any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
            raise ValueError(
                "The argument `target_shape` must be a tuple of positive integers, one of which "
                f"may be -1. Received target_shape={target_shape!r}."
            )

    def compute_output_shape(self, input_shape):
        sizes, given = tuple(input_shape[1:]), self.target_shape
        known = math.prod(size for size in given if size != -1)
        if None in sizes:
            return (input_shape[0], *(None if size == -1 else size for size in given))
        total = math.prod(sizes)
        if total % known or (-1 not in given and total != known):
            raise ValueError(
                f"Layer {self.name!r}: a sample of shape {sizes} cannot be reshaped to {given}."
            )
        return (input_shape[0], *(total // known if size == -1 else size for size in given))

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Frame(BoundPasses, PlainLayer):
    """Base of the layers that add a frame around images or sequences, or remove one.

    `frame` is (before, after) for each axis: ((top, bottom), (left, right)) for images.
    """

    argument: str  # Keras's name of the frame
    sign: int  # +1 adds it, -1 removes it

    def __init__(self, frame, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.frame = frame
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, len(self.frame) + 2)
        out = tuple(
            None if size is None else size + self.sign * sum(edge)
            for size, edge in zip(input_shape[1:-1], self.frame, strict=True)
        )
        if any(size is not None and size < 1 for size in out):
            raise ValueError(
                f"Layer {self.name!r}: `{self.argument}` must not remove the whole input. Received "
                f"{self.argument}={getattr(self, self.argument)} and input shape "
                f"{tuple(input_shape)}."
            )
        return (input_shape[0], *out, input_shape[-1])

    def _bind(self, x, y, sign):
        """A callable that adds the frame to x (sign 1) or removes it (-1)."""
        top, left = as_pair([sign * before for before, _ in self.frame], 0)
        return kernels.bind("frame", as_image(x), as_image(y), top=top, left=left)

    def prepare(self, call):
        super().prepare(call)
        call.forward = self._bind(call.x, call.y, self.sign)

    def bind_gradients(self, call):
        return self._bind(call.dy, call.dx, -self.sign)

    def get_config(self):
        return {
            **super().get_config(),
            self.argument: getattr(self, self.argument),
            "data_format": self.data_format,
        }


@register
class ZeroPadding2D(Frame):
    """Adds rows and columns of zeros around each image.

    Args:
        padding: int; (vertical, horizontal); or ((top, bottom), (left, right)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels).
    Output shape: (n, height + top + bottom, width + left + right, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.ZeroPadding2D(((0, 1), (2, 0)))(np.ones((1, 2, 2, 1))).shape
    (1, 3, 4, 1)
    """

    argument, sign = "padding", 1

    def __init__(
        self, padding: Margins = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(_frame(padding, "padding"), data_format, **kwargs)

    @property
    def padding(self):
        """((top, bottom), (left, right))"""
        return self.frame


@register
class Cropping2D(Frame):
    """Removes rows and columns from the edges of each image.

    Args:
        cropping: int; (vertical, horizontal); or ((top, bottom), (left, right)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels).
    Output shape: (n, height - top - bottom, width - left - right, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Cropping2D(((1, 0), (0, 2)))(np.ones((1, 4, 4, 1))).shape
    (1, 3, 2, 1)
    """

    argument, sign = "cropping", -1

    def __init__(
        self, cropping: Margins = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(_frame(cropping, "cropping"), data_format, **kwargs)

    @property
    def cropping(self):
        """((top, bottom), (left, right))"""
        return self.frame


def _frame(value, name):
    """`value` as ((top, bottom), (left, right))."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value, value)
    try:
        vertical, horizontal = value
    except (TypeError, ValueError):
        raise ValueError(
            f"The argument `{name}` must be an int, 2 ints or 2 tuples of 2 ints. "
            f"Received {name}={value!r}."
        ) from None
    return shapes.pair(vertical, name, minimum=0), shapes.pair(horizontal, name, minimum=0)


class UpSampling(BoundPasses, PlainLayer):
    """Base of the layers that enlarge images or sequences.

    `factors` has one for each axis.
    """

    def __init__(self, factors, interpolation, **kwargs):
        super().__init__(**kwargs)
        self.factors = factors
        self.interpolation = check_choice(
            str(interpolation).lower(), "interpolation", INTERPOLATIONS
        )

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, len(self.factors) + 2)
        out = (
            None if size is None else size * factor
            for size, factor in zip(input_shape[1:-1], self.factors, strict=True)
        )
        return (input_shape[0], *out, input_shape[-1])

    def prepare(self, call):
        super().prepare(call)
        x, y = as_image(call.x), as_image(call.y)
        if self.interpolation == "nearest":
            call.maps = Repetition(x.shape[1:3], as_pair(self.factors), self.dtype)
        else:
            call.maps = Resampling(x.shape[1:3], y.shape[1:3], self.interpolation, self.dtype)
        call.forward = call.maps.bind(x, y)

    def bind_gradients(self, call):
        return call.maps.bind_transposed(as_image(call.dy), as_image(call.dx))


@register
class UpSampling2D(UpSampling):
    """Enlarges images by integer factors.

    Args:
        size: int or two ints, the factors (vertical, horizontal).
        data_format: None or "channels_last".
        interpolation: "nearest" repeats pixels; "bilinear", "bicubic", "lanczos3" and "lanczos5"
            interpolate (half-pixel centers, Keys's cubic with a = -0.5, as in TensorFlow).
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels).
    Output shape: (n, height * size[0], width * size[1], channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.UpSampling2D((1, 2))(np.array([[[[1.0], [2.0]]]])).ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    def __init__(
        self,
        size: IntOrPair = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(shapes.pair(size, "size"), interpolation, **kwargs)
        self.size = self.factors
        self.data_format = check_data_format(data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }
