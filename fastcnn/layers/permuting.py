"""Layers that rearrange or repeat values: Permute, RepeatVector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_count
from fastcnn.layers.base import check_rank
from fastcnn.layers.plain import BoundPasses, PlainLayer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


@register
class Permute(BoundPasses, PlainLayer):
    """Permutes the axes of each sample.

    Args:
        dims: axis `dims[i]` of the input becomes axis i + 1 of the output; the batch is axis 0.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, ...), with as many axes as `dims` has. Output shape: the permuted input shape.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Permute((2, 1))(np.ones((2, 3, 4))).shape
    (2, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims) if isinstance(dims, (list, tuple, np.ndarray)) else (dims,)
        whole = all(isinstance(axis, (int, np.integer)) for axis in self.dims)
        if not whole or sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "The argument `dims` must be a permutation of 1, 2, ... up to the number of axes. "
                f"Received dims={dims!r}."
            )
        self.dims = tuple(map(int, self.dims))

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, len(self.dims) + 1)
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def prepare(self, call):
        super().prepare(call)
        call.forward = kernels.bind("copy", call.x.transpose(0, *self.dims), call.y)

    def bind_gradients(self, call):
        return kernels.bind("copy", call.dy, call.dx.transpose(0, *self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


@register
class RepeatVector(BoundPasses, PlainLayer):
    """Repeats each sample's vector n times.

    Args:
        n: a positive integer.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (batch, features). Output shape: (batch, n, features).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RepeatVector(3)(np.ones((2, 5))).shape
    (2, 3, 5)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = check_count(n, "n")

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, 2)
        return (input_shape[0], self.n, input_shape[1])

    def prepare(self, call):
        super().prepare(call)
        call.forward = kernels.bind("repeat_forward", call.x, call.y)

    def bind_gradients(self, call):
        return kernels.bind("repeat_backward", call.dy, call.dx)

    def get_config(self):
        return {**super().get_config(), "n": self.n}
