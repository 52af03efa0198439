"""Trains a model for a few seconds, for those who have not saved one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastcnn.callbacks import Callback
from fastcnn.optimizers import Adam

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastcnn.models import Model

BATCH_SIZE = 64
LEARNING_RATE = 0.003


class Countdown(Callback):
    """Ends the training after some seconds, over which the learning rate falls to 0 linearly.

    Attributes:
        steps: how many there were.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.steps = 0
        self._begin = 0.0

    def on_train_begin(self, logs=None):
        self._begin = time.perf_counter()
        self._rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        left = 1 - (time.perf_counter() - self._begin) / self.seconds
        if left > 0:
            self.model.optimizer.learning_rate = self._rate * left
        else:
            self.model.stop_training = True


def train(model: Model, x: NDArray, y: NDArray, seconds: float) -> int:
    """Train a classifier of images (n, height, width, channels) for some seconds.

    Returns:
        The number of steps, each on 64 images.
    """
    model.compile(Adam(LEARNING_RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    countdown = Countdown(seconds)
    model.fit(x, y, BATCH_SIZE, epochs=1_000_000, verbose=0, callbacks=[countdown])
    return countdown.steps
