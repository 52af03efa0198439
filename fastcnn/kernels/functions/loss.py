"""The cross-entropy of softmax, with its gradient, as a function."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import FloatArray, floats

__all__ = ["softmax_sparse_crossentropy"]


def softmax_sparse_crossentropy(
    logits: ArrayLike, labels: ArrayLike, scale: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """losses[n] = log(sum over c of exp(logits[n,c] - m)) - (logits[n,labels[n]] - m), m = max_c

    Args:
        logits: (n, c).
        labels: (n,) integers in [0, c).
        scale: weights (n,) of the losses in the gradient; 1 where None.

    Returns:
        losses (n,), probabilities (n, c) = softmax(logits), and dlogits (n, c): the gradient of
        sum over n of scale[n] * losses[n].

    Raises:
        ValueError: labels are not integers in [0, c), or shapes do not match.
    """
    logits, scale = floats({"logits": 2, "scale": 1}, logits=logits, scale=scale)
    labels = np.ascontiguousarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"The argument `labels` must be {len(logits)} integers. "
            f"Received {labels.dtype} of shape {labels.shape}."
        )
    classes = logits.shape[1]
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"The argument `labels` must be in [0, {classes}). "
            f"Received {labels.min()} to {labels.max()}."
        )
    if scale is None:
        scale = np.ones(len(logits), logits.dtype)
    losses = np.empty(len(logits), logits.dtype)
    probabilities, dlogits = np.empty_like(logits), np.empty_like(logits)
    arrays = (logits, labels.astype(np.int64), scale, losses, probabilities, dlogits)
    bind("softmax_sparse_crossentropy", *arrays)()
    return losses, probabilities, dlogits
