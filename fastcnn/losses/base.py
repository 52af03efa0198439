"""The base class of all losses, and their registry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import FunctionSignature, check_dtype
from fastcnn.core.registry import Configurable, Registry, snake_case
from fastcnn.core.tensor import tensor
from fastcnn.data.targets import prepare_targets, same_rank

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Config

PARTS = ("regression", "margins", "focal", "overlap", "similarity")
registry = Registry("loss", "keras.losses", tuple(f"fastcnn.losses.{part}" for part in PARTS))

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


class Loss(Configurable):
    """Base of all losses.

    Args:
        name: a string.
        reduction: "sum_over_batch_size" (the mean over all values), "sum", None, or
            "mean_with_sample_weight" (the sum divided by the sum of the weights).
        dtype: "float32" or "float64", in which a call computes; by default that of the predictions.
            A model trains with a loss of its own dtype only.
    """

    axis = -1  # that of the classes, or of the elements of a vector
    undoes: str | None = None  # the activation that the form returned by `on_logits` includes
    as_function: Callable[..., NDArray] | None = (
        None  # its form without reduction, by `function_of`
    )
    trains_in: str | None = None  # the only dtype that it can train in
    by_batch = False  # whether the loss of a sample depends on other samples, see `BatchLoss`
    ignores_labels = False  # whether `counted` excludes some rows

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.trains_in = check_dtype(dtype)
        if reduction is not None and reduction not in REDUCTIONS:
            raise ValueError(
                f"The argument `reduction` must be one of {REDUCTIONS}. Received {reduction!r}."
            )
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)

    @property
    def dtype(self) -> str:
        """The dtype of a call, where the predictions have no float type of their own."""
        return self.trains_in or config.floatx()

    def values(self, y_true, y_pred):
        """The loss of each row, (rows,); y_pred is (rows, size), y_true as `prepare` returns it."""
        text = "Losses with `call` are not supported: " if hasattr(self, "call") else ""
        raise NotImplementedError(
            f"{text}{type(self).__name__} must implement values(y_true, y_pred) and "
            "gradient(y_true, y_pred)."
        )

    def gradient(self, y_true, y_pred):
        """The gradient of each row's value with respect to y_pred, (rows, size)."""
        raise NotImplementedError(f"{type(self).__name__} must implement gradient(y_true, y_pred).")

    def prepare(self, y, output_shape):
        """Convert targets and check them against the shape of the output (None, ..., size).

        Returns an array of the output's shape, in a dtype from which batches can be gathered.
        """
        return prepare_targets(y, output_shape, self.name)

    def counted(self, y_true):
        """For targets as `prepare` returns them: which losses count. Only if `ignores_labels`."""
        raise NotImplementedError(f"{type(self).__name__} must implement counted(y_true).")

    def factors(self, counted, weights, shape):
        """Factors of the losses, of this shape or a scalar, before they are weighted and reduced.

        They exclude what does not count, and turn the mean over all losses into the mean over those
        that count, or for "mean_with_sample_weight" into the sum divided by that of the weights.

        Args:
            counted: array of bool of this shape, or None if all losses count.
            weights: array that broadcasts to this shape, or None.
        """
        included: Any = 1.0 if counted is None else counted
        total = math.prod(shape)
        if self.reduction == "mean_with_sample_weight":
            divisor = np.sum(included if weights is None else included * weights)
            divisor = total if counted is None and weights is None else divisor
        elif self.reduction in ("sum_over_batch_size", "mean") and counted is not None:
            divisor = np.count_nonzero(counted)
        else:
            return included
        return included * (total / divisor if divisor else 0.0)

    def with_axis_last(self, y_true, y_pred):
        """The arrays of a call with `axis` moved to the end."""
        return np.moveaxis(y_true, self.axis, -1), np.moveaxis(y_pred, self.axis, -1)

    def check_output(self, output_shape):
        """Raise ValueError for a model with outputs of this shape that the loss cannot train."""
        if self.axis not in (-1, len(output_shape) - 1):
            raise ValueError(
                f"A model can only be trained with a loss over the last axis of its output, "
                f"{output_shape}. Received axis={self.axis}."
            )

    def on_logits(self):
        """This loss as a function of the logits, the input of the activation `undoes`, or None."""
        return None

    def bind(self, z, targets, scale, losses, dz, probabilities=None):
        """A callable that writes losses (rows,) and dz = scale * gradient (rows, size).

        A loss on logits also writes `probabilities`, the activation of z.
        """

        def run():
            with np.errstate(all="ignore"):  # NaN and infinity show up in the loss
                losses[...] = self.values(targets, z)
                np.multiply(self.gradient(targets, z), scale[:, None], out=dz)

        return run

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> NDArray:
        """The reduced loss of two arrays: a scalar `Tensor`, or all values with reduction None.

        As in Keras, a 1-D array is one sample, whose loss is the mean over that axis. A last axis
        of 1 is added or removed where y_true and y_pred, or values and weights, differ by one axis;
        then NumPy's broadcasting applies: weights (n,) weigh the last axis of values (n, t), and
        weights (n, 1) the samples.

        Raises:
            ValueError: shapes that do not fit.
        """
        y_pred, y_true = np.asarray(y_pred), np.asarray(y_true)
        if self.trains_in is not None or y_pred.dtype.kind != "f":
            y_pred = y_pred.astype(self.dtype)
        y_true, y_pred = same_rank(y_true, y_pred)
        if not self.by_batch and self.axis not in (-1, y_pred.ndim - 1):
            y_true, y_pred = self.with_axis_last(y_true, y_pred)
        values, counted = self._unreduced(y_true, y_pred)
        weights = None if sample_weight is None else np.asarray(sample_weight, values.dtype)
        if weights is not None:
            weights = same_rank(values, weights)[1]
            values = weighted(values, weights)
        if counted is not None or (weights is not None and self.reduction == REDUCTIONS[3]):
            factors = self.factors(counted, weights, values.shape)
            values = values * np.asarray(factors, values.dtype)
        if self.reduction in (None, "none"):
            return tensor(values)
        if self.reduction == "sum" or not values.size:
            return tensor(values.sum())
        return tensor(values.mean())

    def _unreduced(self, y_true, y_pred):
        """(the losses of two arrays, which of them count or None)"""
        shape = y_pred.shape[:-1]
        if y_pred.ndim == 0:
            y_pred, y_true = y_pred[None], y_true.reshape(-1)
        if y_pred.ndim == 1:
            y_pred, y_true = y_pred[None], y_true[None]
        targets = self.prepare(y_true, (None, *y_pred.shape[1:]))
        if len(targets) != len(y_pred):
            raise ValueError(
                f"y_true and y_pred must have the same length. Received {len(targets)} samples "
                f"and {len(y_pred)}."
            )
        size = y_pred.shape[-1]
        row_targets = targets.reshape(-1, size) if targets.ndim == y_pred.ndim else targets.ravel()
        if row_targets.ndim == 2:
            row_targets = row_targets.astype(y_pred.dtype)
        values = self.values(row_targets, y_pred.reshape(-1, size)).reshape(shape)
        counted = self.counted(row_targets).reshape(shape) if self.ignores_labels else None
        return values, counted

    def get_config(self) -> Config:
        return {"name": self.name, "reduction": self.reduction}


