"""The user's inputs, targets and sample weights, validated once."""

import numpy as np

from fastcnn.core.arguments import check_number
from fastcnn.data.arrays import as_array, fit_images, gatherable


class Samples:
    """Inputs, targets and sample weights of equal length, validated.

    Args:
        x: array (n, ...).
        y: targets or None.
        sample_weight: (n,) or (n, 1) or None.
    """

    def __init__(self, x, y=None, sample_weight=None):
        self.x = as_array(x, "x")
        self.y = None if y is None else as_array(y, "y")
        self.weights = self.class_weight = None
        if self.y is not None and len(self.y) != len(self.x):
            raise ValueError(
                "x and y must have the same number of samples. "
                f"Received {len(self.x)} in x and {len(self.y)} in y."
            )
        if sample_weight is not None:
            weights = as_array(sample_weight, "sample_weight")
            if weights.ndim == 2 and weights.shape[1] == 1:
                weights = weights[:, 0]
            if weights.shape != (len(self.x),):
                raise ValueError(
                    f"`sample_weight` must have one weight per sample, shape ({len(self.x)},). "
                    f"Received shape {weights.shape}."
                )
            self.weights = np.ascontiguousarray(weights, np.float32)

    def __len__(self):
        return len(self.x)

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
        return self._part(slice(0, cut)), self._part(slice(cut, None))

    def _part(self, rows):
        part = object.__new__(Samples)
        part.x = self.x[rows]
        part.y = None if self.y is None else self.y[rows]
        part.weights = None if self.weights is None else self.weights[rows]
        part.class_weight = None
        return part

    def weigh_classes(self, class_weight):
        """Set the weights from a dictionary {class: weight}; the default weight is 1."""
        if class_weight is not None:
            if self.weights is not None:
                raise ValueError("Pass either `class_weight` or sample weights, not both.")
            self.weights = class_weights(self.y, class_weight)
            self.class_weight = class_weight
        return self

    def prepare(self, input_shape, loss=None, output_shape=None, gather=True):
        """Convert x and y for the model and its loss and, if `gather`, for the gather kernel."""
        self.x = fit_images(self.x, input_shape)
        if gather:
            self.x = gatherable(self.x, "x")
        if loss is not None:
            if self.y is None:
                raise ValueError("The argument `y` is missing: the loss needs targets.")
            loss.check_output(output_shape)
            if self.class_weight is not None and output_shape[-1] > 1:
                check_classes(self.class_weight, output_shape[-1])
            self.y = loss.prepare(self.y, output_shape)
            is_labels = self.y.dtype == np.int64 and self.y.ndim < len(output_shape)
            if not is_labels:
                self.y = gatherable(self.y, "y")
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
