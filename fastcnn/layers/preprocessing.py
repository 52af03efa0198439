"""Layers that preprocess data: Rescaling, Normalization."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.tensor import tensor
from fastcnn.layers.plain import PlainLayer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from fastcnn.core.tensor import Tensor
    from fastcnn.core.types import Axes


@register
class Rescaling(PlainLayer):
    """y = x * scale + offset; a uint8 data set can be trained on without a float copy of it.

    Args:
        scale, offset: numbers, or arrays that broadcast against one sample.

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], np.uint8)).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self, scale: float | Sequence[float], offset: float | Sequence[float] = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset

    def build(self, input_shape):
        self._factor = np.asarray(self.scale, self.dtype)
        self._summand = np.asarray(self.offset, self.dtype)
        self._has_summand = bool(self._summand.any())

    def apply(self, call):
        np.multiply(call.x, self._factor, call.y)
        if self._has_summand:
            np.add(call.y, self._summand, call.y)

    def apply_backward(self, call):
        np.multiply(call.dy, self._factor, call.dx)

    def get_config(self):
        return {**super().get_config(), "scale": _plain(self.scale), "offset": _plain(self.offset)}


def _plain(value):
    """Arrays as nested lists, for a config."""
    return np.asarray(value).tolist()


@register
class Normalization(PlainLayer):
    """y = (x - mean) / max(sqrt(variance), 1e-7), with moments that are given or computed from data

    Args:
        axis: the axis or axes with separate moments, by default the last; None: a single mean and
            variance.
        mean, variance: floats or arrays along `axis`; None: `adapt` computes them (before that they
            are 0 and 1).
        invert: apply the inverse, y = x * max(sqrt(variance), 1e-7) + mean.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights, unless moments are given: mean, variance, and `count`, which Keras stores but never
    uses.

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.Normalization()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[5.0]])).tolist()
    [[3.0]]
    """

    def __init__(
        self,
        axis: Axes = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if axis is None:
            axis = ()
        self.axis = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        if (mean is None) != (variance is None):
            raise ValueError(
                "The arguments `mean` and `variance` must be given together. "
                f"Received mean={mean!r} and variance={variance!r}."
            )
        if mean is not None and variance is not None and np.shape(mean) != np.shape(variance):
            raise ValueError(
                "The arguments `mean` and `variance` must have the same shape. "
                f"Received {np.shape(mean)} and {np.shape(variance)}."
            )
        if mean is not None and np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"The argument `mean` must not have more axes than `axis` has elements. "
                f"Received shape {np.shape(mean)} and axis={self.axis}."
            )
        self.input_mean = mean
        self.input_variance = variance
        self.invert = bool(invert)
        self.adapt_mean = self.adapt_variance = None

    @property
    def mean(self) -> Tensor | None:
        """The mean, in a shape that broadcasts against the input; None before it is built."""
        return self._broadcast(self.adapt_mean)

    @property
    def variance(self) -> Tensor | None:
        """The variance, likewise."""
        return self._broadcast(self.adapt_variance)

    def _broadcast(self, moments):
        return None if moments is None else tensor(np.array(moments).reshape(1, *self._against))

    def _kept_axes(self, shape):
        """`axis` counted from the front, in order."""
        rank = len(shape)
        axes = sorted(axis % rank for axis in self.axis if -rank <= axis < rank)
        if len(axes) < len(self.axis) or len(set(axes)) < len(axes) or 0 in axes:
            raise ValueError(
                f"Layer {self.name!r}: `axis` must contain distinct axes after the batch axis. "
                f"Received axis={self.axis} and input shape {tuple(shape)}."
            )
        if any(shape[axis] is None for axis in axes):
            raise ValueError(
                f"Layer {self.name!r} needs a known size on each axis in `axis`. "
                f"Received axis={self.axis} and input shape {tuple(shape)}."
            )
        return axes

    def compute_output_shape(self, input_shape):
        axes = self._kept_axes(input_shape)
        if self.adapt_mean is not None and tuple(input_shape[a] for a in axes) != self._shape:
            raise ValueError(
                f"Layer {self.name!r} was built for sizes {self._shape} on axis {self.axis}. "
                f"Received input shape {tuple(input_shape)}."
            )
        return tuple(input_shape)

    def build(self, input_shape):
        axes = self._kept_axes(input_shape)
        rank = len(input_shape)
        self._shape = tuple(input_shape[axis] for axis in axes)
        self._summed = tuple(axis for axis in range(rank) if axis not in axes)
        # the shape in which the moments broadcast against the input, without its batch axis
        self._against = [input_shape[axis] if axis in axes else 1 for axis in range(1, rank)]
        self._by_channel = axes == [rank - 1]
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(self._shape, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(
                self._shape, "ones", trainable=False, name="variance"
            )
            self.count = self.add_weight((), "zeros", "int64", trainable=False, name="count")
        else:
            given = (self.input_mean, self.input_variance)
            self.adapt_mean, self.adapt_variance = (
                np.broadcast_to(np.asarray(value, self.dtype), self._shape) for value in given
            )

    def adapt(self, data):
        """Compute mean and variance of `data`: an array, or an iterable of x or (x, y) batches.

        Raises:
            ValueError: there are no data, or moments were passed to the constructor.
        """
        if self.input_mean is not None:
            raise ValueError(f"Layer {self.name!r} has a given `mean` and cannot be adapted.")
        batches = _chunks(data) if isinstance(data, np.ndarray) else iter(data)
        batches = (batch[0] if isinstance(batch, tuple) else batch for batch in batches)
        first = next(batches, None)
        if first is None:
            raise ValueError("`adapt` needs data. Received none.")
        self.build_once((None, *np.shape(first)[1:]))
        count, mean, squares = 0, 0.0, 0.0
        for batch in itertools.chain([first], batches):
            batch = np.asarray(batch, np.float64)
            self.compute_output_shape(batch.shape)
            more = math.prod(batch.shape[axis] for axis in self._summed)
            if not more:
                continue
            batch_mean = batch.mean(self._summed, keepdims=True)
            batch_squares = np.square(batch - batch_mean).sum(self._summed)
            apart = batch_mean.reshape(self._shape) - mean
            count += more
            mean = mean + apart * (more / count)
            squares = squares + batch_squares + apart**2 * (more * (count - more) / count)
        if not count:
            raise ValueError("`adapt` needs data. Received none.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(squares / count)

    def apply(self, call):
        if self.block is not None and call.version != self.block.version:
            self._set_moments(call)
        if call.kernel is not None:
            call.kernel()
        elif self.invert:
            np.multiply(call.x, call.deviation, call.y)
            np.add(call.y, call.mean, call.y)
        else:
            np.subtract(call.x, call.mean, call.y)
            np.divide(call.y, call.deviation, call.y)

    def apply_backward(self, call):
        (np.multiply if self.invert else np.divide)(call.dy, call.deviation, out=call.dx)

    def _set_moments(self, call):
        call.mean[...] = np.reshape(self.adapt_mean, self._against)
        deviation = np.maximum(np.sqrt(np.asarray(self.adapt_variance)), config.epsilon())
        call.deviation[...] = deviation.reshape(self._against)
        call.variance[...] = 1 if self.invert else np.square(call.deviation)
        call.version = None if self.block is None else self.block.version

    def prepare(self, call):
        x = call.x
        call.mean, call.deviation, call.variance = np.zeros((3, *self._against), self.dtype)
        self._set_moments(call)
        call.kernel = None
        if self._by_channel:
            rows = (math.prod(x.shape[:-1]), x.shape[-1])
            mean, deviation, variance = (
                a.reshape(-1) for a in (call.mean, call.deviation, call.variance)
            )
            zero = np.zeros_like(mean)
            moments = (deviation, mean, zero) if self.invert else (None, None, mean)
            call.kernel = kernels.bind(
                "batch_norm_forward",
                x.reshape(rows), *moments, variance, call.y.reshape(rows), epsilon=0.0, relu=False,
            )  # fmt: skip

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": _plain(self.input_mean),
            "variance": _plain(self.input_variance),
        }


def _chunks(array, elements=2**20):
    """`array` in chunks of about that many elements, so that float64 copies stay small."""
    if array.ndim < 1 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"`adapt` expects an array of numbers with a batch axis. Received dtype {array.dtype} "
            f"and shape {array.shape}."
        )
    step = max(elements // max(math.prod(array.shape[1:]), 1), 1)
    for start in range(0, len(array), step):
        yield array[start : start + step]
