"""Sequences of different lengths as one array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice, check_count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike, NDArray


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray:
    """Sequences as an array (len(sequences), maxlen, ...): cut, and filled up with `value`.

    Args:
        sequences: sequences of numbers, or of arrays of one shape.
        maxlen: length of the result; by default that of the longest sequence.
        dtype: type of the result; `object` for strings of different lengths.
        padding: "pre" or "post", where `value` is added.
        truncating: "pre" or "post", where longer sequences are cut.
        value: a number, or a string.

    Raises:
        ValueError: an element that is not a sequence, elements of different shapes, or a string
            `value` with a `dtype` of numbers.

    Example:

    >>> from fastcnn.utils import pad_sequences
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
    [[0, 1], [2, 3], [5, 6]]
    """
    check_choice(padding, "padding", ("pre", "post"))
    check_choice(truncating, "truncating", ("pre", "post"))
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"The argument `sequences` must be a list of sequences. Received {type(sequences)}."
        )
    for entry in sequences:
        if not hasattr(entry, "__len__"):
            raise ValueError(
                f"The argument `sequences` must contain sequences. Received the element {entry!r}."
            )
    kind = np.dtype(dtype).kind
    if isinstance(value, str) and kind not in "OSU":
        raise ValueError(
            "A string `value` needs `dtype=object` or a dtype of strings. "
            f"Received dtype={dtype!r}."
        )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    maxlen = check_count(maxlen, "maxlen", 0)
    shape = next((np.asarray(entry).shape[1:] for entry in sequences if len(entry)), ())
    padded = np.full((len(sequences), maxlen, *shape), value, dtype)
    for index, entry in enumerate(sequences):
        # entry[-0:] would be all of it
        cut = entry[:maxlen] if truncating == "post" else entry[max(len(entry) - maxlen, 0) :]
        if not len(cut):
            continue
        cut = np.asarray(cut, dtype)
        if cut.shape[1:] != shape:
            raise ValueError(
                "The elements of all sequences must have one shape. Those of sequence "
                f"{index} have shape {cut.shape[1:]}, those before it {shape}."
            )
        start = 0 if padding == "post" else maxlen - len(cut)
        padded[index, start : start + len(cut)] = cut
    return padded
