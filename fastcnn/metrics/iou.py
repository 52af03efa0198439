"""Intersection over union: how far predicted and true regions of each class overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_count, check_list, check_number, warn
from fastcnn.losses.base import check_axis
from fastcnn.metrics.base import Metric, registry, weights_like

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

DTYPES = ("int32", "int64", "float32", "float64")


def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int,
    weights: ArrayLike | None = None,
    dtype: DTypeLike = "int32",
) -> NDArray:
    """The number, or sum of weights, of samples with label i (rows) and prediction j (columns).

    Args:
        labels, predictions: integers in [0, num_classes), any shape; flattened.
        num_classes: a positive integer.
        weights: an array of their shape, or None.
        dtype: that of the result and, before they are added up, of the weights.
    """
    size = check_count(num_classes, "num_classes")
    labels, predictions = (np.asarray(a).astype(np.int64).ravel() for a in (labels, predictions))
    cells = labels * size + predictions
    if weights is not None:
        weights = np.broadcast_to(np.ravel(np.asarray(weights, dtype)), cells.shape)
    counts = np.bincount(cells, weights, size * size)
    return counts.reshape(size, size).astype(dtype)


@registry.register("io_u", "iou")
class IoU(Metric):
    """The mean over the target classes of true positives / (true + false positives + misses).

    Classes without any label or prediction are left out. The state is a confusion matrix.

    Args:
        num_classes: number of classes; labels and predictions outside of [0, num_classes) do not
            count.
        target_class_ids: list of the classes whose mean is the result.
        name: a string.
        dtype: "int64" by default: sample weights are then truncated to integers. With a float type
            weights may be fractions.
        ignore_class: a label whose samples do not count, or None.
        sparse_y_true: whether targets are labels; otherwise their argmax is.
        sparse_y_pred: whether predictions are labels; otherwise their argmax is.
        axis: that of the argmax.

    Shapes: labels of any shape; one-hot targets and predictions have one axis more.
    """

    direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(None, name)
        self._dtype = _check_type(dtype)
        self.num_classes = check_count(num_classes, "num_classes")
        ids = check_list(target_class_ids, "target_class_ids")
        self.target_class_ids = [check_count(i, "target_class_ids", 0) for i in ids]
        if not ids or max(ids) >= num_classes:
            raise ValueError(
                f"The argument `target_class_ids` must be a list of classes in [0, {num_classes}). "
                f"Received target_class_ids={target_class_ids!r}."
            )
        self.ignore_class = ignore_class
        self.sparse_y_true = bool(sparse_y_true)
        self.sparse_y_pred = bool(sparse_y_pred)
        self.axis = check_axis(axis)
        # wider than `dtype`: an epoch has more pixels than int32 can count
        wide = np.int64 if np.dtype(self._dtype).kind == "i" else np.float64
        shape = (self.num_classes, self.num_classes)
        self.total_cm = self.add_variable(shape, "zeros", wide, name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        y_true = y_true if self.sparse_y_true else y_true.argmax(self.axis)
        y_pred = y_pred if self.sparse_y_pred else y_pred.argmax(self.axis)
        weights = None if sample_weight is None else self._weights(y_true, sample_weight)
        y_true, y_pred = y_true.astype(np.int64).ravel(), y_pred.astype(np.int64).ravel()
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{type(self).__name__} takes one label for each prediction. Received "
                f"{y_true.size} labels and {y_pred.size} predictions."
            )
        counted = (y_true >= 0) & (y_true < self.num_classes)
        counted &= (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            counted &= y_true != self.ignore_class
        if weights is not None:
            weights = weights[counted]
        cells = y_true[counted], y_pred[counted]
        matrix = confusion_matrix(*cells, self.num_classes, weights, self.total_cm.dtype)
        self.total_cm.assign_add(matrix)

    def _weights(self, y_true, sample_weight):
        """A weight for each label, in the dtype of the matrix."""
        is_float = np.asarray(sample_weight).dtype.kind == "f"
        if is_float and self.total_cm.dtype == "int64" and isinstance(sample_weight, np.ndarray):
            warn(
                f"The sample weights of the metric {self.name!r} are floats, which its dtype "
                f"{self.dtype!r} truncates: pass integers, or a float `dtype`."
            )
        return weights_like(y_true, sample_weight).astype(self.total_cm.dtype).ravel()

    def result(self):
        matrix = self.total_cm.value.astype(np.float64)
        hits = np.diag(matrix)
        union = (matrix.sum(0) + matrix.sum(1) - hits)[self.target_class_ids]
        present = union > 1e-9
        epsilon = config.epsilon()
        overlaps = np.where(present, hits[self.target_class_ids] / (union + epsilon), 0)
        return float(overlaps.sum() / (np.count_nonzero(present) + epsilon))

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *names):
        return {key: value for key, value in IoU.get_config(self).items() if key not in names}


@registry.register("binary_io_u", "binary_iou")
class BinaryIoU(IoU):
    """`IoU` of two classes: predictions from `threshold` on are class 1, others class 0.

    Args:
        target_class_ids: list of the classes, 0 and 1, whose mean is the result.
        threshold: float.
        name, dtype: see `IoU`.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = check_number(threshold, "threshold")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = np.asarray(y_pred, np.float32) >= np.float32(self.threshold)
        super().update_state(y_true, y_pred, sample_weight)

    def get_config(self):
        names = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**self._config_without(*names), "threshold": self.threshold}


@registry.register("mean_io_u", "mean_iou")
class MeanIoU(IoU):
    """`IoU` of all classes.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        ids = range(check_count(num_classes, "num_classes"))
        super().__init__(
            num_classes, list(ids), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )

    def get_config(self):
        return self._config_without("target_class_ids")


@registry.register("one_hot_io_u", "one_hot_iou")
class OneHotIoU(IoU):
    """`IoU` for one-hot targets and predictions of one score for each class.

    Args:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self):
        return self._config_without("sparse_y_true")


@registry.register("one_hot_mean_io_u", "one_hot_mean_iou")
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets and predictions of one score for each class.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self):
        return self._config_without("target_class_ids", "sparse_y_true")


def _check_type(dtype):
    """The `dtype` of these metrics as a name; None and "int" are "int64"."""
    if dtype is None or (isinstance(dtype, str) and dtype == "int"):
        return "int64"
    try:
        name = np.dtype(getattr(dtype, "name", dtype)).name
    except TypeError:
        name = None
    if name not in DTYPES:
        raise ValueError(f"The argument `dtype` must be one of {DTYPES}. Received dtype={dtype!r}.")
    return name
