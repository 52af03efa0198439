"""How much arithmetic a training is, counted as if every layer were dense."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import fastcnn as keras


def training_flop(model: keras.Sequential) -> int:
    """Floating-point operations to train a built chain of layers on one image.

    Two per multiply-add of its convolutions and dense layers: forward, and again for the gradient
    of a kernel that is trained, and for that of the input, if anything before the layer is trained.
    The package itself skips most of the work in front of a max-pool, and Winograd saves another
    part: these are the operations that others count.
    """
    total, is_trained = 0, False
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            positions = math.prod(layer.output.shape[1:-1])
            passes = 1 + kernel.trainable + is_trained
            total += 2 * passes * positions * kernel.size
        is_trained |= bool(layer.trainable_weights)
    return total
