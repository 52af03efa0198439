"""Layers that spread the values of images over their range, without random numbers.

AutoContrast, Equalization, ContrastLimitedAdaptiveHistogramEqualization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_count, check_number
from fastcnn.layers.augmentation import ImageChange, bind_linear, pixels, rescaled
from fastcnn.layers.ranges import check_value_range
from fastcnn.layers.registry import register
from fastcnn.layers.steps import PlainStep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

BYTES = (0, 255)


@register
class AutoContrast(ImageChange):
    """Stretches the values of each channel of each image to the whole value range.

        y = (x - min) / (max - min), scaled to `value_range`

    It acts in training and in inference. A channel of a single value stays as it is.

    Args:
        value_range: (lowest, highest) pixel value.
        **kwargs: data_format ("channels_last"), name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AutoContrast()(np.array([[[[10.0], [20.0], [30.0]]]])).ravel().tolist()
    [0.0, 127.5, 255.0]
    """

    step_class = PlainStep
    depends_on_training = False

    def __init__(self, value_range: Sequence[float] = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = check_value_range(value_range)

    def prepare(self, call):
        n, height, width, channels = call.x.shape
        geometry = {"pool_size": (height, width), "strides": (1, 1), "pads": (0, 0, 0, 0)}
        call.high, call.low = np.empty((2, n, 1, 1, channels), self.dtype)
        call.scale, call.offset, minus = -np.ones((3, n, channels), self.dtype)
        # y is room for -x, whose maximum is the negative minimum of x
        call.find_ends = [
            kernels.bind("max_pool2d_forward", call.x, call.high, None, **geometry),
            kernels.bind("scale_rows_forward", pixels(call.x), minus, pixels(call.y)),
            kernels.bind("max_pool2d_forward", call.y, call.low, None, **geometry),
        ]
        call.stretch = bind_linear(call, call.scale, offset=call.offset, bounds=self.value_range)

    def apply(self, call):
        for find in call.find_ends:
            find()
        np.negative(call.low, out=call.low)
        low, high = call.low[:, 0, 0], call.high[:, 0, 0]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            extent = high - low
            call.scale[...] = 255 / extent
            call.offset[...] = -low * call.scale
        if self.value_range != BYTES or not np.isfinite(call.scale).all():
            images = self._images(call)
            stretched = rescaled(images, BYTES, self.value_range)
            call.y[...] = np.where(np.isnan(stretched), call.x, stretched)
        else:
            call.stretch()

    def _images(self, call):
        """The stretched images, with values from 0 to 255; NaN where a channel is flat."""
        images = rescaled(call.x, self.value_range, BYTES)
        low, high = (rescaled(end, self.value_range, BYTES) for end in (call.low, call.high))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scale = images.dtype.type(255) / (high - low)
            return np.clip(images * scale + -low * scale, *BYTES)

    def apply_backward(self, call):
        # y = (x - low) / (high - low): low and high are pixels, too; equal ones share the gradient
        low, high = (rescaled(end, self.value_range, BYTES) for end in (call.low, call.high))
        flat = high == low
        extent = np.where(flat, 1, high - low)
        slope = call.dy * (255 / extent)
        stretched = self._images(call)
        share = stretched / 255
        call.dx[...] = slope
        images = rescaled(call.x, self.value_range, BYTES)
        for end, weight in ((low, 1 - share), (high, share)):
            at = images == end
            sums = (slope * weight).sum((1, 2), keepdims=True)
            call.dx[...] -= at * (sums / np.maximum(at.sum((1, 2), keepdims=True), 1))
        np.copyto(call.dx, call.dy, where=flat | np.isnan(stretched))

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range}


@register
class Equalization(ImageChange):
    """Histogram equalization of each channel: about the same number of pixels in each bin.

    The histogram is that of a channel of all images of the batch. As in Keras, the layer acts in
    training, and in calls without `training`, but not in `predict` and `evaluate`.

    Args:
        value_range: (lowest, highest) pixel value.
        bins: number of bins of the histogram.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same. Its gradient is 0, but for
    channels of a single value, which stay as they are.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Equalization()(np.array([[[[10.0], [11.0], [12.0]]]])).ravel().tolist()
    [0.0, 128.0, 255.0]
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.value_range = check_value_range(value_range)
        self.bins = check_count(bins, "bins")

    def apply(self, call):
        low, high = self.value_range
        scale = 255 / (high - low)
        images = call.x * call.x.dtype.type(scale) + call.x.dtype.type(-low * scale)
        call.is_flat = []
        for channel in range(images.shape[3]):
            values, is_flat = self._equalized(images[..., channel])
            call.is_flat.append(is_flat)
            call.y[..., channel] = values / scale + low
        call.is_flat = np.array(call.is_flat, bool)

    def _equalized(self, values):
        """(new values in [0, 255], whether all values are in one bin and stay as they are)."""
        last = values.dtype.type(self.bins - 1)
        bins = _whole(values * last / values.dtype.type(255), last)
        counts = np.bincount(bins.ravel(), minlength=self.bins)
        if np.count_nonzero(counts) <= 1:
            return values, True
        total = np.cumsum(counts)
        first = total[np.flatnonzero(total)[0]]
        table = np.clip(np.round((total - first) * 255 / max(total[-1] - first, 1)), *BYTES)
        return table[_whole(values / values.dtype.type(255) * last, last)], False

    def apply_backward(self, call):
        np.multiply(call.dy, call.is_flat, out=call.dx)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range, "bins": self.bins}


