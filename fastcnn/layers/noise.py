"""Normal noise in training: GaussianNoise, GaussianDropout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_fraction
from fastcnn.layers.plain import PlainLayer
from fastcnn.layers.registry import register
from fastcnn.layers.seeded import SeededLayer
from fastcnn.layers.steps import PlainStep


class NoiseStep(PlainStep):
    """The step of a `Noise` layer: draws the noise of each batch."""

    owns_output = False  # in inference it returns x

    def forward(self, x, training=False):
        layer = self.layer
        if not training or layer.stddev == 0:
            self._kept = self.bound(x) if training else None
            return x
        call = self._kept = self.bound(x)
        layer.generator().standard_normal(dtype=call.noise.dtype, out=call.noise)
        layer.apply(call)
        return call.y


if TYPE_CHECKING:
    from typing import Any


class Noise(SeededLayer, PlainLayer):
    """Base: `apply` and `apply_backward` use call.noise, standard normal values shaped like x."""

    step_class = NoiseStep
    depends_on_training = True
    default_training = False
    stddev = 0.0

    def prepare(self, call):
        call.noise = np.zeros(call.x.shape, self.dtype)


@register
class GaussianNoise(Noise):
    """y = x + normal noise of mean 0 in training; y = x in inference.

    Args:
        stddev: standard deviation of the noise, in [0, 1].
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.GaussianNoise(0.1, seed=0)(np.ones((1, 1000)), training=True)
    >>> bool(0.09 < y.std() < 0.11)
    True
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = check_fraction(stddev, "stddev", including_one=True)

    def apply(self, call):
        np.multiply(call.noise, self.stddev, call.y)
        np.add(call.x, call.y, call.y)

    def apply_backward(self, call):
        call.dx[...] = call.dy

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}


@register
class GaussianDropout(Noise):
    """y = x * normal noise in training; y = x in inference.

    The noise has mean 1 and variance rate / (1 - rate), like the mask of `Dropout` (Srivastava et
    al. 2014).

    Args:
        rate: in [0, 1).
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> y = layers.GaussianDropout(0.5, seed=0)(np.ones((1, 1000)), training=True)
    >>> bool(0.9 < y.std() < 1.1)
    True
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = check_fraction(rate, "rate")
        self.stddev = math.sqrt(self.rate / (1 - self.rate))

    def apply(self, call):
        call.noise *= self.stddev
        call.noise += 1
        np.multiply(call.x, call.noise, call.y)

    def apply_backward(self, call):
        np.multiply(call.dy, call.noise if self.stddev else 1, call.dx)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
