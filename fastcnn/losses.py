"""Losses: what training makes small, with their gradients.

    >>> import numpy as np
    >>> from fastcnn import losses
    >>> loss = losses.SparseCategoricalCrossentropy()
    >>> round(float(loss([1, 0], np.array([[0.25, 0.75], [0.5, 0.5]]))), 4)
    0.4904

A loss has one value per sample (or per place, where the output has more axes), the mean over the
last axis. Called with arrays it reduces them as Keras does: "sum_over_batch_size" is the mean of
value * weight over all samples.

A loss of your own needs `values` and `gradient`:

    >>> class MeanFourthPower(losses.Loss):
    ...     def values(self, y_true, y_pred):
    ...         return ((y_pred - y_true) ** 4).mean(axis=-1)
    ...     def gradient(self, y_true, y_pred):
    ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]
"""

import numpy as np

from fastcnn import config, kernels
from fastcnn.arguments import check_fraction, refuse
from fastcnn.registry import Configurable, Registry, snake_case
from fastcnn.targets import prepare_labels, prepare_targets

registry = Registry("loss", "keras.losses")

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "none")


class Loss(Configurable):
    """Base of all losses.

    Args:
        reduction: "sum_over_batch_size" (the mean over the samples), "sum", or None.
        name: a string.
    """

    undoes = None  # the activation whose inverse is built into the form `on_logits`

    def __init__(self, reduction="sum_over_batch_size", name=None):
        if (reduction or "none") not in REDUCTIONS:
            raise ValueError(
                f"The argument `reduction` must be one of {REDUCTIONS}. Received {reduction!r}."
            )
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)

    def values(self, y_true, y_pred):
        """The loss of each row: y_pred (rows, size), y_true as `prepare` gives it; (rows,)."""
        raise NotImplementedError(f"{type(self).__name__} must implement values(y_true, y_pred).")

    def gradient(self, y_true, y_pred):
        """The gradient of each row's value at y_pred: (rows, size)."""
        raise NotImplementedError(f"{type(self).__name__} must implement gradient(y_true, y_pred).")

    def prepare(self, y, output_shape):
        """Targets as the loss wants them, checked against the model's output (None, ..., size).

        Returns an array of the output's shape, in a type that batches can be gathered from.
        """
        return prepare_targets(y, output_shape, self.name)

    def on_logits(self):
        """This loss as a function of what goes into the activation `undoes`, or None."""
        return None

    def bind(self, z, targets, scale, losses, dz, probabilities=None):
        """A callable that writes losses (rows,) and dz = scale * gradient (rows, size).

        A loss on logits writes `probabilities`, the activation of z, as well.
        """

        def run():
            losses[...] = self.values(targets, z)
            np.multiply(self.gradient(targets, z), scale[:, None], out=dz)

        return run

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The reduced loss of two arrays, as a NumPy scalar (an array with reduction None)."""
        y_pred = np.asarray(y_pred)
        if y_pred.dtype.kind != "f":
            y_pred = y_pred.astype(config.floatx())
        if y_pred.ndim < 2:
            y_pred, y_true = y_pred.reshape(-1, 1), np.asarray(y_true).reshape(-1, 1)
        targets = self.prepare(y_true, (None, *y_pred.shape[1:]))
        if len(targets) != len(y_pred):
            raise ValueError(
                f"y_true and y_pred must have equal length. Received {len(targets)} samples "
                f"and {len(y_pred)}."
            )
        size = y_pred.shape[-1]
        row_targets = targets.reshape(-1, size) if targets.ndim == y_pred.ndim else targets.ravel()
        if row_targets.ndim == 2:
            row_targets = row_targets.astype(y_pred.dtype)
        values = self.values(row_targets, y_pred.reshape(-1, size)).reshape(y_pred.shape[:-1])
        if sample_weight is not None:
            weights = np.asarray(sample_weight, y_pred.dtype)
            values = values * weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        if self.reduction in (None, "none"):
            return values
        return values.sum() if self.reduction == "sum" else values.mean()

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}


class ProbabilityLoss(Loss):
    """Base of the cross-entropies, on probabilities or, with `from_logits`, on what is before."""

    def __init__(self, from_logits=False, reduction="sum_over_batch_size", name=None):
        super().__init__(reduction, name)
        self.from_logits = bool(from_logits)

    def on_logits(self):
        if self.from_logits:
            return None
        return type(self).from_config({**self.get_config(), "from_logits": True})

    def activation(self, z):
        """The activation that `undoes` names, on rows."""
        raise NotImplementedError

    def bind(self, z, targets, scale, losses, dz, probabilities=None):
        run = super().bind(z, targets, scale, losses, dz)
        if probabilities is None:
            return run

        def run_both():
            run()
            probabilities[...] = self.activation(z)

        return run_both

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits}


@registry.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(ProbabilityLoss):
    """-log(probability of the label); labels are integers in [0, classes).

    Args:
        from_logits: whether predictions are logits (before softmax) rather than probabilities.
        reduction, name: see `Loss`.

    Shapes: y_true (n,) or (n, 1), y_pred (n, classes); further axes in between are allowed.
    """

    undoes = "softmax"

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name=None,
    ):
        refuse(ignore_class, "ignore_class")
        check_axis(axis)
        super().__init__(from_logits, reduction, name)

    def prepare(self, y, output_shape):
        return prepare_labels(y, output_shape, self.name)

    def values(self, y_true, y_pred):
        rows = np.arange(len(y_pred))
        if self.from_logits:
            return -_log_softmax(y_pred)[rows, y_true]
        return -np.log(_clip(_normalized(y_pred)[rows, y_true]))

    def gradient(self, y_true, y_pred):
        rows = np.arange(len(y_pred))
        if self.from_logits:
            gradient = np.exp(_log_softmax(y_pred))
            gradient[rows, y_true] -= 1
            return gradient
        total = y_pred.sum(1)
        label = y_pred[rows, y_true] / total
        gradient = np.repeat(1 / total[:, None], y_pred.shape[1], axis=1)
        gradient[rows, y_true] -= 1 / (_clip(label) * total)
        return gradient * _inside(label)[:, None]

    def activation(self, z):
        return np.exp(_log_softmax(z))

    def bind(self, z, targets, scale, losses, dz, probabilities=None):
        if not self.from_logits:
            return super().bind(z, targets, scale, losses, dz, probabilities)
        if probabilities is None:
            probabilities = np.empty_like(z)
        return kernels.bind(
            "softmax_sparse_crossentropy", z, targets, scale, losses, probabilities, dz
        )

    def get_config(self):
        return {**super().get_config(), "ignore_class": None}


@registry.register("categorical_crossentropy")
class CategoricalCrossentropy(ProbabilityLoss):
    """-sum over classes of target * log(probability); targets are one-hot or distributions.

    Args:
        from_logits: whether predictions are logits (before softmax) rather than probabilities.
        label_smoothing: in [0, 1]; targets become target * (1 - s) + s / classes.
        reduction, name: see `Loss`.

    Shapes: y_true and y_pred (n, ..., classes).
    """

    undoes = "softmax"

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
    ):
        check_axis(axis)
        super().__init__(from_logits, reduction, name)
        self.label_smoothing = check_fraction(label_smoothing, "label_smoothing", True)

    def prepare(self, y, output_shape):
        if np.ndim(y) == len(output_shape) - 1 and output_shape[-1] > 1:
            raise ValueError(
                f"{self.name} takes one-hot targets of shape {('n', *output_shape[1:])}. Received "
                f"shape {np.shape(y)}: for integer labels use sparse_categorical_crossentropy or "
                "`utils.to_categorical`."
            )
        return super().prepare(y, output_shape)

    def _smooth(self, y_true):
        smoothing = self.label_smoothing
        return y_true * (1 - smoothing) + smoothing / y_true.shape[1] if smoothing else y_true

    def values(self, y_true, y_pred):
        y_true = self._smooth(y_true)
        if self.from_logits:
            return -(y_true * _log_softmax(y_pred)).sum(1)
        return -(y_true * np.log(_clip(_normalized(y_pred)))).sum(1)

    def gradient(self, y_true, y_pred):
        y_true = self._smooth(y_true)
        if self.from_logits:
            return np.exp(_log_softmax(y_pred)) * y_true.sum(1, keepdims=True) - y_true
        total = y_pred.sum(1, keepdims=True)
        p = y_pred / total
        open_target = y_true * _inside(p)  # clipped places have no gradient
        return (open_target.sum(1, keepdims=True) - open_target / _clip(p)) / total

    def activation(self, z):
        return np.exp(_log_softmax(z))

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "axis": -1}


@registry.register("binary_crossentropy")
class BinaryCrossentropy(ProbabilityLoss):
    """-(target * log(p) + (1 - target) * log(1 - p)), mean over the last axis.

    Args:
        from_logits: whether predictions are logits (before sigmoid) rather than probabilities.
        label_smoothing: in [0, 1]; targets become target * (1 - s) + s / 2.
        reduction, name: see `Loss`.

    Shapes: y_true and y_pred (n, ..., size); y_true may leave out a last axis of 1.
    """

    undoes = "sigmoid"

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
    ):
        check_axis(axis)
        super().__init__(from_logits, reduction, name)
        self.label_smoothing = check_fraction(label_smoothing, "label_smoothing", True)

    def _smooth(self, y_true):
        smoothing = self.label_smoothing
        return y_true * (1 - smoothing) + 0.5 * smoothing if smoothing else y_true

    def values(self, y_true, y_pred):
        y_true = self._smooth(y_true)
        if self.from_logits:
            positive = np.maximum(y_pred, 0)
            values = positive - y_pred * y_true + np.log1p(np.exp(-np.abs(y_pred)))
        else:
            p = _clip(y_pred)
            values = -(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))
        return values.mean(1)

    def gradient(self, y_true, y_pred):
        y_true = self._smooth(y_true)
        if self.from_logits:
            return (self.activation(y_pred) - y_true) / y_pred.shape[1]
        p = _clip(y_pred)
        return _inside(y_pred) * (p - y_true) / (p * (1 - p)) / y_pred.shape[1]

    def activation(self, z):
        return 0.5 * np.tanh(0.5 * z) + 0.5

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "axis": -1}


@registry.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(Loss):
    """mean over the last axis of (y_pred - y_true)^2"""

    def values(self, y_true, y_pred):
        return np.square(y_pred - y_true).mean(1)

    def gradient(self, y_true, y_pred):
        return (y_pred - y_true) * (2 / y_pred.shape[1])


@registry.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(Loss):
    """mean over the last axis of |y_pred - y_true|"""

    def values(self, y_true, y_pred):
        return np.abs(y_pred - y_true).mean(1)

    def gradient(self, y_true, y_pred):
        return np.sign(y_pred - y_true) / y_pred.shape[1]


def check_axis(axis):
    """Classes are on the last axis."""
    if axis != -1:
        raise ValueError(f"The argument `axis` must be -1. Received axis={axis!r}.")


def _log_softmax(z):
    shifted = z - z.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _normalized(p):
    return p / p.sum(1, keepdims=True)


def _clip(p):
    return np.clip(p, config.epsilon(), 1 - config.epsilon())


def _inside(p):
    """1 where `_clip` leaves p alone (NaN included), 0 where it does not."""
    outside = (p < config.epsilon()) | (p > 1 - config.epsilon())
    return np.where(outside, 0, 1).astype(p.dtype)


def _function(loss_class):
    """Keras's function form: the values without reduction. `compile` takes it as a loss, too."""

    def function(y_true, y_pred, **settings):
        return loss_class(reduction=None, **settings)(y_true, y_pred)

    function.__name__ = snake_case(loss_class.__name__)
    function.__doc__ = loss_class.__doc__
    function.loss_class = loss_class
    return function


sparse_categorical_crossentropy = _function(SparseCategoricalCrossentropy)
categorical_crossentropy = _function(CategoricalCrossentropy)
binary_crossentropy = _function(BinaryCrossentropy)
mean_squared_error = _function(MeanSquaredError)
mean_absolute_error = _function(MeanAbsoluteError)


def get(identifier):
    """A loss from a name, config, class or instance.

    Raises:
        ValueError: an unknown name (the error lists the valid ones) or a bare function, which has
            no gradient here.
    """
    identifier = getattr(identifier, "loss_class", identifier)
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        raise ValueError(
            "A loss needs a gradient: subclass `fastcnn.losses.Loss` instead of passing the "
            f"function {identifier!r}."
        )
    return registry.get(identifier, Loss)


def serialize(loss):
    """The dictionary that Keras writes for a loss."""
    return registry.serialize(loss)


def deserialize(config):
    """The loss that `serialize` wrote."""
    return registry.deserialize(config)
