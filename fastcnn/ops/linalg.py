"""Linear algebra: `keras.ops.linalg`, on matrices in the last two axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, to_float, together

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.types import Axes

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "logdet",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
]


def _matrix(x: Any, name: str = "x", square: bool = False) -> NDArray:
    x = to_float(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices (..., n, n)" if square else "matrices (..., m, n)"
        raise ValueError(f"The argument `{name}` must be {kind}. Received shape {x.shape}.")
    return x


def _adjoint(x: NDArray) -> NDArray:
    return np.conj(np.swapaxes(x, -1, -2))


@op
def cholesky(x: ArrayLike, upper: bool = False) -> NDArray:
    """The lower triangular L with L L^T = x; with `upper` its transpose.

    Raises:
        ValueError: x is not positive definite.
    """
    try:
        lower = np.linalg.cholesky(_matrix(x, square=True))
    except np.linalg.LinAlgError:
        raise ValueError("The argument `x` of `cholesky` is not positive definite.") from None
    return _adjoint(lower) if upper else lower


@op
def cholesky_inverse(x: ArrayLike, upper: bool = False) -> NDArray:
    """The inverse of L L^T for the lower triangular L = x, or of x^T x with `upper`."""
    inverse = np.linalg.inv(_matrix(x, square=True))
    inverse = np.triu(inverse) if upper else np.tril(inverse)
    return inverse @ _adjoint(inverse) if upper else _adjoint(inverse) @ inverse


@op
def det(x: ArrayLike) -> NDArray:
    """The determinant."""
    return np.asarray(np.linalg.det(_matrix(x, square=True)))


@op
def slogdet(x: ArrayLike) -> tuple[NDArray, NDArray]:
    """(sign, log of the absolute value) of the determinant."""
    sign, logarithm = np.linalg.slogdet(_matrix(x, square=True))
    return np.asarray(sign), np.asarray(logarithm)


@op
def logdet(x: ArrayLike) -> NDArray:
    """The logarithm of the determinant of a positive definite matrix."""
    return np.asarray(np.linalg.slogdet(_matrix(x, square=True))[1])


@op
def eig(x: ArrayLike) -> tuple[NDArray, NDArray]:
    """(eigenvalues, eigenvectors as columns), complex."""
    x = _matrix(x, square=True)
    values, vectors = np.linalg.eig(x)
    dtype = np.result_type(x.dtype, np.complex64)
    return values.astype(dtype), vectors.astype(dtype)


@op
def eigh(x: ArrayLike) -> tuple[NDArray, NDArray]:
    """(eigenvalues in ascending order, eigenvectors as columns) of a symmetric matrix."""
    values, vectors = np.linalg.eigh(_matrix(x, square=True))
    return values, vectors


@op
def inv(x: ArrayLike) -> NDArray:
    """The inverse.

    Raises:
        ValueError: x is singular.
    """
    try:
        return np.linalg.inv(_matrix(x, square=True))
    except np.linalg.LinAlgError:
        raise ValueError("The argument `x` of `inv` is singular.") from None


@op
def pinv(x: ArrayLike, rcond: float | None = None) -> NDArray:
    """The pseudoinverse; singular values below rcond times the largest count as 0."""
    x = _matrix(x)
    if rcond is None:
        rcond = 10 * max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    return np.linalg.pinv(x, rcond)


@op
def matrix_rank(x: ArrayLike, tol: float | None = None) -> NDArray:
    """The number of singular values above `tol`, int32."""
    return np.asarray(np.linalg.matrix_rank(_matrix(x), tol), np.int32)


@op
def qr(x: ArrayLike, mode: str = "reduced") -> tuple[NDArray, NDArray]:
    """(Q with orthonormal columns, upper triangular R), Q R = x; mode "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ValueError(
            f'The argument `mode` must be "reduced" or "complete". Received mode={mode!r}.'
        )
    factor: Any = np.linalg.qr
    q, r = factor(_matrix(x), mode)
    return q, r


@op
def svd(x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, singular values, V^T) with U diag(s) V^T = x; only s without `compute_uv`."""
    decompose: Any = np.linalg.svd
    found = decompose(_matrix(x), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


def _solve(function: Any, a: Any, b: Any) -> NDArray:
    a, b = together(_matrix(a, "a", square=True), to_float(b))
    if b.ndim == a.ndim - 1:
        return function(a, b[..., None])[..., 0]
    return function(a, b)


@op
def solve(a: ArrayLike, b: ArrayLike) -> NDArray:
    """x with a x = b, for vectors (..., n) or matrices (..., n, k).

    Raises:
        ValueError: a is singular.
    """
    try:
        return _solve(np.linalg.solve, a, b)
    except np.linalg.LinAlgError:
        raise ValueError("The argument `a` of `solve` is singular.") from None


@op
def solve_triangular(a: ArrayLike, b: ArrayLike, lower: bool = False) -> NDArray:
    """x with a x = b; of a only the upper (or lower) triangle is read."""
    triangle = np.tril if lower else np.triu
    return _solve(lambda a, b: np.linalg.solve(triangle(a), b), a, b)


@op
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> NDArray:
    """The x of least |a x - b|, for b (m,) or (m, k)."""
    a, b = together(_matrix(a, "a"), to_float(b))
    return np.linalg.lstsq(a, b, rcond)[0]


@op
def lu_factor(x: ArrayLike) -> tuple[NDArray, NDArray]:
    """(L and U in one matrix, row order p): x[p] = L U, by Gaussian elimination with pivoting.

    L is below the diagonal of the first result, its own diagonal of ones is left out.
    """
    lu = np.array(_matrix(x, square=True))
    n = lu.shape[-1]
    flat = lu.reshape(-1, n, n)
    orders = np.tile(np.arange(n, dtype=np.int32), (len(flat), 1))
    for matrix, order in zip(flat, orders, strict=True):
        for k in range(n - 1):
            pivot = k + int(np.argmax(np.abs(matrix[k:, k])))
            if pivot != k:
                matrix[[k, pivot]], order[[k, pivot]] = matrix[[pivot, k]], order[[pivot, k]]
            if matrix[k, k]:
                matrix[k + 1 :, k] /= matrix[k, k]
                matrix[k + 1 :, k + 1 :] -= np.outer(matrix[k + 1 :, k], matrix[k, k + 1 :])
    inverse = np.argsort(orders, -1).astype(np.int32)
    return flat.reshape(lu.shape), inverse.reshape(lu.shape[:-1])


@op
def norm(
    x: ArrayLike, ord: Any = None, axis: Axes | None = None, keepdims: bool = False
) -> NDArray:
    """The norm of vectors (one axis) or matrices (two axes); without an axis of all elements.

    Args:
        ord: for vectors a number (2 by default); for matrices "fro" (default), "nuc", 1, -1, 2, -2,
            inf or -inf.
    """
    x = to_float(x)
    axes = tuple(range(x.ndim)) if axis is None else axis
    axes = tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
    if len(axes) not in (1, 2) or (len(axes) == 1 and isinstance(ord, str)):
        raise ValueError(
            f"`norm` takes one axis or two, and a number as `ord` for one. Received axis={axis} "
            f"for {x.ndim} axes and ord={ord!r}."
        )
    where = axes[0] if len(axes) == 1 else axes
    result = np.linalg.norm(x, ord, where, keepdims)
    return np.asarray(result, convert(x).real.dtype)
