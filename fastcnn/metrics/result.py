"""What `Metric.result` returns: floats and arrays that also have Keras's `numpy()`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.tensor import tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Result(float):
    """A Python float that can also be read like a scalar tensor of Keras.

    It keeps float64 and prints, compares and is written to JSON as a float; arithmetic returns
    plain floats.

    Attributes:
        dtype: the name of the metric's float type, which `numpy()` returns.
        shape, ndim: those of a scalar.

    >>> import fastcnn as keras
    >>> mean = keras.metrics.Mean()
    >>> mean.update_state([1.0, 2.0])
    >>> mean.result()
    1.5
    >>> mean.result().numpy()
    np.float32(1.5)
    """

    dtype = "float32"
    shape: tuple[int, ...] = ()
    ndim = 0

    def numpy(self) -> Any:
        """The value as a NumPy scalar of the metric's type."""
        return np.dtype(self.dtype).type(self)

    def item(self) -> float:
        """The value as a plain Python float."""
        return float(self)

    def __reduce__(self) -> Any:
        return _with_dtype, (float(self), self.dtype)


def with_numpy(result: Callable[..., Any]) -> Callable[..., Any]:
    """The method `result` of a metric, whose value gets `numpy()`."""

    @functools.wraps(result)
    def method(self, *args, **kwargs):
        return _as_result(result(self, *args, **kwargs), self)

    return method


def _as_result(value, metric):
    kind = type(value)
    if kind is float or kind is np.float64:
        dtype = metric.dtype
        if dtype == "float32":
            return Result(value)
        # of MeanIoU it may be an integer type
        return _with_dtype(value, dtype if dtype.startswith("float") else config.floatx())
    if kind is np.ndarray or isinstance(value, np.generic):
        return tensor(value)
    if isinstance(value, dict):
        return {name: _as_result(one, metric) for name, one in value.items()}
    return value


def _with_dtype(value, dtype):
    result = Result(value)
    result.dtype = dtype
    return result