def weighted(values, weights):
    """values * weights, aligned as in Keras."""
    values, weights = same_rank(values, weights)
    try:
        return values * weights
    except ValueError:
        raise ValueError(
            f"`sample_weight` of shape {weights.shape} does not fit losses of shape "
            f"{values.shape}. One weight per sample has the shape "
            f"{(*values.shape[:1], *(1,) * (values.ndim - 1))}."
        ) from None


def check_axis(axis):
    """`axis` as an int."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ValueError(f"The argument `axis` must be an integer. Received axis={axis!r}.")
    return int(axis)


def function_of(loss_class):
    """Keras's function form: the values without reduction. `compile` accepts it as a loss too."""

    signature = FunctionSignature(loss_class, "y_true", "y_pred")

    def function(*args, **kwargs):
        settings = signature.bind(*args, **kwargs)
        y_true, y_pred = settings.pop("y_true"), settings.pop("y_pred")
        return loss_class(reduction=None, **settings)(y_true, y_pred)

    function.__wrapped__ = signature
    function.__name__ = function.__qualname__ = snake_case(loss_class.__name__)
    function.__doc__ = loss_class.__doc__
    function.__module__ = loss_class.__module__  # where pickle finds it
    function.loss_class = loss_class
    loss_class.as_function = staticmethod(function)
    return function
