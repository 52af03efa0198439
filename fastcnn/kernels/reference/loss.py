"""Reference kernel of the cross-entropy of labels."""

import numpy as np


def softmax_sparse_crossentropy(logits, labels, scale, losses, probabilities, dlogits):
    """losses[n] = log(sum over c of exp(logits[n,c] - m)) - (logits[n,labels[n]] - m), m = max_c

    probabilities = softmax(logits), dlogits[n,c] = (probabilities[n,c] - [c == labels[n]]) *
    scale[n]: the gradient of sum over n of scale[n] * losses[n]. labels int64 (n,), scale (n,).
    Where the label is below 0 the loss and the gradient are 0.
    """
    shifted = logits - logits.max(1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    losses[...] = np.log(total[:, 0]) - shifted[rows, labels]
    probabilities[...] = e / total
    gradient = e / total
    gradient[rows, labels] -= 1
    dlogits[...] = gradient * scale[:, None]
    losses[labels < 0] = dlogits[labels < 0] = 0
