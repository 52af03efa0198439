"""`tf.linalg`: matrices in the last two axes. `name` has no effect."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import ops
from fastcnn.core.lazy import explain_missing
from fastcnn.ops.base import convert, op, standard_dtype, to_float
from fastcnn.tf.core import eye as eye
from fastcnn.tf.math import l2_normalize as l2_normalize

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None


@op
def matmul(
    a: ArrayLike,
    b: ArrayLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: Name = None,
) -> NDArray:
    """The matrix product, of transposed (or adjoint) matrices if so asked."""
    left = _transposed(a, transpose_a, adjoint_a)
    return ops.matmul(left, _transposed(b, transpose_b, adjoint_b))


def _transposed(x: Any, transpose: bool, adjoint: bool) -> NDArray:
    x = convert(x)
    x = np.conj(x) if adjoint else x
    return np.swapaxes(x, -1, -2) if transpose or adjoint else x


@op
def matvec(a: ArrayLike, b: ArrayLike, transpose_a: bool = False, name: Name = None) -> NDArray:
    """The product of matrices and vectors."""
    return ops.matmul(_transposed(a, transpose_a, False), convert(b)[..., None])[..., 0]


@op
def tensordot(a: ArrayLike, b: ArrayLike, axes: Any, name: Name = None) -> NDArray:
    """The product over the last `axes` axes of a and the first of b, or two lists of axes."""
    return ops.tensordot(a, b, axes)


@op
def einsum(equation: str, *inputs: ArrayLike, **kwargs: Any) -> NDArray:
    """The sum of products by Einstein's convention."""
    kwargs.pop("name", None)
    return ops.einsum(equation, *inputs, **kwargs)


@op
def norm(
    tensor: ArrayLike, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False,
    name: Name = None,
) -> NDArray:  # fmt: skip
    """The norm of all elements, or of vectors or matrices along axes."""
    x = to_float(tensor)
    if axis is None:
        flat = ops.norm(x.ravel(), 2 if ord in ("euclidean", "fro") else ord)
        return np.reshape(flat, [1] * x.ndim) if keepdims else flat
    ord = None if ord in ("euclidean", "fro") else ord
    return ops.norm(x, ord, axis, bool(keepdims))


@op
def inv(input: ArrayLike, adjoint: bool = False, name: Name = None) -> NDArray:
    """The inverse."""
    return ops.inv(_transposed(input, False, adjoint))


@op
def pinv(a: ArrayLike, rcond: float | None = None, name: Name = None) -> NDArray:
    """The pseudoinverse."""
    return ops.pinv(a, rcond)


@op
def det(input: ArrayLike, name: Name = None) -> NDArray:
    """The determinant."""
    return ops.det(input)


@op
def cholesky(input: ArrayLike, name: Name = None) -> NDArray:
    """The lower triangular L with L L^T = x."""
    return ops.cholesky(input)


@op
def solve(matrix: ArrayLike, rhs: ArrayLike, adjoint: bool = False, name: Name = None) -> NDArray:
    """x with matrix x = rhs, matrices both."""
    return ops.solve(_transposed(matrix, False, adjoint), rhs)


@op
def svd(tensor: ArrayLike, full_matrices: bool = False, compute_uv: bool = True,
        name: Name = None) -> Any:  # fmt: skip
    """(singular values, U, V) with U diag(s) V^T = x: in TensorFlow's order, V not transposed."""
    if not compute_uv:
        return ops.svd(tensor, compute_uv=False)
    u, s, vt = ops.svd(tensor, full_matrices)
    return s, u, np.conj(np.swapaxes(vt, -1, -2))


@op
def qr(input: ArrayLike, full_matrices: bool = False, name: Name = None) -> Any:
    """(Q, R) with Q R = x."""
    return ops.qr(input, "complete" if full_matrices else "reduced")


@op
def eigh(tensor: ArrayLike, name: Name = None) -> Any:
    """(eigenvalues, eigenvectors as columns) of symmetric matrices."""
    return ops.eigh(tensor)


@op
def trace(x: ArrayLike, name: Name = None) -> NDArray:
    """The sum of the diagonal."""
    x = convert(x)
    return np.asarray(np.trace(x, axis1=-2, axis2=-1, dtype=x.dtype))


@op
def diag(diagonal: ArrayLike, name: Name = None) -> NDArray:
    """Matrices with these diagonals."""
    diagonal = convert(diagonal)
    return diagonal[..., None] * np.eye(diagonal.shape[-1], dtype=diagonal.dtype)


@op
def diag_part(input: ArrayLike, name: Name = None) -> NDArray:
    """The diagonals of matrices."""
    return np.array(np.diagonal(convert(input), axis1=-2, axis2=-1))


@op
def matrix_transpose(a: ArrayLike, name: Name = None) -> NDArray:
    """The transposes of matrices."""
    return np.swapaxes(convert(a), -1, -2)


@op
def band_part(input: ArrayLike, num_lower: int, num_upper: int, name: Name = None) -> NDArray:
    """Matrices with zeros but for some diagonals below and above the main one; -1 keeps all."""
    x = convert(input)
    row, column = np.ogrid[: x.shape[-2], : x.shape[-1]]
    kept = (num_lower < 0) | (row - column <= num_lower)
    kept = kept & ((num_upper < 0) | (column - row <= num_upper))
    return np.where(kept, x, x.dtype.type(0))


@op
def cross(a: ArrayLike, b: ArrayLike, name: Name = None) -> NDArray:
    """The vector products."""
    return ops.cross(a, b)


@op
def matrix_rank(a: ArrayLike, tol: float | None = None, name: Name = None) -> NDArray:
    """The number of singular values above `tol`."""
    return np.asarray(ops.matrix_rank(a, tol), standard_dtype("int32"))


explain_missing(sys.modules[__name__])
