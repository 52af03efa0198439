"""Division by the standard deviation alone, for LayerNormalization(rms_scaling)."""

import math

import numpy as np


class RootMeanSquare:
    """y = scale * x / sqrt(mean(d^2) + epsilon) and its gradient, bound to x and y.

    d is x, or its deviation from the mean.

    Args:
        x, y: arrays of one shape.
        scale: None, or an array with the sizes of x along `axes`.
        axes: the axes of the mean, in ascending order.
        epsilon: a number.
        centered: whether d is the deviation.
    """

    def __init__(self, x, y, scale, axes, epsilon, centered=False):
        self.x, self.y, self.axes, self.epsilon, self.centered = x, y, axes, epsilon, centered
        sizes = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        self.others = tuple(axis for axis in range(x.ndim) if axis not in axes)
        self.scale = None if scale is None else scale.reshape(sizes)
        self.products = None  # room for the backward pass

    @np.errstate(all="ignore")  # NaN and infinity show up in the result, as with the kernels
    def forward(self):
        """Write y."""
        x, y = self.x, self.y
        self.d = x - x.mean(self.axes, keepdims=True) if self.centered else x
        np.square(self.d, out=y)
        variance = y.mean(self.axes, keepdims=True)
        self.factor = 1 / np.sqrt(variance + variance.dtype.type(self.epsilon))
        np.multiply(x, self.factor, out=y)
        if self.scale is not None:
            np.multiply(y, self.scale, out=y)

    @np.errstate(all="ignore")
    def backward(self, dy, dx, dscale):
        """Write dx and dscale, the gradients of the last `forward`; None is not needed."""
        if self.products is None:
            self.products = np.empty_like(self.x)
        products = np.multiply(dy, self.x, out=self.products)
        products *= self.factor
        if dscale is not None:
            dscale[...] = products.sum(self.others).reshape(dscale.shape)
        if dx is None:
            return
        np.multiply(dy, self.factor, out=dx)
        if self.scale is not None:
            products *= self.scale
            dx *= self.scale
        count = math.prod(self.x.shape[axis] for axis in self.axes)
        along = products.sum(self.axes, keepdims=True) * self.factor**2 / count
        np.subtract(dx, np.multiply(self.d, along, out=products), out=dx)
