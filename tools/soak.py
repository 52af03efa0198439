"""Soak test: memory must not grow, steps must not become slower, every prediction must be right.

    python tools/soak.py                    a million steps, 10,000 predictions from 32 threads
    python tools/soak.py --steps 40000 --calls 500

Prints the figures and fails if memory grew by more than 1 MiB after the first tenth, if the last
tenth of the steps took more than 5 % longer than the second one, or if any prediction differs in
any bit. Times are CPU times, at the lower quartile of each tenth, to minimize the influence of
other programs.
"""

import argparse
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fastcnn as keras

MOST_GROWTH = 2**20  # bytes
MOST_DRIFT = 0.05
STEPS_PER_EPOCH = 2000
BATCH = 8
THREADS = 32


def net(seed=0):
    """A small model with the tutorial's kinds of layers, batch normalization and dropout."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data(n):
    rng = np.random.default_rng(0)
    x, y = rng.random((n, 10, 10, 1), "f4"), rng.integers(0, 4, n)
    x[np.arange(n), y, y] += 2  # learnable: gradients vanish, moments become denormal
    return x, y


def resident():
    """The resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Watch(keras.callbacks.Callback):
    """Records the CPU seconds and the resident bytes of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds, self.bytes = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.process_time() - self.start)
        self.bytes.append(resident())


def soak(steps):
    """Train for `steps` steps; return (memory growth in bytes, relative slowdown of a step)."""
    epochs = max(steps // STEPS_PER_EPOCH, 20)
    model, watch = net(), Watch()
    history = model.fit(
        *data(BATCH * STEPS_PER_EPOCH), BATCH, epochs=epochs, verbose=0, callbacks=[watch]
    ).history
    tenth = epochs // 10
    growth = max(watch.bytes[tenth:]) - watch.bytes[tenth]
    first, last = (
        np.quantile(watch.seconds[epochs_of_tenth], 0.25) / STEPS_PER_EPOCH
        for epochs_of_tenth in (slice(tenth, 2 * tenth), slice(epochs - tenth, epochs))
    )
    print(
        f"{epochs * STEPS_PER_EPOCH} steps in {sum(watch.seconds):.1f} s: memory grew by "
        f"{growth / 1024:.0f} KiB; a step took {1e6 * first:.1f} us at first, {1e6 * last:.1f} us "
        f"at last ({100 * (last / first - 1):+.1f} %); loss {history['loss'][0]:.3f} to "
        f"{history['loss'][-1]:.2g}"
    )
    return growth, last / first - 1


def predict(calls):
    """Run `calls` predictions of one model from 32 threads; return how many are wrong."""
    model = net()
    x, y = data(200)
    model.fit(x, y, verbose=0)
    sizes = (1, 2, 7, 8, 31, 32, 33, 100)
    expected = {size: model.predict(x[:size], verbose=0) for size in sizes}
    wrong, done = [], []
    start = time.perf_counter()

    def run(thread):
        for call in range(thread, calls, THREADS):
            size = sizes[call % len(sizes)]
            answer = model(x[:size]) if call % 3 == 0 else model.predict(x[:size], verbose=0)
            done.append(call)
            if not np.array_equal(answer, expected[size]):
                wrong.append(call)

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    print(f"{len(done)} predictions from {THREADS} threads in {seconds:.1f} s: {len(wrong)} wrong")
    return len(wrong) + calls - len(done)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    growth, drift = soak(options.steps)
    wrong = predict(options.calls)
    sys.exit(growth > MOST_GROWTH or drift > MOST_DRIFT or wrong > 0)
