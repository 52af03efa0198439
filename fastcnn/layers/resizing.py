"""Layers that change the size of images: Resizing, CenterCrop, RandomCrop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_choice, check_count, check_data_format, check_number
from fastcnn.layers.base import check_rank
from fastcnn.layers.plain import ImageLayer
from fastcnn.layers.registry import register
from fastcnn.layers.resampling import INTERPOLATIONS, Resampling
from fastcnn.layers.seeded import SeededLayer
from fastcnn.layers.steps import PlainStep

if TYPE_CHECKING:
    from typing import Any


class Cut(ImageLayer):
    """Base: takes a window of each image and resizes it to the requested size.

    The window may extend beyond the image, where it is filled with `fill_value`.
    """

    interpolation = "bilinear"
    default_training = True
    antialias = False
    fill_value = 0.0

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.height = check_count(height, "height")
        self.width = check_count(width, "width")
        self.data_format = check_data_format(data_format)

    def window(self, height, width):
        """(top, left, height, width) of the window of an image of this size."""
        return 0, 0, height, width

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, 4)
        return (input_shape[0], self.height, self.width, input_shape[3])

    def prepare(self, call):
        call.window = call.bound_dy = None
        call.drawn = self.window(*call.x.shape[1:3])

    def apply(self, call):
        if call.window != call.drawn:  # a random one is bound again
            call.window, call.bound_dy = call.drawn, None
            call.forward = self._bind_cut(call.x, call.y, call.drawn, self.interpolation)
        call.forward()

    def _bind_cut(self, x, y, window, interpolation):
        """A callable that writes y, the window of x in the new size."""
        corner, size = window[:2], window[2:]
        if not self._resizes(size):
            return _bind_frame(x, y, corner, self.fill_value)
        resampling = self._resampling(size, interpolation)
        ends = [begin + length for begin, length in zip(corner, size, strict=True)]
        if min(corner) >= 0 and ends[0] <= x.shape[1] and ends[1] <= x.shape[2]:
            return resampling.bind(x, y, corner)
        part = np.empty((len(x), *size, x.shape[3]), self.dtype)
        frame = _bind_frame(x, part, corner, self.fill_value)
        return kernels.Sequence(frame, resampling.bind(part, y))

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.backward, call.bound_dy = self._bind_cut_gradient(call), call.dy
        call.backward()

    def _bind_cut_gradient(self, call):
        corner, size = call.drawn[:2], call.drawn[2:]
        back = [-begin for begin in corner]
        if not self._resizes(size):
            return _bind_frame(call.dy, call.dx, back, 0)
        resampling = self._resampling(size, self.interpolation)
        if tuple(call.drawn) == (0, 0, *call.x.shape[1:3]):
            return resampling.bind_transposed(call.dy, call.dx)
        part = np.empty((len(call.dy), *size, call.dy.shape[3]), self.dtype)
        frame = _bind_frame(part, call.dx, back, 0)
        return kernels.Sequence(resampling.bind_transposed(call.dy, part), frame)

    def _resizes(self, size):
        return size != (self.height, self.width)

    def _resampling(self, size, interpolation):
        new_size = (self.height, self.width)
        return Resampling(size, new_size, interpolation, self.dtype, self.antialias)

    def call_of(self, step, x):
        return step.bound(x)  # in inference, too

    def change_masks(self, masks, drawn):
        """The masks, cut like the images, without new values between those of neighbors."""
        changed = np.empty((len(masks), self.height, self.width, masks.shape[3]), self.dtype)
        self._bind_cut(np.ascontiguousarray(masks, self.dtype), changed, drawn, "nearest")()
        return changed.astype(masks.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "data_format": self.data_format,
        }


def _bind_frame(x, y, corner, value):
    """A callable that writes y: what begins at `corner` of x, and `value` outside of x."""
    return kernels.bind("frame", x, y, top=-corner[0], left=-corner[1], value=float(value))


def _largest_window(height, width, new_height, new_width):
    """The largest centered window that has the aspect ratio of the new size."""
    high = max(min(height, int(width * new_height / new_width)), 1)
    wide = max(min(width, int(height * new_width / new_height)), 1)
    return (height - high) // 2, (width - wide) // 2, high, wide


@register
class Resizing(Cut):
    """Changes the size of images.

    Args:
        height, width: the new size.
        interpolation: "bilinear", "nearest", "bicubic" (Keys's cubic, a = -0.5), "lanczos3" or
            "lanczos5"; half-pixel centers, as in TensorFlow.
        crop_to_aspect_ratio: use the largest centered window that has the new aspect ratio, instead
            of distorting the image.
        pad_to_aspect_ratio: pad both sides of the image with `fill_value` to the new aspect ratio.
        fill_mode: "constant".
        fill_value: a number.
        antialias: when shrinking, average all input pixels that an output pixel covers.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, any height, any width, channels). Output shape: (n, height, width, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Resizing(1, 4)(np.array([[[[0.0], [4.0]]]])).ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, **kwargs)
        self.interpolation = check_choice(interpolation, "interpolation", INTERPOLATIONS)
        self.fill_mode = check_choice(fill_mode, "fill_mode", ("constant",))
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError(
                "Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True."
            )
        self.fill_value = float(check_number(fill_value, "fill_value"))
        self.antialias = bool(antialias)

    def window(self, height, width):
        if self.crop_to_aspect_ratio:
            return _largest_window(height, width, self.height, self.width)
        if not self.pad_to_aspect_ratio:
            return super().window(height, width)
        above = max(int(width * self.height / self.width) - height, 0) // 2
        left = max(int(height * self.width / self.height) - width, 0) // 2
        return -above, -left, height + 2 * above, width + 2 * left

    def get_config(self):
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }


