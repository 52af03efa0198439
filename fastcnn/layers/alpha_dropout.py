"""AlphaDropout: dropout that keeps the mean and the variance, for networks with selu."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.kernels.reference.curves import SELU_ALPHA, SELU_SCALE
from fastcnn.layers.dropout import MaskedLayer
from fastcnn.layers.plain import PlainLayer
from fastcnn.layers.registry import register
from fastcnn.layers.seeded import draw_key
from fastcnn.layers.steps import PlainStep

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Shape

DROPPED = -SELU_ALPHA * SELU_SCALE  # what selu returns far below 0


class AlphaDropoutStep(PlainStep):
    """The step of `AlphaDropout`: draws the mask of each batch."""

    owns_output = False  # in inference it returns x

    def forward(self, x, training=False):
        layer = self.layer
        if not training or layer.rate == 0:
            self._kept = self.bound(x) if training else None
            return x
        call = self._kept = self.bound(x)
        draw_key(layer.generator(), call.key)
        layer.apply(call)
        return call.y


@register
class AlphaDropout(MaskedLayer, PlainLayer):
    """Replaces a fraction `rate` of the values in training by the lowest value of selu.

        y = a * x + b, or a * s + b where a value is dropped, with s = -1.758...

    a and b keep the mean 0 and the variance 1 of the input (Klambauer et al. 2017). In inference
    y = x.

    Args:
        rate: in [0, 1]; training needs a rate below 1.
        noise_shape: shape of the mask, see `Dropout`.
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.AlphaDropout(0.5, seed=0)(np.zeros((1, 1000)), training=True)
    >>> np.unique(y.round(3))
    array([-0.779,  0.779], dtype=float32)
    """

    step_class = AlphaDropoutStep

    def __init__(
        self, rate: float, noise_shape: Shape | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, noise_shape, seed, **kwargs)

    def prepare(self, call):
        shape = self.mask_shape(call.x.shape)
        call.key, call.mask, call.bound_dy = np.zeros(2, np.int64), None, None
        if shape is not None:  # 1 / (1 - rate) where kept, else 0
            call.mask, ones = np.ones((2, *shape), self.dtype)
            call.drop = kernels.bind("dropout", ones, call.key, call.mask, rate=self.rate)
        elif self.rate < 1:
            scale = self._scale()
            offset = scale * DROPPED * (1 - self.rate)
            call.forward = self._bind(call.x, call.key, call.y, DROPPED, scale, offset)

    def _bind(self, x, key, y, dropped, scale, offset):
        settings = {"rate": self.rate, "dropped": dropped, "scale": scale, "offset": offset}
        return kernels.bind("alpha_dropout", x, key, y, **settings)

    def _scale(self):
        """a in the formula."""
        variance = (1 - self.rate) * (1 + self.rate * DROPPED**2)
        if variance == 0:
            raise ValueError(
                f"Layer {self.name!r} drops everything: training needs a `rate` below 1. "
                f"Received rate={self.rate}."
            )
        return 1 / math.sqrt(variance)

    def apply(self, call):
        scale = self._scale()
        if call.mask is None:
            call.forward()
            return
        call.drop()
        with np.errstate(all="ignore"):  # NaN and infinity show up in the result
            np.subtract(call.x, DROPPED, out=call.y)
            np.multiply(call.y, call.mask, out=call.y)
            call.y *= scale * (1 - self.rate)
            call.y += scale * DROPPED * (1 - self.rate)

    def apply_backward(self, call):
        if call.mask is None:
            if call.bound_dy is not call.dy:
                settings = 0.0, self._scale(), 0.0
                call.backward = self._bind(call.dy, call.key, call.dx, *settings)
                call.bound_dy = call.dy
            call.backward()
            return
        np.multiply(call.dy, call.mask, out=call.dx)
        call.dx *= self._scale() * (1 - self.rate)
