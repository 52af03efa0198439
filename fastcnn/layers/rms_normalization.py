"""Normalization of each sample without subtracting its mean: RMSNormalization."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_number
from fastcnn.layers.plain import BoundPasses
from fastcnn.layers.registry import register
from fastcnn.layers.root_mean_square import RootMeanSquare
from fastcnn.layers.sample_normalization import SampleNormalization

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
        axes = self.axes(call.x.shape)
        call.rms = RootMeanSquare(call.x, call.y, self.scale.value, axes, self.epsilon)
        call.forward = call.rms.forward

    def bind_gradients(self, call):
        dscale = self.scale.gradient if self.scale.trainable else None
        return partial(call.rms.backward, call.dy, call.dx, dscale)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
