"""Normal noise in training: GaussianNoise, GaussianDropout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_fraction
from fastcnn.layers.plain import BoundPasses, PlainLayer
from fastcnn.layers.registry import register
from fastcnn.layers.seeded import SeededLayer, draw_key
from fastcnn.layers.steps import PlainStep

if TYPE_CHECKING:
    from typing import Any


class NoiseStep(PlainStep):
    """The step of a `Noise` layer: draws the key of each batch's noise."""

    owns_output = False  # in inference it returns x

    def forward(self, x, training=False):
        layer = self.layer
        if not training or layer.stddev == 0:
            self._kept = self.bound(x) if training else None
            return x
        call = self._kept = self.bound(x)
        draw_key(layer.generator(), call.key)
        layer.apply(call)
        return call.y


class Noise(BoundPasses, SeededLayer, PlainLayer):
    """Base: the noise is a function of call.key (see kernels/csrc/tiles/gaussian.inc.h)."""

    step_class = NoiseStep
    depends_on_training = True
    default_training = False
    stddev = 0.0
    multiplies = False

    def prepare(self, call):
        super().prepare(call)
        call.key = np.zeros(2, np.int64)
        call.forward = self._bind(call.x, call.key, call.y)

    def _bind(self, x, key, y):
        settings = {"stddev": float(self.stddev), "multiplies": self.multiplies}
        return kernels.bind("gaussian_noise", x, key, y, **settings)

    def bind_gradients(self, call):
        if self.stddev == 0 or not self.multiplies:
            return kernels.bind("copy", call.dy, call.dx)
        return self._bind(call.dy, call.key, call.dx)


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

    multiplies = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = check_fraction(rate, "rate")
        self.stddev = math.sqrt(self.rate / (1 - self.rate))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
