"""Normalization of each sample without subtracting its mean: RMSNormalization."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_number
from fastcnn.layers.plain import BoundPasses
from fastcnn.layers.registry import register
from fastcnn.layers.sample_normalization import SampleNormalization, flat, flat_gradient

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Axes


@register
class RMSNormalization(BoundPasses, SampleNormalization):
    """y = scale * x / sqrt(mean of x^2 over `axis` + epsilon), for each sample

    Unlike `LayerNormalization` it does not subtract the mean (Zhang and Sennrich 2019).

    Args:
        axis: an integer or a list of integers.
        epsilon: added to the mean of the squares.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: scale, with the sizes of the input along `axis`.

    Input shape: any, with known sizes along `axis`. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RMSNormalization(epsilon=0)(np.array([[0.0, 0.0, 0.0, 4.0]])).tolist()
    [[0.0, 0.0, 0.0, 2.0]]
    """

    def __init__(self, axis: Axes = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(axis, **kwargs)
        self.epsilon = check_number(epsilon, "epsilon", 0)
        self.scale = None

    def build(self, input_shape):
        self.scale = self.add_weight(self.sizes_to_build(input_shape), "ones", name="scale")

    def compute_output_shape(self, input_shape):
        self.check_sizes(input_shape)
        return tuple(input_shape)

    def prepare(self, call):
        super().prepare(call)
        call.axes = self.axes(call.x.shape)
        rows = math.prod(n for axis, n in enumerate(call.x.shape) if axis not in call.axes)
        call.inverse = np.empty(rows, self.dtype)

        def bind(x, y):
            arrays = x, flat(self.scale), y, call.inverse
            return kernels.bind("rms_norm_forward", *arrays, epsilon=self.epsilon)

        call.forward = kernels.bind_rows(bind, call.axes, (call.x,), (call.y,))

    def bind_gradients(self, call):
        def bind(dy, x, dx):
            arrays = dy, x, flat(self.scale), call.inverse, dx, flat_gradient(self.scale)
            return kernels.bind("rms_norm_backward", *arrays)

        return kernels.bind_rows(bind, call.axes, (call.dy, call.x), (call.dx,))

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
