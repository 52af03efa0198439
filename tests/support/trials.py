"""A trial: a small net that is built and trained from a seed. Processes import it from here."""

import os
import time

import numpy as np

import fastcnn as keras
from fastcnn import layers
from fastcnn.kernels import native

RNG = np.random.default_rng(0)
X, Y = RNG.random((48, 8, 8, 1), np.float32), RNG.integers(0, 3, 48)


def build(units=8, rate=0.01):
    """A compiled net whose weights, order of samples and dropout depend on the thread's seed."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomFlip(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(units, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def trial(seed, threads=1, callbacks=None, **settings):
    """(names of the layers, loss, all weights and logs as bytes) of a net that was trained."""
    native.set_work_per_thread(1)  # also in other processes, so that small kernels are shared
    with keras.config.threads(threads):
        assert native.num_threads() <= threads
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        model = build(**settings)
        history = model.fit(X, Y, 8, epochs=3, verbose=0, callbacks=callbacks).history
        results = [*model.get_weights(), *history.values(), model.predict(X, verbose=0)]
    assert all(np.isfinite(result).all() for result in results)
    names = ",".join(layer.name for layer in model.layers)
    return names, history["loss"][-1], b"".join(np.asarray(r).tobytes() for r in results)


def one_argument(arguments):
    """`trial(*arguments)`, for `map`."""
    return trial(*arguments)


def draw(_):
    """A number of the package's generator, and the process that drew it."""
    time.sleep(0.05)  # so that every worker of a pool draws
    return os.getpid(), keras.random.generator().random()
