"""The base classes of all metrics, and their registry."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import FunctionSignature, check_dtype
from fastcnn.core.registry import Configurable, Registry, snake_case, unique_name
from fastcnn.core.tensor import tensor
from fastcnn.core.variables import Variable
from fastcnn.metrics.result import with_numpy

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from fastcnn.core.types import Config

registry = Registry(
    "metric",
    "keras.metrics",
    tuple(
        f"fastcnn.metrics.{part}"
        for part in ("confusion", "correlation", "errors", "iou", "scores", "wrapper")
    ),
)

STATELESS = "`{}` is not supported: metrics keep their state; use one metric per state and `{}`."


def sequential_sum(total, values):
    """total + values[0] + values[1] + ... in float64, in exactly this order."""
    terms = np.empty(len(values) + 1)
    terms[0] = total
    terms[1:] = values
    return float(np.add.accumulate(terms)[-1])


def check_same_classes(classes, before):
    """Raise ValueError where an update has another number of classes than the previous ones."""
    if classes != before:
        raise ValueError(
            "An update must not have another number of classes than the previous ones. "
            f"Received {classes} after {before}."
        )


def accumulated(sums, terms):
    """sums (rows, classes), or None for 0, plus terms (rows, n, classes), sample by sample."""
    if sums is not None:
        check_same_classes(terms.shape[-1], sums.shape[-1])
        terms = np.concatenate([sums[:, None], terms], axis=1)
    return np.add.accumulate(terms, axis=1)[:, -1]


class Metric(Configurable):
    """Base of all metrics.

    Args:
        dtype: "float32" or "float64", that of the state variables and of predictions that are
            compared with thresholds; by default `config.floatx()`. Built-in metrics accumulate in
            float64 and return Python floats (with `numpy()`) in either case.
        name: a string, the key in logs and `History`; by default the class's name with a counter.

    Attributes:
        direction: "up" or "down", whichever is better; used by callbacks with mode="auto".
        state_names: the attributes that hold the state, which `BackupAndRestore` saves.

    A custom metric creates its state with `add_weight` and implements `update_state` and `result`;
    `reset_state` sets all variables to zero.
    """

    direction: str | None = None
    state_names: tuple[str, ...] = ()
    _dtype: str | None = None
    _variables: tuple[Variable, ...] = ()

    def __init__(self, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self._dtype = check_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The dtype that was given, or `config.floatx()`."""
        return self._dtype or config.floatx()

    def add_variable(
        self,
        shape: tuple[int, ...],
        initializer: Any,
        dtype: DTypeLike | None = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """Create a state variable.

        Args:
            shape: a tuple; () is a single number.
            initializer: a name, an `Initializer` or a function of (shape, dtype).
            dtype: by default that of the metric.
            aggregation: accepted and ignored: it is for training on several devices.
            name: a string.
        """
        from fastcnn import initializers

        if "name" not in vars(self):
            raise RuntimeError(
                f"Call `super().__init__()` first in the `__init__` of {type(self).__name__}."
            )
        make: Any = initializers.get(initializer)
        initial = make(tuple(shape), dtype=dtype or self.dtype)
        variable = Variable(initial, name=name or "variable", trainable=False)
        variable.path = f"{self.name}/{variable.name}"
        self._variables = (*self._variables, variable)
        if "_state" not in self.state_names:
            self.state_names = (*self.state_names, "_state")
        return variable

    def add_weight(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = None,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """`add_variable` under its old name; the initializer may be None, for zeros."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """What `add_variable` created, here and in the metrics that are attributes of this one."""
        inner = [variable for metric in self._inner() for variable in metric.variables]
        return [*self._variables, *inner]

    def _inner(self):
        return [value for value in vars(self).values() if isinstance(value, Metric)]

    @property
    def _state(self):
        return [variable.numpy() for variable in self._variables]

    @_state.setter
    def _state(self, values):
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in vars(cls):
            cls.result = with_numpy(cls.result)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Accumulate samples."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state.")

    def result(self) -> Any:
        """The metric over all samples since the last reset: a float, an array or a dictionary.

        Floats and arrays also have the method `numpy()` of Keras's tensors.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement result.")

    def reset_state(self) -> None:
        """Discard all accumulated samples: set all state variables to zero."""
        inner = self._inner()
        if not (self._variables or inner):
            raise NotImplementedError(f"{type(self).__name__} must implement reset_state.")
        for variable in self._variables:
            variable.assign(np.zeros(variable.shape))
        for metric in inner:
            metric.reset_state()

    def stateless_update_state(self, metric_variables: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises NotImplementedError: a metric has its own state here."""
        raise NotImplementedError(STATELESS.format("stateless_update_state", "update_state"))

    def stateless_result(self, metric_variables: Any) -> Any:
        """Raises NotImplementedError, as `stateless_update_state` does."""
        raise NotImplementedError(STATELESS.format("stateless_result", "result"))

    def stateless_reset_state(self) -> Any:
        """Raises NotImplementedError, as `stateless_update_state` does."""
        raise NotImplementedError(STATELESS.format("stateless_reset_state", "reset_state"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> Config:
        return {"name": self.name, "dtype": self.dtype}


class MeanMetric(Metric):
    """Base of the metrics that are a (weighted) mean over samples."""

    state_names = ("total", "count", "_sample_size")

    def __init__(self, name=None, dtype=None):
        super().__init__(dtype, name or snake_case(type(self).__name__))
        self.reset_state()

    def values(self, y_true, y_pred):
        """One value per sample (or per position)."""
        raise NotImplementedError(f"{type(self).__name__} must implement values(y_true, y_pred).")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.add(np.asarray(self.values(np.asarray(y_true), np.asarray(y_pred))), sample_weight)

    def add(self, values, sample_weight=None):
        """Accumulate values, one sample after the other, weighted by `sample_weight`.

        As in Keras, each sample counts the same however many values it has, and a single number as
        the weight makes the whole array one sample.
        """
        weights = None
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            if not weights.ndim:
                values, weights = np.mean(values, dtype=np.float64).reshape(1), weights.reshape(1)
            elif not values.ndim:
                values = np.broadcast_to(values, weights.shape)
            weights = weights_like(values, weights).ravel()
        self._count_per_sample(math.prod(values.shape[1:]))
        if weights is None:
            self.total = sequential_sum(self.total, values.ravel())
            self.count += values.size
        else:
            self.total = sequential_sum(self.total, values.ravel() * weights)
            self.count = sequential_sum(self.count, weights)

    def _count_per_sample(self, size):
        """Rescale the sums where samples now have `size` values and had another number before."""
        if size != self._sample_size and size:
            self.total *= size / self._sample_size
            self.count *= size / self._sample_size
            self._sample_size = size

    def result(self):
        return self.total / self.count if self.count else 0.0

    def reset_state(self):
        self.total = 0.0
        self.count = 0
        self._sample_size = 1


@registry.register("mean")
class Mean(MeanMetric):
    """The mean of the given values: `update_state(values, sample_weight=None)`."""

    def __init__(self, name: str | None = "mean", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values, sample_weight=None):
        self.add(np.atleast_1d(np.asarray(values, np.float64)), sample_weight)


@registry.register("sum")
class Sum(Mean):
    """The sum of the given values: `update_state(values, sample_weight=None)`."""

    def __init__(self, name: str | None = "sum", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def add(self, values, sample_weight=None):
        if sample_weight is not None:
            values = values * weights_like(values, sample_weight)
        self.total = sequential_sum(self.total, values.ravel())

    def result(self):
        return self.total


class FunctionMetric(MeanMetric):
    """The mean of a function of (y_true, y_pred): `metrics=[my_function]`."""

    def __init__(self, function, name=None, dtype=None):
        if not callable(function):
            raise ValueError(
                "The argument `function` must be a function of (y_true, y_pred). "
                f"Received function={function!r}."
            )
        super().__init__(name or getattr(function, "__name__", None), dtype)
        self.function = function
        if hasattr(function, "loss_class"):
            self.direction = "down"

    def values(self, y_true, y_pred):
        return np.atleast_1d(np.asarray(self.function(y_true, y_pred)))

    def get_config(self):
        raise NotImplementedError(f"The metric {self.name!r} is a function and has no config.")


class CountMetric(MeanMetric):
    """A mean of booleans: without weights, sums are integers and exact in any order."""

    direction = "up"

    def add(self, values, sample_weight=None):
        if sample_weight is not None:
            super().add(values, sample_weight)
        else:
            self._count_per_sample(math.prod(values.shape[1:]))
            self.total += float(np.count_nonzero(values))
            self.count += values.size


def weights_like(values, sample_weight):
    """Weights of shape (n,) or with more axes, broadcast to the shape of `values`; float64."""
    weights = np.asarray(sample_weight, np.float64)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    return np.broadcast_to(weights, values.shape)


def same_axes(y_true, y_pred):
    """y_true with a last axis of 1 added or removed to match the axes of y_pred."""
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        return y_true[..., None]
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return y_true[..., 0]
    return y_true


def is_function(identifier):
    """Whether a metric was passed as a function of (y_true, y_pred)."""
    return inspect.isfunction(identifier)


def function_of(metric_class):
    """Keras's function form: one value per sample."""

    signature = FunctionSignature(metric_class, "y_true", "y_pred")

    def function(*args, **kwargs):
        settings = signature.bind(*args, **kwargs)
        y_true, y_pred = settings.pop("y_true"), settings.pop("y_pred")
        values = metric_class(**settings).values(np.asarray(y_true), np.asarray(y_pred))
        return tensor(np.asarray(values, config.floatx()))

    function.__wrapped__ = signature
    function.__name__ = function.__qualname__ = snake_case(metric_class.__name__)
    function.__doc__ = metric_class.__doc__
    function.__module__ = metric_class.__module__  # where pickle finds it
    function.metric_class = metric_class
    return function
