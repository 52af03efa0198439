"""Layers that mix each image of a batch with another one, and their labels: MixUp, CutMix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_number
from fastcnn.core.steps import Call
from fastcnn.layers.augmentation import Augmentation, pixels
from fastcnn.layers.ranges import check_range
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Range


class Mixing(Augmentation):
    """Base: `draw` returns (the partner of each image, its own share in [0, 1], anything else).

    Labels are mixed by the same shares, so they are one-hot or probabilities (n, classes).
    """

    def change_labels(self, labels, drawn):
        partner, share = drawn[:2]
        if labels.ndim != 2:
            raise ValueError(
                f"Layer {self.name!r} mixes labels of shape (batch, classes), such as one-hot "
                f"labels (see `utils.to_categorical`). Received labels of shape {labels.shape}."
            )
        labels = labels.astype(self.dtype)
        share = share[:, None]
        return share * labels + (1 - share) * labels[partner]


def _bind_mix(x, call, y):
    """A callable that writes y, each image of x with its partner."""
    return kernels.bind("mix", x, x, call.partner, call.share, call.rest, y)


@register
class MixUp(Mixing):
    """Mixes each image with another image of the batch (Zhang et al. 2018).

        y[i] = share[i] * x[i] + (1 - share[i]) * x[partner[i]], share ~ Beta(alpha, alpha)

    Called with a dictionary, `{"images": x, "labels": one_hot}`, it mixes the labels alike.

    Args:
        alpha: larger values mix more.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> batch = {"images": np.ones((2, 8, 8, 3)), "labels": np.eye(2)}
    >>> layers.MixUp(seed=0)(batch)["labels"].sum(axis=1).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.alpha = check_number(alpha, "alpha", 0)
        if not alpha:
            raise ValueError(f"The argument `alpha` must be positive. Received alpha={alpha!r}.")

    def draw(self, shape, generator):
        partner = generator.permutation(shape[0])
        return partner, generator.beta(self.alpha, self.alpha, shape[0]).astype(self.dtype)

    def prepare(self, call):
        call.partner, call.bound_dy = np.empty(len(call.x), np.int64), None
        call.share, call.rest = np.empty((2, len(call.x)), self.dtype)
        call.forward = _bind_mix(call.x, call, call.y)

    def apply(self, call):
        call.partner[...], call.share[...] = call.drawn
        call.rest[...] = 1 - call.share
        call.forward()

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.back = Call(call.dy)  # each image gets what it gave to its partner
            call.back.partner, call.back.share = np.empty_like(call.partner), call.share
            call.back.rest = np.empty_like(call.rest)
            call.backward, call.bound_dy = _bind_mix(call.dy, call.back, call.dx), call.dy
        call.back.partner[call.partner] = np.arange(len(call.partner))
        call.back.rest[call.partner] = call.rest
        call.backward()

    def change_masks(self, masks, drawn):
        return self._mixed(masks, drawn)

    def _mixed(self, images, drawn):
        partner, share = drawn
        share = share[:, None, None, None]
        return share * images + (1 - share) * images[partner]

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@register
class CutMix(Mixing):
    """Replaces a rectangle of each image by that of another image of the batch (Yun et al. 2019).

    The share of the image that remains is drawn from Beta(a, a), with one a in `factor` for the
    batch. Called with a dictionary, `{"images": x, "labels": one_hot}`, it mixes the labels by the
    areas.

    Args:
        factor: in [0, 1], or two such values (lower, upper). One value stands for (0, factor).
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> batch = {"images": np.ones((2, 8, 8, 3)), "labels": np.eye(2)}
    >>> sorted(layers.CutMix(seed=0)(batch))
    ['images', 'labels']
    """

    def __init__(
        self,
        factor: Range = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)

    def draw(self, shape, generator):
        """(partner, share, mask (n, h, w, 1) of the pixels that the partner gives)."""
        size = shape[0]
        alpha = generator.uniform(*self.factor) + 1e-6
        side = np.sqrt(1 - generator.beta(alpha, alpha, size))
        mask, share = True, 1.0
        for axis in (2, 1):
            length = shape[axis]
            extent = side * length
            start = generator.random(size) * (length - extent)
            position = np.arange(length)
            inside = (position >= start[:, None]) & (position < (start + extent)[:, None])
            mask = mask & np.expand_dims(inside, (3, 3 - axis))
            share = share * extent / length
        return generator.permutation(size), (1 - share).astype(self.dtype), mask

    def prepare(self, call):
        call.partner = np.empty(len(call.x), np.int64)
        call.mask = np.empty(pixels(call.x).shape[:2], np.uint8)
        x, y = pixels(call.x), pixels(call.y)
        call.forward = kernels.bind("select", x, x, call.partner, call.mask, y)

    def apply(self, call):
        call.partner[...], _, mask = call.drawn
        call.mask[...] = mask.reshape(call.mask.shape)
        call.forward()

    def apply_backward(self, call):
        partner, _, mask = call.drawn
        np.multiply(call.dy, ~mask, out=call.dx)
        call.dx[partner] += call.dy * mask

    def change_masks(self, masks, drawn):
        partner, _, mask = drawn
        return np.where(mask, masks[partner], masks)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
