"""`mpiexec -n N python -m tests.distribution.starts FILE`: ranks that differ, one after the other.

The file gets a list with {name: error message or "no error"} of each rank. All errors are raised on
all ranks, so the program goes on.
"""

import os
import sys

import numpy as np

import fastcnn as keras
from fastcnn import layers
from tests.distribution.launch import report


class Other(keras.callbacks.Callback):
    """Changes a weight on the last rank only, without any step after that."""

    def on_epoch_end(self, epoch, logs=None):
        if is_last():
            self.model.layers[0].bias.assign([1.0])


def is_last():
    distribution = keras.distribution.distribution()
    return distribution.data_shard_id == distribution.num_processes - 1


def dense(units=1):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units)])
    model.compile("sgd", "mse")
    return model


def main(path):
    distribution = keras.distribution.DataParallel(timeout=30)
    messages = {}
    if distribution.data_shard_id == distribution.num_processes - 1:
        keras.config.set_backend("reference")
    try:
        keras.distribution.set_distribution(distribution)
    except ValueError as error:
        messages["backend"] = f"ValueError: {error}"
    keras.config.set_backend("native")
    keras.distribution.set_distribution(distribution)
    x, y, last = np.ones((12, 3), "f4"), np.ones((12, 1), "f4"), is_last()
    changed = x.copy()
    changed[3, 1] += last
    extra = {"synchronized": True}
    normalized = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(**extra)])
    normalized.compile("sgd", "mse")
    trained = dense()

    def batches(x):
        while True:
            yield x, y

    def unseeded():
        data = keras.data.Dataset.from_tensor_slices((x, y)).shuffle(12).batch(5)
        model = keras.Sequential([keras.Input((3,)), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.train_on_batch(x, y)
        model.fit(data, epochs=2, verbose=0)
        model.fit(x, y, batch_size=5, verbose=0)

    runs = {
        "data": lambda: dense().fit(changed, y, verbose=0),
        "fewer samples": lambda: dense().fit(x[: 12 - last], y[: 12 - last], verbose=0),
        "batch size": lambda: dense().fit(x, y, batch_size=4 + 2 * last, verbose=0),
        "validation data": lambda: dense().fit(x, y, validation_data=(changed, y), verbose=0),
        "model": lambda: dense(1 + last).fit(x, np.ones((12, 1 + last)), verbose=0),
        "batches": lambda: dense().fit(batches(changed), steps_per_epoch=2, verbose=0),
        "callback": lambda: trained.fit(x, y, callbacks=[Other()], verbose=0),
        "weights": lambda: trained.predict(x, verbose=0),
        "synchronized": lambda: normalized.fit(x, x, verbose=0),
        "unseeded": unseeded,
        "no error": lambda: dense().fit(x, y, verbose=0),
    }
    for name, run in runs.items():
        try:
            run()
            messages[name] = "no error"
        except Exception as error:
            messages[name] = f"{type(error).__name__}: {error}"
    messages["threads"] = keras.config.num_threads()
    messages["cores"] = len(os.sched_getaffinity(0))
    messages["devices"] = keras.distribution.list_devices()
    report(path, messages)


if __name__ == "__main__":
    main(*sys.argv[1:])
