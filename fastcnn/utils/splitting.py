"""`split_dataset`: two data sets of the samples of one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import refuse
from fastcnn.data.ahead import AUTOTUNE
from fastcnn.data.dataset import Dataset
from fastcnn.data.elements import convert, first_axis, replace, stack
from fastcnn.data.selections import Batch

if TYPE_CHECKING:
    from typing import Any


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split samples into a left and a right `data.Dataset`.

    Args:
        dataset: an array, a list or tuple of arrays of one length, a `Dataset` (one that was
            batched last is split by samples, and batched again), or another iterable of samples.
        left_size, right_size: number of samples, or a fraction between 0 and 1; None is the rest.
        shuffle: whether to shuffle the samples first.
        seed: an integer that determines the order, which is then the same as in Keras.
        preferred_backend: None or "tensorflow".

    Raises:
        ValueError: there are not that many samples, or one side would be empty.
        TypeError: sizes that are not numbers, or no data set.
    """
    refuse(preferred_backend, "preferred_backend", "tensorflow")
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of `left_size` and `right_size` must be given. Received None for both."
        )
    arrays, batch_size = _arrays_of(dataset)
    count = first_axis(arrays)
    order = list(range(count))
    if shuffle:
        random.Random(seed).shuffle(order)
    left, right = _sizes(left_size, right_size, count)
    halves = []
    for rows in (order[:left], order[count - right :]):
        index = np.array(rows)
        half = Dataset.from_tensor_slices(replace(lambda a: a[index], arrays))  # noqa: B023
        half = half if batch_size is None else half.batch(batch_size)
        halves.append(half.prefetch(AUTOTUNE))
    return halves[0], halves[1]


def _arrays_of(dataset):
    """(nested arrays whose rows are the samples, batch size or None)."""
    if isinstance(dataset, Dataset):
        node = dataset._node
        size = node.size if isinstance(node, Batch) else None
        samples = list(_numpy(dataset if size is None else dataset.unbatch()))
    elif isinstance(dataset, np.ndarray):
        return dataset, None
    elif isinstance(dataset, (list, tuple)):
        if not dataset or not all(isinstance(item, np.ndarray) for item in dataset):
            raise ValueError(
                "A list or tuple must consist of arrays. "
                f"Received {[type(item).__name__ for item in dataset]}."
            )
        return tuple(dataset), None
    elif hasattr(dataset, "__iter__") or hasattr(dataset, "__getitem__"):
        size, samples = None, [convert(sample, "A sample") for sample in iter(dataset)]
    else:
        raise TypeError(
            "The argument `dataset` must be a Dataset or arrays. "
            f"Received an object of type {type(dataset).__name__}."
        )
    if not samples:
        raise ValueError("The data set has no samples.")
    return stack(samples), size


def _numpy(dataset):
    return dataset._node.iterate(dataset.new_pass())


def _sizes(left, right, count):
    """The number of samples on each side, as Keras computes it."""
    sizes = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and type(size) not in (int, float):
            raise TypeError(
                f"The argument `{name}` must be an integer or a float. Received {name}={size!r}."
            )
        limit = count if type(size) is int else 1
        if size is not None and not 0 < size < limit:
            raise ValueError(
                f"The argument `{name}` must be a positive integer less than the {count} samples, "
                f"or a float between 0 and 1. Received {name}={size!r}."
            )
        sizes.append(round(size * count) if type(size) is float else size)
    left, right = sizes
    left = count - right if left is None else left
    right = count - left if right is None else right
    if left + right > count:
        raise ValueError(
            f"The sizes must not exceed the {count} samples together. "
            f"Received left_size and right_size for {left} and {right} samples."
        )
    if not left or not right:
        raise ValueError(
            f"One side would be empty: the sizes are {left} and {right} of {count} samples."
        )
    return left, right
