"""What `compile` was told about each output: its loss, the weight of that loss, and its metrics.

`Objectives` assigns the arguments of `compile`, which may be nested like the model's outputs, to
the outputs, and knows the names under which results appear in logs.
"""

from functools import cached_property

from fastcnn import losses as losses_module, metrics as metrics_module
from fastcnn.core.arguments import check_number
from fastcnn.data.structure import Structure


class Objective:
    """The loss and the metrics of one output.

    Attributes:
        name: the prefix of its names in logs, or None if the model has only one output.
        loss_name: the name of its loss in logs.
        loss: a `Loss`, or None.
        loss_weight: the factor of the loss in the model's.
        metrics, weighted_metrics: lists of names and `Metric`s.
    """

    def __init__(self, name, loss_name, loss, loss_weight, metrics, weighted_metrics):
        self.name = name
        self.loss_name = loss_name
        self.loss = loss
        self.loss_weight = loss_weight
        self.metrics = metrics
        self.weighted_metrics = weighted_metrics

    @cached_property
    def has_metrics(self):
        """Whether there are metrics, which need predictions and targets."""
        return bool(self.metrics or self.weighted_metrics)

    def log_name(self, metric):
        """The name of a metric in logs."""
        return metric if self.name is None else f"{self.name}_{metric}"


class Objectives:
    """The losses and metrics of all outputs; never changed, so what it derives is kept.

    Args:
        outputs: the `Structure` of the model's outputs.
        loss, loss_weights, metrics, weighted_metrics: the arguments of `compile`.

    Attributes:
        outputs: the `Structure`.
        of_outputs: an `Objective` for each output, in flat order.
        loss_order: indices of the outputs that have a loss, in the order of `evaluate`'s list.
        metrics, weighted_metrics: the arguments, with `Metric`s where objects were given.

    Raises:
        ValueError: names of unknown outputs, or losses, weights or metrics that do not correspond
            to the outputs.
    """

    def __init__(
        self, outputs=None, loss=None, loss_weights=None, metrics=None, weighted_metrics=None
    ):
        outputs = self.outputs = outputs or Structure(kind="output")
        losses = [losses_module.get_instance(item) for item in _losses(loss, outputs)]
        has_loss = [index for index, item in enumerate(losses) if item is not None]
        weights = _loss_weights(loss_weights, outputs, has_loss)
        kinds = [
            [metrics_module.check_metrics(item) for item in _metrics(argument, outputs, name)]
            for argument, name in ((metrics, "metrics"), (weighted_metrics, "weighted_metrics"))
        ]
        is_one = outputs.size == 1
        names = [None] * outputs.size if is_one else outputs.labels
        loss_names = ["loss"] if is_one else [f"{path}_loss" for path in outputs.paths()]
        self.of_outputs = [
            Objective(*parts)
            for parts in zip(names, loss_names, losses, weights, *kinds, strict=True)
        ]
        order = outputs.order
        if isinstance(loss, dict) and isinstance(outputs.nesting, dict) and outputs.is_flat:
            order = [outputs.nesting[key] for key in loss]
        self.loss_order = [index for index in order if index in has_loss]
        self.metrics, self.weighted_metrics = (
            _as_given([argument] if argument is not None and is_entry(argument) else argument)
            for argument in (metrics, weighted_metrics)
        )

    @cached_property
    def losses(self):
        """For each output its `Loss` or None; an empty list if there is no loss at all."""
        return [item.loss for item in self.of_outputs] if self.loss_order else []

    @cached_property
    def loss_weights(self):
        """For each output the factor of its loss; empty if there is no loss at all."""
        return [item.loss_weight for item in self.of_outputs] if self.loss_order else []

    @cached_property
    def without_loss(self):
        """The indices of the outputs without a loss, which may lack targets."""
        return [index for index, item in enumerate(self.of_outputs) if item.loss is None]

    @cached_property
    def logs_each_loss(self):
        """Whether logs contain the loss of each output, as there are several."""
        return len(self.loss_order) > 1

    @cached_property
    def all_metrics(self):
        """All metrics as [(key in the logs, metric)], those that ignore weights first.

        A repeated key gets a counter, or first "weighted_".
        """
        found = {}
        for item in self.of_outputs:
            for metric in item.metrics:
                found[_unused(item.log_name(name_of(metric)), found)] = metric
        for item in self.of_outputs:
            for metric in item.weighted_metrics:
                key = item.log_name(name_of(metric))
                if key in found:
                    key = item.log_name(f"weighted_{name_of(metric)}")
                found[_unused(key, found)] = metric
        return list(found.items())

    @cached_property
    def loss_names(self):
        """The names of the losses in logs, in the order of `evaluate`'s list."""
        if not self.logs_each_loss:
            return ["loss"]
        return ["loss", *(self.of_outputs[index].loss_name for index in self.loss_order)]

    @cached_property
    def names(self):
        """The names of all results in the order of `evaluate`'s list.

        With one output, a repeated name stands there as `compile` got it, as in Keras.
        """
        if len(self.of_outputs) == 1:
            return [*self.loss_names, *(name_of(metric) for _, metric in self.all_metrics)]
        return [*self.loss_names, *sorted(key for key, _ in self.all_metrics)]

    def direction(self, name):
        """Whether "up" or "down" is better for the result called `name` in logs, or None."""
        if name in self.loss_names:
            return "down"
        metric = dict(self.all_metrics).get(name)
        return None if metric is None else metrics_module.direction(metric)


