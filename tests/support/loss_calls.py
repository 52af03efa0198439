"""Calls of losses, for Keras or fastcnn: values and gradients for vectors, images and embeddings.

Every entry is (kind of call, function of the module `losses`). tests/keras/golden/record_losses.py
records what test_loss_calls.py runs. Data are generated from seeds.
"""

import numpy as np

SHAPES = {  # kind of call: shape of the predictions
    "labels": (6, 4),
    "label images": (2, 3, 2, 4),
    "probabilities": (6, 4),
    "masks": (3, 3, 2, 2),
    "one-hot": (6, 4),
    "embeddings": (9, 5),
}


def data(kind):
    """(y_true, y_pred as logits, y_pred as probabilities, a weight for each sample)"""
    shape = SHAPES[kind]
    rng = np.random.default_rng(11)
    z = rng.normal(size=shape)
    weights = rng.uniform(0, 2, shape[0])
    if kind.startswith("label"):
        y = rng.integers(0, shape[-1], shape[:-1])
        y.reshape(-1)[::4] = 7  # the label that is ignored
        p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    elif kind == "one-hot":
        y = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[0])]
        p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    elif kind == "embeddings":
        y = np.array([0, 1, 2, 0, 1, 2, 0, 1, 3])  # the last one has no other of its class
        p = z / np.linalg.norm(z, axis=-1, keepdims=True)
    else:
        y = rng.integers(0, 2, shape).astype(float)
        p = 1 / (1 + np.exp(-z))
    return y, z, p, weights


CALLS = {}
for _reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
    CALLS.update(
        {
            f"ignore {_reduction}": (
                "labels",
                lambda k, r=_reduction: k.SparseCategoricalCrossentropy(
                    ignore_class=7, reduction=r
                ),
            ),
            f"ignore images {_reduction}": (
                "label images",
                lambda k, r=_reduction: k.SparseCategoricalCrossentropy(
                    ignore_class=7, reduction=r
                ),
            ),
            f"ignore images logits {_reduction}": (
                "label images",
                lambda k, r=_reduction: k.SparseCategoricalCrossentropy(
                    from_logits=True, ignore_class=7, reduction=r
                ),
            ),
            f"dice {_reduction}": ("masks", lambda k, r=_reduction: k.Dice(reduction=r)),
            f"dice samples {_reduction}": (
                "masks",
                lambda k, r=_reduction: k.Dice(axis=(1, 2, 3), reduction=r),
            ),
            f"circle {_reduction}": (
                "embeddings",
                lambda k, r=_reduction: k.Circle(gamma=8.0, reduction=r),
            ),
            f"focal {_reduction}": (
                "probabilities",
                lambda k, r=_reduction: k.BinaryFocalCrossentropy(reduction=r),
            ),
            f"mse {_reduction}": (
                "probabilities",
                lambda k, r=_reduction: k.MeanSquaredError(reduction=r),
            ),
        }
    )
CALLS.update(
    {
        "ignore no reduction": (
            "labels",
            lambda k: k.SparseCategoricalCrossentropy(ignore_class=7, reduction=None),
        ),
        "dice pixels": ("masks", lambda k: k.Dice(axis=-1)),
        "dice classes": ("masks", lambda k: k.Dice(axis=(0, 1, 2))),
        "tversky": ("masks", lambda k: k.Tversky(alpha=0.3, beta=0.7)),
        "tversky samples": ("masks", lambda k: k.Tversky(0.7, 0.2, axis=[1, 2, 3])),
        "circle diagonal": (
            "embeddings",
            lambda k: k.Circle(gamma=4.0, margin=0.2, remove_diagonal=False),
        ),
        "circle default": ("embeddings", lambda k: k.Circle()),
        "binary focal all": (
            "probabilities",
            lambda k: k.BinaryFocalCrossentropy(True, 0.3, 1.5, label_smoothing=0.1),
        ),
        "binary focal logits": (
            "probabilities",
            lambda k: k.BinaryFocalCrossentropy(gamma=0.5, from_logits=True),
        ),
        "binary focal images": ("masks", lambda k: k.BinaryFocalCrossentropy(True)),
        "categorical focal": ("one-hot", lambda k: k.CategoricalFocalCrossentropy()),
        "categorical focal alphas": (
            "one-hot",
            lambda k: k.CategoricalFocalCrossentropy(
                [0.1, 0.2, 0.3, 0.4], 1.0, label_smoothing=0.1
            ),
        ),
        "categorical focal logits": (
            "one-hot",
            lambda k: k.CategoricalFocalCrossentropy(gamma=3.0, from_logits=True),
        ),
        "generalized": ("one-hot", lambda k: k.CategoricalGeneralizedCrossEntropy(0.7)),
    }
)


def arguments(name):
    """(y_true, y_pred, weights of the samples) for a call."""
    kind, _ = CALLS[name]
    y, z, p, weights = data(kind)
    if "generalized" in name:
        y = y.argmax(-1)
    return y, z if "logits" in name else p, weights


def weights_of_call(name):
    """The weights of the samples in the shape that a call takes; None if it takes none."""
    y_pred, weights = arguments(name)[1:]
    if name == "dice classes":  # has no value for a sample
        return None
    if "ignore images" in name or name in ("dice pixels", "binary focal images"):
        return np.broadcast_to(weights[:, None, None], y_pred.shape[:-1])
    return weights
