"""Keras on TensorFlow: `fit` on arrays in memory, with and without XLA, 1 or 16 steps at a time.

The time of a step is measured inside `fit`, from the end of one batch to the end of a later one. It
excludes the work of `fit` before the first batch, in Keras's favor. Prediction uses the fastest of
`predict_on_batch`, the model in a `tf.function`, and the latter with XLA.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peers import keras_rows
from benchmarks.peers.serve import INTERVAL, Peer, rows, serve

WARM_UP = 8  # steps at the start of each fit that are not measured


class _Clock(keras.callbacks.Callback):
    """Records the time at the end of each batch; stops after `seconds` and one interval."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.marks = seconds, []

    def on_train_begin(self, logs=None):
        self.end = time.perf_counter() + self.seconds
        self.steps, self.last = 0, -1

    def on_epoch_begin(self, epoch, logs=None):
        self.last = -1
        self.marks.append([])

    def on_train_batch_end(self, batch, logs=None):
        self.steps += batch - self.last
        self.last = batch
        now = time.perf_counter()
        if self.steps > WARM_UP:
            self.marks[-1].append((batch, now))
        self.model.stop_training = now > self.end and bool(self.samples())

    def samples(self):
        """Milliseconds per step over intervals of about 20 ms, none of which spans two epochs."""
        samples = []
        for marks in filter(None, self.marks):
            begin = marks[0]
            for mark in marks[1:]:
                if mark[1] - begin[1] >= INTERVAL:
                    samples.append((mark[1] - begin[1]) * 1e3 / (mark[0] - begin[0]))
                    begin = mark
        return samples


class Keras(Peer):
    train_methods = ("plain", "plain, 16 steps", "XLA", "XLA, 16 steps")
    predict_methods = ("predict_on_batch", "tf.function", "XLA")
    row_methods = ("tf.function", "XLA")

    def __init__(self, threads, images=None):
        super().__init__(threads, images)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        keras.utils.set_random_seed(0)

    def versions(self):
        return {"keras": keras.__version__, "tensorflow": tf.__version__}

    def _model(self, net, **options):
        model = net.build(keras)
        net.set_weights(model)
        return net.compile(model, keras, **options)

    def prediction(self, net, batch, method):
        model = self._model(net)
        images = self.images(net, batch)
        latest = []
        if method == "predict_on_batch":

            def call():
                latest[:] = [model.predict_on_batch(images)]

        else:
            function = tf.function(lambda x: model(x, training=False), jit_compile=method == "XLA")
            tensor = tf.nest.map_structure(tf.constant, images)

            def call():
                latest[:] = [function(tensor).numpy()]

        return call, lambda: latest[0]

    def training(self, net, batch, method):
        several = 16 if "16" in method else 1
        model = self._model(net, jit_compile="XLA" in method, steps_per_execution=several)
        images, labels = self.data(net)
        end = len(labels) // batch * batch
        images, labels = rows(images, 0, end), labels[:end]

        def run(seconds):
            net.set_weights(model)
            clock = _Clock(seconds)
            model.fit(images, labels, batch, 1000, verbose=0, callbacks=[clock])
            return clock.samples()

        return run

    def row(self, row, size, phase, method):
        return keras_rows.prepare(row, size, phase, method)

    def losses(self, net, batch, steps):
        model, (images, labels) = self._model(net, jit_compile=False), self.data(net)
        losses = []
        for i in range(0, steps * batch, batch):
            model.reset_metrics()
            x, y = rows(images, i, i + batch), labels[i : i + batch]
            losses.append(model.train_on_batch(x, y)[0])
        return np.array(losses, float)


if __name__ == "__main__":
    serve(Keras)