def name_of(metric):
    """The name of a metric given as a name or a `Metric`."""
    return metric if isinstance(metric, str) else metric.name


def _unused(name, names):
    key, count = name, 1
    while key in names:
        key, count = f"{name}_{count}", count + 1
    return key


def is_entry(value):
    """Whether `value` is one entry of an argument: a name, an object, or an object's config."""
    return not isinstance(value, (list, tuple, dict)) or "class_name" in value


def _losses(loss, outputs):
    """For each output what `compile` was given as its loss."""
    if is_entry(loss):
        return [loss] * outputs.size
    if outputs.size == 1 and not isinstance(outputs.nesting, dict):
        is_named = isinstance(loss, dict) and list(loss) == outputs.names
        items = list(loss.values()) if is_named else loss
        if isinstance(items, dict) or len(items) != 1:
            raise ValueError(
                f"The model has one output: pass a single loss. Received loss={loss!r}."
            )
        return list(items)
    has_keys = isinstance(outputs.nesting, dict)
    return outputs.flatten(loss, "loss", optional=range(outputs.size) if has_keys else ())


def _loss_weights(weights, outputs, has_loss):
    """The factor of each output's loss."""
    if weights is None:
        return [1.0] * outputs.size
    if outputs.size == 1 and isinstance(weights, (list, tuple)) and len(weights) == 1:
        weights = weights[0]
    optional = [index for index in range(outputs.size) if index not in has_loss]
    flat = outputs.flatten(weights, "loss_weights", optional)
    return [
        1.0 if weight is None else check_number(weight, outputs.entry("loss_weights", index))
        for index, weight in enumerate(flat)
    ]


def _metrics(metrics, outputs, argument):
    """For each output what `compile` was given as its metrics."""
    if outputs.size == 1:
        return [_flattened(metrics)]
    if metrics is None or metrics in ([], ()):
        return [None] * outputs.size
    return outputs.flatten(metrics, argument, optional=range(outputs.size))


def _as_given(metrics):
    """The nesting of metrics with `Metric`s in place of classes, functions and configs."""
    if metrics is None:
        return None
    if is_entry(metrics):
        return metrics_module.check_metrics(metrics)[0]
    if isinstance(metrics, dict):
        return {key: _as_given(item) for key, item in metrics.items()}
    return [_as_given(item) for item in metrics]


def _flattened(metrics):
    """The metrics of a model with one output, as one list."""
    if metrics is None:
        return []
    if is_entry(metrics):
        return [metrics]
    items = metrics.values() if isinstance(metrics, dict) else metrics
    return [metric for item in items for metric in ([item] if is_entry(item) else _flattened(item))]
