"""fastcnn: whole `fit` calls, `predict` of one batch through `model(x)` on a NumPy array.

The time of a step is the time of a whole `fit` call divided by its number of steps, including the
start, the shuffling and the gathering of batches.
"""

import itertools
import time

import numpy as np

import fastcnn
from benchmarks.peers import fastcnn_rows
from benchmarks.peers.serve import Peer, rows, serve
from fastcnn import kernels


class FastCnn(Peer):
    def __init__(self, threads, images=None):
        super().__init__(threads, images)
        fastcnn.config.set_num_threads(threads)
        fastcnn.utils.set_random_seed(0)

    def versions(self):
        return {"fastcnn": fastcnn.__version__}

    def _model(self, net):
        model = net.build(fastcnn)
        net.set_weights(model)
        return net.compile(model, fastcnn)

    def prediction(self, net, batch, method):
        model = net.build(fastcnn)
        net.set_weights(model)
        images = self.images(net, batch)
        latest = []

        def call():
            latest[:] = [model(images)]

        return call, lambda: np.array(latest[0])

    def training(self, net, batch, method):
        model = self._model(net)
        images, labels = self.data(net)
        steps = len(labels) // batch
        images, labels = rows(images, 0, steps * batch), labels[: steps * batch]
        model.fit(rows(images, 0, batch), labels[:batch], batch_size=batch, verbose=0)  # warms up

        def run(seconds):
            net.set_weights(model)
            samples, end = [], time.perf_counter() + seconds
            while not samples or time.perf_counter() < end:
                begin = time.perf_counter()
                model.fit(images, labels, batch_size=batch, epochs=1, verbose=0)
                samples.append((time.perf_counter() - begin) * 1e3 / steps)
            return samples

        return run

    def layer(self, case, x, w, b, dy):
        y, dx, dw, db = np.empty_like(dy), np.empty_like(x), np.empty_like(w), np.empty_like(b)
        geometry = {"strides": case.strides, "pads": case.pads, "dilation": case.dilation}
        forward = kernels.bind("conv2d_forward", x, w, b, y, relu=False, **geometry)
        backward_data = kernels.bind("conv2d_backward_data", dy, w, dx, **geometry)
        backward_weights = kernels.bind("conv2d_backward_weights", x, dy, dw, db, **geometry)
        versions = itertools.count()

        def call():
            version = next(versions)  # as in training, the weights count as changed
            forward(version)
            backward_data(version)
            backward_weights(version)

        return call, lambda: [y, dx, dw, db]

    def row(self, row, size, phase, method):
        return fastcnn_rows.prepare(row, size, phase)

    def losses(self, net, batch, steps):
        model, (images, labels) = self._model(net), self.data(net)
        losses = []
        for i in range(0, steps * batch, batch):
            x, y = rows(images, i, i + batch), labels[i : i + batch]
            history = model.fit(x, y, batch, shuffle=False, verbose=0)
            losses.append(history.history["loss"][0])
        return losses


if __name__ == "__main__":
    serve(FastCnn)
