"""Converts targets to what the losses need, and checks them against the model's output."""

import numpy as np

from fastcnn.core.arguments import matches


def same_rank(a, b):
    """Two arrays, without the last axis of the longer shape if its size is 1, as in Keras.

    If the other array has only one axis, it gets a second one instead.
    """
    if a.ndim < b.ndim:
        return same_rank(b, a)[::-1]
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[..., None]) if b.ndim == 1 else (a[..., 0], b)
    return a, b


def prepare_labels(y, output_shape, name, ignored=None):
    """Integer labels as int64 of shape (n, ...), one per row of the output, all in range.

    The label `ignored` may be out of range.

    Raises:
        ValueError: a wrong shape, non-integer values, or labels outside [0, classes).
    """
    y = np.asarray(y)
    classes = output_shape[-1]
    if y.ndim == len(output_shape) and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim != len(output_shape) - 1 or not matches(y.shape[1:], output_shape[1:-1]):
        hint = missing_flatten(y, output_shape)
        if y.ndim == len(output_shape) and y.shape[-1] == classes:
            hint = " For one-hot targets use categorical_crossentropy."
        raise ValueError(
            f"{name} takes integer labels, one for each output of shape {output_shape}. "
            f"Received targets of shape {y.shape}.{hint}"
        )
    if y.dtype.kind not in "iubf":
        raise ValueError(f"{name} takes integer labels. Received dtype {y.dtype}.")
    if y.dtype.kind == "f" and not (np.isfinite(y).all() and (np.floor(y) == y).all()):
        raise ValueError(f"{name} takes integer labels. Received values that are not integers.")
    is_out = y.size and (y.min() < 0 or y.max() >= classes)
    if is_out and (ignored is None or ((y != ignored) & ((y < 0) | (y >= classes))).any()):
        raise ValueError(
            f"Labels must be in [0, {classes}): the model has {classes} outputs. "
            f"Received labels from {int(y.min())} to {int(y.max())}."
        )
    return np.ascontiguousarray(y, np.int64)


def prepare_targets(y, output_shape, name):
    """Float targets of the output's shape; a last axis of size 1 is added or dropped.

    If the output has more than two axes and the last one has size 1, targets without that axis are
    kept: as in Keras, the loss is then that of the output without it.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "iubf":
        raise ValueError(f"{name} takes numeric targets. Received dtype {y.dtype}.")
    wanted = output_shape
    if y.ndim == len(output_shape) - 1 and output_shape[-1] == 1:
        if y.ndim == 1:
            y = y[:, None]
        else:
            wanted = output_shape[:-1]
            y = y.astype(np.float32, copy=False) if y.dtype == np.int64 else y  # int64: labels
    if y.ndim == len(output_shape) + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim != len(wanted) or not matches(y.shape[1:], wanted[1:]):
        raise ValueError(
            f"{name} takes targets of the output's shape {output_shape}. "
            f"Received targets of shape {y.shape}.{missing_flatten(y, output_shape)}"
        )
    return y


def missing_flatten(y, output_shape):
    """A hint for targets of one label or row per sample, where the output has more axes."""
    is_row = y.ndim == 2 and y.shape[1] == output_shape[-1]
    if len(output_shape) < 3 or not (y.ndim == 1 or is_row):
        return ""
    return " Is a Flatten or GlobalAveragePooling2D layer missing before the last layers?"
