"""The orthogonal steps of Muon: a Newton-Schulz iteration in the package's matrix products."""

from __future__ import annotations

import math

import numpy as np

from fastcnn import kernels
from fastcnn.core.memory import aligned


class NewtonSchulz:
    """Moves the singular values of matrices of one shape toward 1, in `steps` steps.

        X = G / (norm(G) + 1e-7);  then for each step, with A = X'X:  X = X (a I + b A + c A A)

    For a wide matrix A = XX' stands on the left, so A always has the shorter side. The products are
    those of dense layers, whose results do not depend on the number of threads.

    Args:
        shape: (rows, columns).
        dtype: that of the matrices.
        a, b, c: floats.
        steps: an integer >= 0.
    """

    def __init__(
        self, shape: tuple[int, int], dtype: str, a: float, b: float, c: float, steps: int
    ) -> None:
        is_tall = shape[0] > shape[1]
        side = min(shape)
        self._square, self._fourth, self._factor = (aligned((side, side), dtype) for _ in range(3))
        self._diagonal = self._factor.reshape(-1)[:: side + 1]
        self._matrices = [aligned(shape, dtype) for _ in range(1 + min(steps, 1))]
        self._a, self._b, self._c = a, b, c
        self._steps = []
        for step in range(steps):
            x, y = self._matrices[step % 2], self._matrices[1 - step % 2]
            if is_tall:
                square = kernels.bind("dense_backward_weights", x, x, self._square, None)
                arrays = x, self._factor
            else:
                square = kernels.bind("dense_backward_data", x, x, self._square)
                arrays = self._factor, x
            self._steps.append((square, product(*arrays, y)))
        self._fourth_power = product(self._square, self._square, self._fourth)
        self._result = self._matrices[steps % 2 if steps else 0]

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        """The iteration's result for `matrix`, in an array that the next call overwrites."""
        norm = math.sqrt(np.square(matrix).sum(dtype=np.float64)) + 1e-7
        np.divide(matrix, norm, out=self._matrices[0])
        for square, product in self._steps:
            square()
            self._fourth_power()
            np.multiply(self._square, self._b, out=self._factor)
            self._fourth *= self._c
            self._factor += self._fourth
            self._diagonal += self._a
            product()
        return self._result


def product(a, b, y):
    """The bound kernel of y = a b."""
    return kernels.bind("dense_forward", a, b, None, y, relu=False, relu_max=math.inf)