@register
class CenterCrop(Cut):
    """Crops each image to its center.

    From an image that is smaller in one direction it takes the largest centered window that has the
    new aspect ratio, and resizes it (bilinear), as in Keras.

    Args:
        height, width: the new size.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, any height, any width, channels). Output shape: (n, height, width, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.CenterCrop(1, 2)(np.arange(4.0).reshape(1, 1, 4, 1)).ravel().tolist()
    [1.0, 2.0]
    """

    def window(self, height, width):
        down, right = height - self.height, width - self.width
        if down < 0 or right < 0:
            return _largest_window(height, width, self.height, self.width)
        return down // 2, right // 2, self.height, self.width


class RandomCropStep(PlainStep):
    """The step of RandomCrop: draws the window of each batch."""

    def forward(self, x, training=False):
        layer, call = self.layer, self.bound(x)
        is_drawn = training is None or training
        size = x.shape[1:3]
        call.drawn = layer.draw(*size, layer.generator()) if is_drawn else layer.window(*size)
        layer.apply(call)
        self._kept = call if is_drawn else None
        return call.y


@register
class RandomCrop(SeededLayer, Cut):
    """Crops the images at a position that is drawn for each batch.

    In inference it takes the largest centered window that has the new aspect ratio, and resizes it
    (bilinear). In training, images that are not larger in both directions are cropped at the
    center. (Keras documents this, too; as of 3.15 its layer does not change the size of images in
    inference, so no layer with weights could follow it.)

    Args:
        height, width: the new size.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        name: a string.
        **kwargs: trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, any height, any width, channels). Output shape: (n, height, width, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomCrop(3, 4)(np.ones((2, 8, 8, 1))).shape
    (2, 3, 4, 1)
    """

    step_class = RandomCropStep
    depends_on_training = True

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            seed, height=height, width=width, data_format=data_format, name=name, **kwargs
        )

    def window(self, height, width):
        return _largest_window(height, width, self.height, self.width)

    def draw(self, height, width, generator):
        """The window of a batch of images of this size."""
        if height > self.height and width > self.width:
            top = int(generator.integers(height - self.height + 1))
            left = int(generator.integers(width - self.width + 1))
        else:
            top, left, _, _ = self.window(height, width)
        return top, left, min(self.height, height - top), min(self.width, width - left)
