"""Random changes of images: the base classes, RandomFlip.

As in Keras, these layers also change images in calls without `training`, `layer(x)` and `model(x)`,
but not in `predict` and `evaluate`. A direct call also takes a dictionary (see `ImageLayer`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_choice, check_data_format
from fastcnn.core.steps import Call
from fastcnn.layers.base import check_rank
from fastcnn.layers.plain import ImageLayer
from fastcnn.layers.registry import register
from fastcnn.layers.seeded import SeededLayer
from fastcnn.layers.steps import PlainStep

if TYPE_CHECKING:
    from typing import Any


class AugmentationStep(PlainStep):
    """The step of an `Augmentation`: draws the random changes of each batch."""

    owns_output = False  # in inference it returns x

    def forward(self, x, training=False):
        if training is not None and not training:
            self._kept = None
            return x
        call = self._kept = self.bound(x)
        call.drawn = self.layer.drawn(x.shape)
        self.layer.apply(call)
        return call.y


class ImageChange(ImageLayer):
    """Base: changes pixels, and keeps the shape; in training, unless a class has another step.

    `apply` reads from `call.drawn` what `drawn` returned for the batch.
    """

    step_class: Any = AugmentationStep
    depends_on_training = True
    default_training = True
    channels: tuple[int, ...] = ()  # the numbers of channels that the layer takes; empty: any

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, 4)
        if self.channels and input_shape[3] not in self.channels:
            raise ValueError(
                f"Layer {self.name!r} expects images with {' or '.join(map(str, self.channels))} "
                f"channels. Received input shape {tuple(input_shape)}."
            )
        return tuple(input_shape)

    def drawn(self, shape):
        """What `apply` needs to know of a batch of images of `shape` (n, h, w, c)."""

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Augmentation(SeededLayer, ImageChange):
    """Base: `draw` draws the changes of a batch, which `apply` reads from `call.drawn`.

    Only `draw` is random, so the same generator state gives the same images.
    """

    def __init__(self, seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)

    def drawn(self, shape):
        return self.draw(shape, self.generator())

    def draw(self, shape, generator):
        """The random changes of images of `shape` (n, h, w, c), for `apply`."""
        raise NotImplementedError


def applied(layer, x, drawn):
    """The `Call` of a layer that is part of another one, after its forward pass."""
    call = Call(x)
    call.y = np.empty_like(x)
    call.drawn = drawn
    layer.prepare(call)
    layer.apply(call)
    return call


def gradient_of(layer, call, dy):
    """The gradient for the x of `applied`, from the gradient dy of its y."""
    call.dy, call.dx = np.ascontiguousarray(dy), np.empty_like(call.x)
    layer.apply_backward(call)
    return call.dx


def pixels(images):
    """Images (n, h, w, c) as (n, h * w, c)."""
    n, height, width, channels = images.shape
    return images.reshape(n, height * width, channels)


def bind_linear(call, scale, center=None, offset=None, bounds=(-np.inf, np.inf)):
    """A callable that writes y = (x - center) * scale + offset, within bounds; each is (n, c)."""
    low, high = map(float, bounds)
    arrays = pixels(call.x), scale, pixels(call.y), center, offset
    return kernels.bind("scale_rows_forward", *arrays, low=low, high=high)


def rescaled(images, source, target):
    """`images` with values in the range `source`, moved linearly to the range `target`."""
    if tuple(source) == tuple(target):
        return images
    (low, high), (new_low, new_high) = source, target
    dtype = images.dtype.type
    images = (images - dtype(low)) / dtype(high - low)
    return images * dtype(new_high - new_low) + dtype(new_low)


@register
class RandomFlip(Augmentation):
    """Mirrors about half of the images.

    Args:
        mode: "horizontal" (swaps left and right), "vertical", or "horizontal_and_vertical", which
            flips an image in both directions or not at all, as in Keras.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.RandomFlip("horizontal", seed=0)(np.array([[[[1.0], [2.0]]]] * 4))
    >>> sorted({tuple(image.ravel().tolist()) for image in y})
    [(1.0, 2.0), (2.0, 1.0)]
    """

    MODES = ("horizontal", "vertical", "horizontal_and_vertical")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.mode = check_choice(mode, "mode", self.MODES)

    def draw(self, shape, generator):
        return generator.random(shape[0]) <= 0.5

    def prepare(self, call):
        call.flags, call.bound_dy = np.empty(len(call.x), np.uint8), None
        call.forward = self._bind(call.x, call.flags, call.y)

    def apply(self, call):
        call.flags[...] = call.drawn
        call.forward()

    def _bind(self, x, flags, y):
        settings = {
            "vertical": self.mode != "horizontal",
            "horizontal": self.mode != "vertical",
        }
        return kernels.bind("flip", x, flags, y, **settings)

    def change_masks(self, masks, drawn):
        masks = masks.copy()
        masks[drawn] = self._flipped(masks[drawn])
        return masks

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.backward = self._bind(call.dy, call.flags, call.dx)
            call.bound_dy = call.dy
        call.backward()

    def _flipped(self, images):
        if self.mode != "vertical":
            images = images[:, :, ::-1]
        if self.mode != "horizontal":
            images = images[:, ::-1]
        return images

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
