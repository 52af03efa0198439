"""Metrics: what is reported beside the loss.

    >>> import numpy as np
    >>> from fastcnn import metrics
    >>> accuracy = metrics.SparseCategoricalAccuracy()
    >>> accuracy.update_state(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    >>> accuracy.result()
    0.5

A metric adds up what it sees (`update_state`), tells the result so far (`result`) and starts anew
(`reset_state`). Sums are formed one sample after the other in float64, so a result does not depend
on how the samples are cut into batches.
"""

import inspect

import numpy as np

from fastcnn.registry import Configurable, Registry, snake_case

registry = Registry("metric", "keras.metrics")


def sequential_sum(total, values):
    """total + values[0] + values[1] + ... in float64, strictly in this order."""
    terms = np.empty(len(values) + 1)
    terms[0] = total
    terms[1:] = values
    return float(np.add.accumulate(terms)[-1])


class Metric(Configurable):
    """Base of all metrics.

    Args:
        name: a string, the key in logs and `History`.
        dtype: accepted and ignored: results are Python floats.
    """

    def __init__(self, name=None, dtype=None):
        self.name = name or snake_case(type(self).__name__)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Take in some samples."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state.")

    def result(self):
        """The metric of all samples since the last reset, a float."""
        raise NotImplementedError(f"{type(self).__name__} must implement result.")

    def reset_state(self):
        """Forget all samples."""
        raise NotImplementedError(f"{type(self).__name__} must implement reset_state.")

    def __call__(self, y_true, y_pred, sample_weight=None):
        """`update_state`, then `result`."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self):
        return {"name": self.name, "dtype": "float32"}


class MeanMetric(Metric):
    """Base of the metrics that are a (weighted) mean of one value per sample."""

    def __init__(self, name=None, dtype=None):
        super().__init__(name, dtype)
        self.reset_state()

    def values(self, y_true, y_pred):
        """One value per sample (or per place)."""
        raise NotImplementedError(f"{type(self).__name__} must implement values(y_true, y_pred).")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.add(np.asarray(self.values(np.asarray(y_true), np.asarray(y_pred))), sample_weight)

    def add(self, values, sample_weight=None):
        """Take in values, each counted `sample_weight` times."""
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)
            weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
            weights = np.broadcast_to(weights, values.shape).ravel()
            self.total = sequential_sum(self.total, values.ravel() * weights)
            self.count = sequential_sum(self.count, weights)
        else:
            self.total = sequential_sum(self.total, values.ravel())
            self.count += values.size

    def result(self):
        return self.total / self.count if self.count else 0.0

    def reset_state(self):
        self.total = 0.0
        self.count = 0


@registry.register("mean")
class Mean(MeanMetric):
    """The mean of what is given: `update_state(values, sample_weight=None)`."""

    def update_state(self, values, sample_weight=None):
        self.add(np.atleast_1d(np.asarray(values, np.float64)), sample_weight)

    def __call__(self, values, sample_weight=None):
        self.update_state(values, sample_weight)
        return self.result()


class _Count(MeanMetric):
    """A mean of yes and no: sums are whole numbers and exact in any order."""

    def add(self, values, sample_weight=None):
        if sample_weight is not None:
            super().add(values, sample_weight)
        else:
            self.total += float(np.count_nonzero(values))
            self.count += values.size


def _same_axes(y_true, y_pred):
    """y_true with a last axis of 1 added or taken away where y_pred has it otherwise."""
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        return y_true[..., None]
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return y_true[..., 0]
    return y_true


@registry.register("accuracy", "acc", "Accuracy")
class Accuracy(_Count):
    """How often y_pred equals y_true.

    As a string, `metrics=["accuracy"]` stands for the sparse, categorical or binary form that fits
    the model's output and the targets.
    """

    def values(self, y_true, y_pred):
        return _same_axes(y_true, y_pred) == y_pred


@registry.register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(_Count):
    """How often the largest of y_pred (n, ..., classes) is at the label y_true (n, ...)."""

    def values(self, y_true, y_pred):
        if y_true.ndim == y_pred.ndim:
            y_true = y_true[..., 0]
        return y_pred.argmax(-1) == y_true


@registry.register("categorical_accuracy")
class CategoricalAccuracy(_Count):
    """How often the largest of y_pred is where the largest of y_true is; both (n, ..., classes)."""

    def values(self, y_true, y_pred):
        return y_pred.argmax(-1) == y_true.argmax(-1)


@registry.register("binary_accuracy")
class BinaryAccuracy(MeanMetric):
    """How often y_pred > threshold agrees with y_true, mean over the last axis."""

    def __init__(self, name=None, dtype=None, threshold=0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(
                f"The argument `threshold` must be in (0, 1). Received threshold={threshold!r}."
            )
        super().__init__(name, dtype)
        self.threshold = threshold

    def values(self, y_true, y_pred):
        agree = _same_axes(y_true, y_pred) == (y_pred > self.threshold)
        return agree.mean(-1)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@registry.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(MeanMetric):
    """mean of (y_pred - y_true)^2"""

    def values(self, y_true, y_pred):
        return np.square(y_pred - _same_axes(y_true, y_pred)).mean(-1)


@registry.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(MeanMetric):
    """mean of |y_pred - y_true|"""

    def values(self, y_true, y_pred):
        return np.abs(y_pred - _same_axes(y_true, y_pred)).mean(-1)


class FunctionMetric(MeanMetric):
    """The mean of a function of (y_true, y_pred): `metrics=[my_function]`."""

    def __init__(self, function, name=None, dtype=None):
        super().__init__(name or getattr(function, "__name__", None), dtype)
        self.function = function

    def values(self, y_true, y_pred):
        return np.atleast_1d(np.asarray(self.function(y_true, y_pred)))

    def get_config(self):
        raise NotImplementedError(f"The metric {self.name!r} is a function and has no config.")


def get(identifier):
    """A metric from a name, config, class, instance or function of (y_true, y_pred).

    Raises:
        ValueError: an unknown name; the error lists the valid ones.
    """
    if inspect.isfunction(identifier):
        return FunctionMetric(identifier)
    return registry.get(identifier, Metric)


def check_metrics(metrics):
    """The list that was given to `compile`; raises for an unknown metric now, not in `fit`."""
    if metrics is None:
        return []
    if isinstance(metrics, dict):
        raise ValueError(f"Metrics must be a list for a model of one output. Received {metrics!r}.")
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    for metric in metrics:
        if metric is None:
            raise ValueError(f"A metric must not be None. Received metrics={metrics!r}.")
        get(metric)
    return metrics


def resolve(identifier, target_shape, output_shape):
    """The metric for `identifier`; "accuracy" by the shapes of targets and output.

    One output: binary. Targets that lack the classes' axis: sparse. Else: categorical. A string
    becomes the metric's name as it is.
    """
    if identifier in ("accuracy", "acc", "Accuracy", "ACC"):
        if output_shape[-1] == 1:
            metric = BinaryAccuracy()
        elif len(target_shape) < len(output_shape) or target_shape[-1] == 1:
            metric = SparseCategoricalAccuracy()
        else:
            metric = CategoricalAccuracy()
    else:
        metric = get(identifier)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def serialize(metric):
    """The dictionary that Keras writes for a metric."""
    return registry.serialize(metric)


def deserialize(config):
    """The metric that `serialize` wrote."""
    return registry.deserialize(config)
