"""Operations on each element: functions of one array, and of two that are broadcast."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.layers.symbolic import KerasTensor
from fastcnn.ops.base import (
    as_tensors,
    convert,
    op,
    refuse_symbolic,
    standard_dtype,
    to_float,
    together,
)
from fastcnn.ops.special import complementary_erf, error_function, inverse_erf

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.tensor import Tensor

    class Unary(Protocol):
        def __call__(self, x: ArrayLike) -> Tensor: ...

    class Binary(Protocol):
        def __call__(self, x1: ArrayLike, x2: ArrayLike) -> Tensor: ...

    class Bitwise(Protocol):
        def __call__(self, x: ArrayLike, y: ArrayLike) -> Tensor: ...


def _named(call: Any, name: str, doc: str) -> Any:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return call


def _unary(name: str, function: Callable, doc: str, convert_x: Callable = convert) -> Unary:
    """An operation of one array: function(convert_x(x))."""

    def call(x: ArrayLike) -> Tensor:
        if isinstance(x, KerasTensor):
            refuse_symbolic(name)
        return as_tensors(function(convert_x(x)))

    return _named(call, name, doc)


def _float_unary(name: str, function: Callable, doc: str) -> Unary:
    return _unary(name, function, f"{doc}; integers become float32.", to_float)


def _binary(
    name: str, function: Callable, doc: str, at_least: Any = None, symbolic: Any = None
) -> Binary:
    """An operation of two arrays: function of both in their common type."""

    def call(x1: ArrayLike, x2: ArrayLike) -> Tensor:
        if isinstance(x1, KerasTensor) or isinstance(x2, KerasTensor):
            if symbolic is None:
                refuse_symbolic(name)
            return symbolic(x1, x2)
        return as_tensors(function(*together(x1, x2, at_least=at_least)))

    return _named(call, name, doc)


def _logical(name: str, function: Callable, doc: str) -> Binary:
    return _binary(name, lambda a, b: function(a.astype(bool), b.astype(bool)), doc)


def _bitwise(name: str, function: Callable, doc: str) -> Bitwise:
    def call(x: ArrayLike, y: ArrayLike) -> Tensor:
        if isinstance(x, KerasTensor) or isinstance(y, KerasTensor):
            refuse_symbolic(name)
        return as_tensors(function(*together(x, y)))

    return _named(call, name, doc)


# ------------------------------------------------------------------------------------- of one array


def _wide_float(x: Any) -> NDArray:
    """Like `to_float`, but 64-bit integers become float64."""
    x = convert(x)
    return x.astype(np.float64) if x.dtype == np.int64 else to_float(x)


def _round_to_float(function):
    return lambda x: function(x).astype(x.dtype, copy=False)


absolute = _unary("absolute", np.abs, "|x|")
abs = _unary("abs", np.abs, "|x|")
fabs = _float_unary("fabs", np.abs, "|x|")
negative = _unary("negative", np.negative, "-x")
sign = _unary("sign", lambda x: x if x.dtype == bool else np.sign(x), "-1, 0 or 1")
square = _unary(
    "square", lambda x: np.square(x.astype(np.int32) if x.dtype == bool else x), "x * x"
)
conj = _unary("conj", np.conj, "The complex conjugate.")
conjugate = _unary("conjugate", np.conj, "The complex conjugate.")
real = _unary("real", np.real, "The real part.")
imag = _unary("imag", lambda x: np.array(np.imag(x)), "The imaginary part.")
angle = _float_unary("angle", lambda x: np.angle(x + 0).astype(x.real.dtype), "The argument of x")
ceil = _float_unary("ceil", np.ceil, "The smallest integer >= x")
floor = _float_unary("floor", np.floor, "The largest integer <= x")
trunc = _unary("trunc", lambda x: x if x.dtype.kind in "bui" else np.trunc(x), "x without decimals")

sqrt = _float_unary("sqrt", np.sqrt, "The square root")
rsqrt = _float_unary("rsqrt", lambda x: 1 / np.sqrt(x), "1 / sqrt(x)")
cbrt = _unary("cbrt", np.cbrt, "The cube root.", _wide_float)
reciprocal = _float_unary("reciprocal", lambda x: 1 / x, "1 / x")
exp = _float_unary("exp", np.exp, "e^x")
exp2 = _float_unary("exp2", np.exp2, "2^x")
expm1 = _float_unary("expm1", np.expm1, "e^x - 1, exact for small x")
log = _float_unary("log", np.log, "The natural logarithm")
log10 = _float_unary("log10", np.log10, "The logarithm to base 10")
log1p = _float_unary("log1p", np.log1p, "log(1 + x), exact for small x")
log2 = _float_unary("log2", np.log2, "The logarithm to base 2")
sin = _float_unary("sin", np.sin, "The sine")
cos = _float_unary("cos", np.cos, "The cosine")
tan = _float_unary("tan", np.tan, "The tangent")
arcsin = _float_unary("arcsin", np.arcsin, "The inverse of the sine")
arccos = _float_unary("arccos", np.arccos, "The inverse of the cosine")
arctan = _float_unary("arctan", np.arctan, "The inverse of the tangent")
sinh = _float_unary("sinh", np.sinh, "The hyperbolic sine")
cosh = _float_unary("cosh", np.cosh, "The hyperbolic cosine")
tanh = _float_unary("tanh", np.tanh, "The hyperbolic tangent")
arcsinh = _float_unary("arcsinh", np.arcsinh, "The inverse of the hyperbolic sine")
arccosh = _float_unary("arccosh", np.arccosh, "The inverse of the hyperbolic cosine")
arctanh = _float_unary("arctanh", np.arctanh, "The inverse of the hyperbolic tangent")
deg2rad = _unary("deg2rad", np.deg2rad, "Degrees to radians.", _wide_float)
rad2deg = _unary("rad2deg", np.rad2deg, "Radians to degrees.", _wide_float)
sinc = _float_unary("sinc", np.sinc, "sin(pi x) / (pi x)")
i0 = _float_unary("i0", _round_to_float(np.i0), "The modified Bessel function of order 0")
erf = _float_unary("erf", error_function, "2 / sqrt(pi) times the integral of exp(-t^2) up to x")
erfc = _float_unary("erfc", complementary_erf, "1 - erf(x)")
erfinv = _float_unary("erfinv", inverse_erf, "The inverse of `erf`")

isfinite = _unary("isfinite", np.isfinite, "Whether x is neither infinite nor NaN.")
isinf = _unary("isinf", np.isinf, "Whether x is infinite.")
isnan = _unary("isnan", np.isnan, "Whether x is NaN.")
isneginf = _unary("isneginf", lambda x: np.isinf(x) & (x < 0), "Whether x is -inf.")
isposinf = _unary("isposinf", lambda x: np.isinf(x) & (x > 0), "Whether x is +inf.")
isreal = _unary("isreal", np.isreal, "Whether the imaginary part is 0.")
signbit = _unary(
    "signbit",
    lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0 if x.dtype.kind == "i" else x > x,
    "Whether the sign bit is set, as it is for -0.0.",
)
logical_not = _unary("logical_not", lambda x: ~x.astype(bool), "Whether x is 0.")
bitwise_not = _unary("bitwise_not", np.invert, "Each bit inverted.")
bitwise_invert = _unary("bitwise_invert", np.invert, "Each bit inverted.")


@op
def round(x: ArrayLike, decimals: int = 0) -> NDArray:
    """x rounded to a number of decimals, halves to the even neighbor."""
    x = convert(x)
    if x.dtype.kind == "f":
        scale = x.dtype.type(10.0**decimals)
        return np.round(x * scale) / scale
    x = x.astype(np.int32) if x.dtype == bool else x
    return x if decimals >= 0 else np.round(x, decimals)


@op
def clip(x: ArrayLike, x_min: ArrayLike, x_max: ArrayLike) -> NDArray:
    """min(max(x, x_min), x_max), in the type of x; booleans become int32."""
    x = convert(x)
    x = x.astype(np.int32) if x.dtype == bool else x
    low, high = np.asarray(x_min).astype(x.dtype), np.asarray(x_max).astype(x.dtype)
    return np.minimum(np.maximum(x, low), high)


@op
def nan_to_num(
    x: ArrayLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> NDArray:
    """x with NaN and infinities replaced, by default by 0 and the largest floats."""
    return np.nan_to_num(convert(x), nan=nan, posinf=posinf, neginf=neginf)


# ------------------------------------------------------------------------------------ of two arrays


def _divide_no_nan(a: NDArray, b: NDArray) -> NDArray:
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape, a.dtype), where=b != 0)


def _powers(a: NDArray, b: NDArray) -> NDArray:
    if a.dtype.kind in "iu" and (b < 0).any():  # which NumPy refuses
        return np.where(b < 0, np.where(np.abs(a) == 1, a ** (b & 1), 0), a ** np.maximum(b, 0))
    return np.power(a, b)


def _heaviside(a: NDArray, b: NDArray) -> NDArray:
    if a.dtype.kind in "biu":
        wide = np.float64 if a.dtype == np.int64 else config.floatx()
        a, b = a.astype(wide), b.astype(wide)
    return np.heaviside(a, b)


def _nan_on_floats(function, otherwise):
    """`fmax` and `fmin` ignore NaN, which only floats have."""
    return lambda a, b: (function if a.dtype.kind == "f" else otherwise)(a, b)


def _whole(function):
    """An operation of integers."""

    def call(a, b):
        if a.dtype.kind not in "biu":
            raise TypeError(f"This operation takes integers. Received {a.dtype}.")
        return function(a, b) if a.dtype != bool else function(a.astype("u1"), b.astype("u1"))

    return call


add = _binary("add", np.add, "x1 + x2", symbolic=operator.add)
subtract = _binary("subtract", np.subtract, "x1 - x2", symbolic=operator.sub)
multiply = _binary("multiply", np.multiply, "x1 * x2", symbolic=operator.mul)
divide = _binary("divide", np.divide, "x1 / x2", float)
true_divide = _binary("true_divide", np.divide, "x1 / x2", float)
divide_no_nan = _binary("divide_no_nan", _divide_no_nan, "x1 / x2, and 0 where x2 is 0", float)
floor_divide = _binary("floor_divide", np.floor_divide, "floor(x1 / x2)")
mod = _binary("mod", np.mod, "The rest of x1 / x2, with the sign of x2.")
fmod = _binary("fmod", np.fmod, "The rest of x1 / x2, with the sign of x1.")
power = _binary("power", _powers, "x1^x2")
maximum = _binary("maximum", np.maximum, "The larger one; NaN if one is.")
minimum = _binary("minimum", np.minimum, "The smaller one; NaN if one is.")
fmax = _binary("fmax", _nan_on_floats(np.fmax, np.maximum), "The larger one that is not NaN.")
fmin = _binary("fmin", _nan_on_floats(np.fmin, np.minimum), "The smaller one that is not NaN.")
arctan2 = _binary("arctan2", np.arctan2, "The angle of the point (x2, x1).", float)
hypot = _binary("hypot", np.hypot, "sqrt(x1^2 + x2^2)", float)
logaddexp = _binary("logaddexp", np.logaddexp, "log(e^x1 + e^x2)", float)
logaddexp2 = _binary("logaddexp2", np.logaddexp2, "log2(2^x1 + 2^x2)", float)
nextafter = _binary("nextafter", np.nextafter, "The float after x1 in the direction of x2.", float)
heaviside = _binary("heaviside", _heaviside, "0 where x1 < 0, 1 where x1 > 0, else x2.")
gcd = _binary("gcd", _whole(np.gcd), "The greatest common divisor.")
lcm = _binary("lcm", _whole(np.lcm), "The least common multiple.")

equal = _binary("equal", np.equal, "x1 == x2")
not_equal = _binary("not_equal", np.not_equal, "x1 != x2")
greater = _binary("greater", np.greater, "x1 > x2")
greater_equal = _binary("greater_equal", np.greater_equal, "x1 >= x2")
less = _binary("less", np.less, "x1 < x2")
less_equal = _binary("less_equal", np.less_equal, "x1 <= x2")
logical_and = _logical("logical_and", np.logical_and, "Whether both are not 0.")
logical_or = _logical("logical_or", np.logical_or, "Whether one is not 0.")
logical_xor = _logical("logical_xor", np.logical_xor, "Whether exactly one is not 0.")

bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "The bits that are set in both.")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "The bits that are set in one.")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "The bits that are set in exactly one.")
left_shift = _bitwise("left_shift", np.left_shift, "x * 2^y")
right_shift = _bitwise("right_shift", np.right_shift, "floor(x / 2^y)")
bitwise_left_shift = _bitwise("bitwise_left_shift", np.left_shift, "x * 2^y")
bitwise_right_shift = _bitwise("bitwise_right_shift", np.right_shift, "floor(x / 2^y)")


@op
def ldexp(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """x1 * 2^x2 for integers x2."""
    x1, x2 = to_float(x1), convert(x2)
    if x2.dtype.kind not in "iu":
        raise TypeError(f"The argument `x2` must contain integers. Received {x2.dtype}.")
    return np.ldexp(x1, x2).astype(x1.dtype, copy=False)


@op
def isclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> NDArray:
    """|x1 - x2| <= atol + rtol |x2|, elementwise; equal infinities are close."""
    x1, x2 = together(x1, x2)
    return np.isclose(x1, x2, rtol, atol, equal_nan)


@op
def allclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> NDArray:
    """Whether `isclose` holds for all elements."""
    x1, x2 = together(x1, x2)
    return np.isclose(x1, x2, rtol, atol, equal_nan).all()


@op
def saturate_cast(x: ArrayLike, dtype: Any) -> NDArray:
    """x in another type; values beyond its range become its smallest or largest one."""
    x, dtype = convert(x), standard_dtype(dtype)
    if dtype.kind not in "iuf" or x.dtype.kind == "b":
        return x.astype(dtype)
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    if x.dtype.kind in "iu" and dtype.kind in "iu":
        own = np.iinfo(x.dtype)
        low, high = max(int(limits.min), int(own.min)), min(int(limits.max), int(own.max))
        return np.clip(x, low, high).astype(dtype)
    clipped = np.clip(x.astype(np.float64), float(limits.min), float(limits.max))
    return clipped.astype(dtype)
