"""The user's inputs, targets and sample weights, validated once."""

import numpy as np

from fastcnn.core.arguments import check_number
from fastcnn.data.arrays import as_array, fit_images, gatherable
from fastcnn.data.structure import Structure, is_nested

ONE_INPUT, ONE_OUTPUT = Structure(kind="input"), Structure(kind="output")


class Samples:
    """Inputs, targets and sample weights of equal length, validated.

    Args:
        x: array (n, ...), or several, nested like the model's inputs.
        y: targets or None; several are nested like the model's outputs.
        sample_weight: (n,) or (n, 1) or None; several are nested like the outputs, and a single
            array weighs all of them.
        takes, gives: the `Structure` of the model's inputs and of its outputs.
        optional: flat indices of the outputs that may lack targets: those without a loss.

    Attributes:
        inputs: list of arrays.
        targets, weights: lists of arrays or None, one entry for each output.
    """

    def __init__(
        self, x, y=None, sample_weight=None, takes=ONE_INPUT, gives=ONE_OUTPUT, optional=()
    ):
        self._takes, self._gives = takes, gives
        self.class_weight = None
        self.inputs = [
            as_array(value, takes.entry("x", index))
            for index, value in enumerate(takes.flatten(x, "x", extra=True))
        ]
        self.targets = [
            None if value is None else as_array(value, gives.entry("y", index))
            for index, value in enumerate(gives.flatten(y, "y", optional))
        ]
        self._check_lengths()
        if sample_weight is None or (gives.size > 1 and not is_nested(sample_weight)):
            self.weights = [sample_weight] * gives.size
        else:
            self.weights = gives.flatten(sample_weight, "sample_weight", optional)
        for index, value in enumerate(self.weights):
            if value is not None:
                self.weights[index] = self._check_weights(value, index)

    def _check_lengths(self):
        given = [len(x) for x in self.inputs]
        wanted = [len(y) for y in self.targets if y is not None]
        if len({*given, *wanted}) > 1:
            x, y = (" and ".join(map(str, counts)) for counts in (given, wanted))
            raise ValueError(
                "x and y must have the same number of samples. "
                f"Received {x} in x{f' and {y} in y' if y else ''}."
            )

    def _check_weights(self, value, index):
        name = self._gives.entry("sample_weight", index)
        weights = as_array(value, name)
        if weights.ndim == 2 and weights.shape[1] == 1:
            weights = weights[:, 0]
        if weights.shape != (len(self),):
            raise ValueError(
                f"`{name}` must have one weight per sample, shape ({len(self)},). "
                f"Received shape {weights.shape}."
            )
        return np.ascontiguousarray(weights, np.float32)

    def __len__(self):
        return len(self.inputs[0])

    def split(self, fraction):
        """Split off the last `fraction` of the samples; returns both parts as views."""
        if not 0 < fraction < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1. Received {fraction!r}.")
        cut = int(np.floor(len(self) * (1 - fraction)))
        if cut in (0, len(self)):
            raise ValueError(
                f"{len(self)} samples are too few for `validation_split`={fraction}: "
                "one part would be empty."
            )
        return self.part(slice(0, cut)), self.part(slice(cut, None))

    def part(self, rows):
        """The samples of a slice, as views."""
        part = object.__new__(Samples)
        part._takes, part._gives, part.class_weight = self._takes, self._gives, None
        part.inputs = [x[rows] for x in self.inputs]
        part.targets = [None if y is None else y[rows] for y in self.targets]
        part.weights = [None if weights is None else weights[rows] for weights in self.weights]
        return part

    def weigh_classes(self, class_weight):
        """Set the weights from a dictionary {class: weight}; the default weight is 1."""
        if class_weight is not None:
            if len(self.targets) > 1:
                raise ValueError(
                    "`class_weight` is only for models with one output: pass `sample_weight`. "
                    f"This model has {len(self.targets)} outputs."
                )
            if self.weights[0] is not None:
                raise ValueError("Pass either `class_weight` or sample weights, not both.")
            self.weights = [class_weights(self.targets[0], class_weight)]
            self.class_weight = class_weight
        return self

    def prepare(self, input_shapes, gather=True):
        """Convert the inputs for the model and, if `gather`, for the gather kernel."""
        for index, shape in enumerate(input_shapes):
            name = self._takes.entry("x", index)
            x = fit_images(self.inputs[index], shape, None if name == "x" else name)
            self.inputs[index] = gatherable(x, name) if gather else x
        return self

    def prepare_targets(self, objectives, output_shapes):
        """Convert the targets for the losses and metrics.

        Args:
            objectives: for each output an object with a `loss` and `has_metrics`.
            output_shapes: for each output its shape, with None for the batch.
        """
        for index, (objective, shape) in enumerate(zip(objectives, output_shapes, strict=True)):
            name, loss, y = self._gives.entry("y", index), objective.loss, self.targets[index]
            if loss is None and not objective.has_metrics:
                self.targets[index] = self.weights[index] = None
                continue
            if y is None:
                reader = "loss needs" if loss is not None else "metrics need"
                raise ValueError(f"The argument `{name}` is missing: the {reader} targets.")
            if loss is not None:
                loss.check_output(shape)
                if self.class_weight is not None and shape[-1] > 1:
                    check_classes(self.class_weight, shape[-1])
                y = loss.prepare(y, shape)
                is_labels = y.dtype == np.int64 and y.ndim < len(shape)
            else:
                is_labels = y.dtype.kind == "i"
                y = y.astype(np.int64, copy=False) if is_labels else y
            self.targets[index] = y if is_labels else gatherable(y, name)
        return self


def class_weights(y, class_weight):
    """One weight per sample from a dictionary of class weights."""
    if y is None or not isinstance(class_weight, dict):
        raise ValueError(
            "`class_weight` must be a dictionary {class: weight}, and requires `y`. "
            f"Received {class_weight!r}."
        )
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] == 0):
        raise ValueError(
            f"`class_weight` requires `y` with one or two axes. Received shape {y.shape}."
        )
    if y.ndim == 2:
        y = y.argmax(1) if y.shape[1] > 1 else y[:, 0]
    for key, weight in class_weight.items():
        is_number = isinstance(key, (int, float, np.number))
        if not (is_number and key == np.floor(key)):
            raise ValueError(
                f"The keys of `class_weight` must be labels, which are integers. Received {key!r}."
            )
        check_number(weight, f"class_weight[{key!r}]")
    classes, which = np.unique(np.round(y).astype(np.int64), return_inverse=True)
    table = np.array([class_weight.get(int(label), 1.0) for label in classes], np.float32)
    return table[which.reshape(-1)]


def check_classes(class_weight, classes):
    """Raise ValueError for keys of `class_weight` outside of the labels 0 to `classes` - 1."""
    unknown = [key for key in class_weight if not 0 <= key < classes]
    if unknown:
        raise ValueError(
            f"The keys of `class_weight` must be labels from 0 to {classes - 1}. "
            f"Received {unknown}."
        )
