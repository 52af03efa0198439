"""Dropout, SpatialDropout1D and SpatialDropout2D."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_data_format, check_fraction
from fastcnn.core.steps import Call, Step
from fastcnn.layers.base import check_rank
from fastcnn.layers.registry import register
from fastcnn.layers.seeded import SeededLayer, draw_key

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from fastcnn.core.types import Shape


class DropoutStep(Step):
    """Dropout: one kernel per direction, and a product if the mask is smaller than the input."""

    def forward(self, x, training=False):
        if not training:
            self._kept = None
            return x
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        self._kept = call
        if self.layer.rate == 0:
            return x
        draw_key(self.layer.generator(), call.key)
        call.drop()
        if call.mask is not None:
            call.scale()
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_backward(dy)
        if call.drop_gradient is not None:
            call.drop_gradient()
        return call.dx

    def _bind(self, x):
        layer, call = self.layer, Call(x)
        call.mask = None
        if layer.rate > 0:
            call.y = self._buffer("y", x.shape)
            call.key = np.zeros(2, np.int64)
            mask_shape = layer.mask_shape(x.shape)
            source, target = x, call.y
            if mask_shape is not None:
                source = np.ones(mask_shape, self.dtype)
                target = call.mask = np.empty(mask_shape, self.dtype)
                call.scale = bind_mask(x, call.mask, call.y)
            call.drop = kernels.bind("dropout", source, call.key, target, rate=layer.rate)
        return self._remember(call)

    def _bind_backward(self, dy):
        call, rate = self._last_call(), self.layer.rate
        call.dy = call.dx = dy
        call.drop_gradient = None
        if not self.input_gradient:
            call.dx = None
        elif rate > 0:
            call.dx = dy if self.consume_gradient else self._buffer("dx", dy.shape)
            if call.mask is None:
                call.drop_gradient = kernels.bind("dropout", dy, call.key, call.dx, rate=rate)
            else:
                call.drop_gradient = bind_mask(dy, call.mask, call.dx)
        return self._remember(call)


def bind_mask(x, mask, y):
    """A callable that writes y = x * mask, where some axes of the mask have size 1."""
    axes = [axis for axis, size in enumerate(mask.shape) if size != x.shape[axis]]
    first, last = axes[0], axes[-1] + 1
    if any(size != 1 for size in mask.shape[first:last]):  # shared along separate axes
        return partial(np.multiply, x, mask, y)
    shape = (prod(x.shape[:first]), prod(x.shape[first:last]), prod(x.shape[last:]))
    scale = mask.reshape(shape[0], shape[2])
    return kernels.bind("scale_rows_forward", x.reshape(shape), scale, y.reshape(shape))


class MaskedLayer(SeededLayer):
    """Base of layers that drop a fraction `rate` of the values in training: see `Dropout`."""

    depends_on_training = True
    default_training = False

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = check_fraction(rate, "rate", including_one=True)
        self.noise_shape = _check_noise_shape(noise_shape)

    def compute_output_shape(self, input_shape):
        if None not in input_shape[1:]:
            self.mask_shape(tuple(input_shape))
        return tuple(input_shape)

    def mask_shape(self, shape):
        """The mask's shape for an input of `shape`, or None if it is the same."""
        if self.noise_shape is None:
            return None
        mask = [given or size for given, size in zip(self.noise_shape, shape, strict=False)]
        if len(self.noise_shape) != len(shape) or any(
            given not in (1, size) for given, size in zip(mask[1:], shape[1:], strict=True)
        ):
            raise ValueError(
                f"Layer {self.name!r}: `noise_shape` must have {len(shape)} axes like the input, "
                f"each of the input's size or 1. Received noise_shape={self.noise_shape} and input "
                f"shape {tuple(shape)}."
            )
        return None if tuple(mask) == tuple(shape) else tuple(mask)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape}


@register
class Dropout(MaskedLayer):
    """Sets a fraction `rate` of the values to 0 in training and divides the others by 1 - rate.

    In inference it returns its input. 64 random bits per step determine which values are dropped
    (see kernels/csrc/tiles/dropout.inc.h), so they are the same for any number of threads.

    Args:
        rate: in [0, 1].
        noise_shape: shape of the mask, which is broadcast against the input; None in it means the
            size of the input. (None, 1, 1, None) drops whole channels.
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.Dropout(0.5, seed=1)(np.ones((1, 1000)), training=True)
    >>> sorted(set(y.ravel().tolist()))
    [0.0, 2.0]
    """

    step_class = DropoutStep

    def __init__(
        self, rate: float, noise_shape: Shape | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, noise_shape, seed, **kwargs)


class SpatialDropout(Dropout):
    """Base of the layers that drop whole channels; `noise_shape` is their mask."""

    def __init__(self, rate, noise_shape, seed, name, dtype, **kwargs):
        super().__init__(rate, noise_shape, seed, name=name, dtype=dtype, **kwargs)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, len(self.noise_shape))
        return tuple(input_shape)

    def get_config(self):
        config = super().get_config()
        del config["noise_shape"], config["trainable"]  # as in Keras
        return {**config, "dtype": self.dtype}


@register
class SpatialDropout1D(SpatialDropout):
    """Drops a fraction `rate` of the channels of each sequence.

    Args:
        rate: in [0, 1].
        seed: see `SeededLayer`.
        name, dtype, **kwargs: also trainable and input_shape (see `Layer`).

    Input shape: (n, steps, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.SpatialDropout1D(0.5, seed=1)(np.ones((1, 4, 8)), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, (None, 1, None), seed, name, dtype, **kwargs)


@register
class SpatialDropout2D(SpatialDropout):
    """Drops a fraction `rate` of the channels of each image (Tompson et al. 2014).

    Args:
        rate: in [0, 1].
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        name, dtype, **kwargs: also trainable and input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.SpatialDropout2D(0.5, seed=1)(np.ones((1, 4, 4, 8)), training=True)
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, (None, 1, 1, None), seed, name, dtype, **kwargs)
        self.data_format = check_data_format(data_format)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


def _check_noise_shape(noise_shape):
    """`noise_shape` as a tuple of positive ints and None, or None."""
    if noise_shape is None:
        return None
    try:
        sizes = tuple(noise_shape)
    except TypeError:
        sizes = ("",)
    whole = all(
        size is None or (isinstance(size, (int, np.integer)) and size > 0) for size in sizes
    )
    if isinstance(noise_shape, str) or not whole:
        raise ValueError(
            "The argument `noise_shape` must be a tuple of positive integers or None. "
            f"Received noise_shape={noise_shape!r}."
        )
    return tuple(None if size is None else int(size) for size in sizes)