def _whole(values, last):
    """`values` rounded toward zero, as indices in [0, last]; NaN is 0."""
    return np.clip(np.nan_to_num(values), 0, last).astype(np.intp)


@register
class ContrastLimitedAdaptiveHistogramEqualization(ImageChange):
    """Equalization of the histograms of tiles, whose peaks are cut (CLAHE, Zuiderveld 1994).

    Each pixel is mapped by the tables of the four nearest tiles, weighted by distance. It acts in
    training and in inference.

    Args:
        value_range: (lowest, highest) pixel value.
        clip_limit: a bin contains at most this multiple of the mean; the excess is spread over all
            bins. 0: no limit.
        tile_grid_size: (rows, columns) of tiles.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same. Its gradient is 0.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.ContrastLimitedAdaptiveHistogramEqualization()
    >>> layer(np.full((1, 16, 16, 3), 7.0)).shape
    (1, 16, 16, 3)
    """

    step_class = PlainStep
    depends_on_training = False

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.value_range = check_value_range(value_range)
        self.clip_limit = check_number(clip_limit, "clip_limit")
        if not isinstance(tile_grid_size, (tuple, list)) or len(tile_grid_size) != 2:
            raise ValueError(
                "The argument `tile_grid_size` must be two integers (rows, columns). "
                f"Received tile_grid_size={tile_grid_size!r}."
            )
        self.tile_grid_size = tuple(check_count(n, "tile_grid_size") for n in tile_grid_size)

    def apply(self, call):
        images = rescaled(call.x, self.value_range, BYTES)
        n, height, width, channels = images.shape
        rows, columns = self.tile_grid_size
        if not images.size:
            return
        tall, wide = -(-height // rows), -(-width // columns)
        frame = ((0, 0), (0, tall * rows - height), (0, wide * columns - width), (0, 0))
        pixels = np.pad(_whole(images, 255), frame, mode="symmetric")
        tables = self._tables(pixels, tall, wide)
        # the tiles at the border are also those beyond it
        tables = np.pad(tables, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
        pixels = pixels[:, :height, :width]
        down, above, below = _between(height, tall, self.dtype)
        right, left, beyond = _between(width, wide, self.dtype)
        image = np.arange(n)[:, None, None, None]
        channel = np.arange(channels)
        corners = []
        for row in (above, below):
            row = row[:, None, None]
            first = tables[image, row, left[:, None], channel, pixels]
            second = tables[image, row, beyond[:, None], channel, pixels]
            corners.append(first * (1 - right[:, None]) + second * right[:, None])
        down = down[:, None, None]
        result = corners[0] * (1 - down) + corners[1] * down
        call.y[...] = rescaled(result, BYTES, self.value_range)

    def _tables(self, pixels, tall, wide):
        """(n, rows, columns, channels, 256): the new values of each tile."""
        rows, columns = self.tile_grid_size
        n, _, _, channels = pixels.shape
        tiles = pixels.reshape(n, rows, tall, columns, wide, channels)
        shape = (n, rows, 1, columns, 1, channels)
        first = 256 * np.arange(n * rows * columns * channels).reshape(shape)
        counts = np.bincount((tiles + first).ravel(), minlength=256 * first.size)
        counts = counts.reshape(n, rows, columns, channels, 256).astype(self.dtype)
        area = tall * wide
        if self.clip_limit > 0:
            limited = np.minimum(counts, counts.dtype.type(self.clip_limit * area / 256))
            counts = limited + (counts - limited).sum(-1, keepdims=True) / 256
        total = np.cumsum(counts, -1)
        least = total.min(-1, keepdims=True)
        spread = area - least
        spread[spread == 0] = 1
        return np.clip((total - least) * 255 / spread, *BYTES)

    def apply_backward(self, call):
        call.dx[...] = 0

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }


def _between(length, tile, dtype):
    """For each position: the weight of the next tile, this tile and the next one in the frame."""
    at = (np.arange(length) - tile / 2) / tile + 1
    whole = np.floor(at)
    this = whole.astype(np.intp)
    return (at - whole).astype(dtype), this, this + 1
