"""Connectionist temporal classification: its loss and its greedy decoder, forward only.

Graves et al. 2006, "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with
Recurrent Neural Networks". All samples of a batch are computed together, step by step in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, to_float

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@op
def ctc_loss(
    target: ArrayLike,
    output: ArrayLike,
    target_length: ArrayLike,
    output_length: ArrayLike,
    mask_index: int = 0,
) -> NDArray:
    """-log of the probability of all paths through logits (n, steps, classes) that give the labels.

    A path gives the labels (n, labels) when its repetitions are merged and `mask_index` is left
    out. Without such a path the loss is infinite.
    """
    output, labels = to_float(output), convert(target).astype(np.int64)
    if labels.ndim != 2 or output.ndim != 3 or len(labels) != len(output):
        raise ValueError(
            "`ctc_loss` takes labels (n, labels) and logits (n, steps, classes). "
            f"Received shapes {labels.shape} and {output.shape}."
        )
    n, steps, classes = output.shape
    blank = _class(mask_index, classes)
    lengths = convert(target_length).astype(np.int64)
    ends = convert(output_length).astype(np.int64)
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"`ctc_loss` takes labels in [0, {classes}).")
    log_p = _log_softmax(output.astype(np.float64))

    # the states of a path: blank, label 0, blank, label 1, ..., blank
    states = np.full((n, 2 * labels.shape[1] + 1), blank)
    states[:, 1::2] = labels
    skips = np.zeros(states.shape, bool)  # whether the blank before a state can be left out
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    alpha = np.full((n, states.shape[1] + 2), -np.inf)  # log probability of ending in a state
    alpha[:, 1] = 0  # the start: a move leads to state 0, and a skip to state 1
    skips[:, 1:2] = True
    final = np.full(states.shape, -np.inf)
    for step in range(steps):
        stay, move = alpha[:, 2:], alpha[:, 1:-1]
        skip = np.where(skips, alpha[:, :-2], -np.inf)
        moved = np.logaddexp(np.logaddexp(stay, move), skip)
        alpha[:, 2:] = moved + np.take_along_axis(log_p[:, step], states, 1)
        alpha[:, 1] = -np.inf  # only the first step is one from the start
        final = np.where((ends == step + 1)[:, None], alpha[:, 2:], final)
    last = 2 * lengths[:, None]
    ending = np.take_along_axis(final, last, 1)
    before = np.where(last > 0, np.take_along_axis(final, np.maximum(last - 1, 0), 1), -np.inf)
    return -np.logaddexp(ending, before)[:, 0].astype(output.dtype)


@op
def ctc_decode(
    inputs: ArrayLike,
    sequence_lengths: ArrayLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[NDArray, NDArray]:
    """(labels (1, n, steps), scores (n, 1)) of the largest logits (n, steps, classes) of each step.

    Labels end with -1; a score is -sum of the largest logits. Only strategy="greedy".
    """
    if strategy == "beam_search":
        raise NotImplementedError('`ctc_decode` supports strategy="greedy" only.')
    if strategy != "greedy":
        raise ValueError(f"The argument `strategy` must be 'greedy'. Received {strategy!r}.")
    inputs, lengths = to_float(inputs), convert(sequence_lengths).astype(np.int64)
    n, steps, classes = inputs.shape
    blank = classes - 1 if mask_index is None else _class(mask_index, classes)
    within = np.arange(steps) < lengths[:, None]
    best = inputs.argmax(-1)
    is_kept = within & (best != blank)
    if merge_repeated:
        is_kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    rows, _ = np.nonzero(is_kept)
    labels = np.full((1, n, steps), -1, np.int32)
    labels[0, rows, (np.cumsum(is_kept, 1) - 1)[is_kept]] = best[is_kept]
    scores = -np.where(within, inputs.max(-1), 0).sum(1, keepdims=True, dtype=inputs.dtype)
    return labels, scores


def _class(index: int, classes: int) -> int:
    if not -classes <= index < classes:
        raise ValueError(
            f"The argument `mask_index` must be one of {classes} classes. Received {index}."
        )
    return index % classes


def _log_softmax(x: NDArray) -> NDArray:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))
