"""Converts what users pass: pictures, labels, predictions, names of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

Names: TypeAlias = "Sequence[str] | Mapping[int, str] | NDArray | None"


def as_pictures(x: ArrayLike) -> NDArray:
    """Images (n, h, w, channels) of bytes, or of floats from 0 to 1, that can be drawn.

    A missing axis of channels is added. Floats are drawn as they are if all are from 0 to 1, other
    integers if all are from 0 to 255; otherwise the range of all images together is stretched.

    Raises:
        ValueError: not an array of finite numbers with 1, 3 or 4 channels.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub" or x.ndim not in (3, 4):
        raise ValueError(
            "Images must be arrays (n, height, width) or (n, height, width, channels). Received an "
            f"array of shape {x.shape} and dtype {x.dtype}."
        )
    x = x[..., None] if x.ndim == 3 else x
    if x.shape[-1] not in (1, 3, 4):
        raise ValueError(f"Images must have 1, 3 or 4 channels. Received shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("Images must be finite. Received NaN or infinity.")
    if x.dtype == np.uint8 or x.size == 0:
        return x
    low, high = x.min(), x.max()
    if x.dtype.kind in "iu" and low >= 0 and high <= 255:
        return x.astype(np.uint8)
    x = x.astype(np.float32)
    if low < 0 or high > 1:
        x = (x - np.float32(low)) / max(np.float32(high) - np.float32(low), np.float32(1e-30))
    return np.clip(x, 0, 1)


def as_batch(model: Any, image: ArrayLike) -> tuple[NDArray, NDArray]:
    """(a batch of one for the model, the picture (h, w, channels) to draw) of one image.

    Raises:
        ValueError: the model does not take one image, or this is not one image.
    """
    image = np.asarray(image)
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(f"The model must take one image. Received one with inputs {shapes}.")
    channels = shapes[0][-1]
    if image.ndim == 2 and channels in (1, None):
        image = image[..., None]
    if image.ndim == 3 and image.shape[0] == 1 and channels in (1, None) and image.shape[-1] != 1:
        image = image[..., None]
    if image.ndim == 3:
        image = image[None]
    if image.ndim != 4 or len(image) != 1:
        raise ValueError(
            "`image` must be one image (height, width) or (height, width, channels). Received an "
            f"array of shape {image.shape}."
        )
    return image, as_pictures(image)[0]


def as_labels(y: ArrayLike, name: str, class_names: Names = None) -> NDArray:
    """Class indices (n,) from integers (n,) or (n, 1), one-hot rows (n, classes), or names.

    Raises:
        ValueError: something else, or a name that is not in `class_names`.
    """
    y = np.asarray(y)
    if y.dtype.kind in "UO" and class_names is not None:
        names = [str(one) for one in _in_order(class_names).values()]
        indices = dict(zip(names, _in_order(class_names), strict=True))
        unknown = [one for one in y.ravel().tolist() if str(one) not in indices]
        if unknown:
            raise ValueError(f"`{name}` has a label that is not in {names}: {unknown[0]!r}.")
        y = np.array([indices[str(one)] for one in y.ravel()], np.int64)
    if y.ndim == 2 and y.shape[1] > 1:
        y = y.argmax(axis=1)
    elif y.ndim == 2:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "fiub" or (y != np.floor(y)).any() or (y < 0).any():
        raise ValueError(
            f"`{name}` must be labels (n,) or one-hot rows (n, classes), from 0 on. Received an "
            f"array of shape {y.shape} and dtype {y.dtype}."
        )
    return y.astype(np.int64)


def as_probabilities(y: ArrayLike, name: str = "y_pred") -> NDArray:
    """Probabilities (n, classes), from those or from (n, 1) or (n,), that of class 1 of two.

    Raises:
        ValueError: other shapes, or values outside [0, 1], such as logits.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind != "f" or y.ndim not in (1, 2):
        raise ValueError(
            f"`{name}` must be probabilities (n, classes), as `model.predict` returns them. "
            f"Received an array of shape {y.shape} and dtype {y.dtype}."
        )
    if np.isnan(y).any():
        raise ValueError(f"`{name}` must be probabilities from 0 to 1. Received NaN.")
    if not ((y >= 0) & (y <= 1 + 1e-3)).all():
        raise ValueError(
            f"`{name}` must be probabilities from 0 to 1. For logits, pass "
            f"`keras.activations.softmax({name})`."
        )
    return np.stack([1 - y, y], axis=1) if y.ndim == 1 else y


def predicted_labels(y: ArrayLike, name: str, class_names: Names = None) -> NDArray:
    """Class indices (n,), from labels or from the probabilities (or logits) of a model."""
    y = np.asarray(y)
    if y.dtype.kind == "f" and y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        return as_probabilities(y, name).argmax(axis=1)
    return as_labels(y, name, class_names)


def check_lengths(**arrays: Any) -> None:
    """Raise ValueError unless all arrays that are not None have one length."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        given = ", ".join(f"{length} of `{name}`" for name, length in lengths.items())
        raise ValueError(f"There must be as many entries of each argument. Received {given}.")


def name_of(label: int, class_names: Names) -> str:
    """The name of a class, or its index where there is no name, as a text for matplotlib."""
    names = {} if class_names is None else _in_order(class_names)
    return str(names.get(int(label), int(label))).replace("$", r"\$")  # not a formula


def count_classes(class_names: Names, *labels: NDArray) -> int:
    """One more than the largest class that has a name or occurs."""
    names = {} if class_names is None else _in_order(class_names)
    largest = [int(array.max()) for array in labels if array.size]
    return max([*names, *largest], default=-1) + 1


def _in_order(class_names):
    """{index: name}"""
    if isinstance(class_names, Mapping):
        return {int(index): name for index, name in class_names.items()}
    return dict(enumerate(class_names))
