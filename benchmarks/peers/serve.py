"""The request loop and the clock that all peers share.

    {"task": "versions"}                                        -> {"versions": {...}}
    {"task": "check", "net": "dnn", "batch": 32}                -> {"scores": [[...], ...]}
    {"task": "losses", "net": "dnn", "batch": 32, "steps": 3}   -> {"losses": [...]}
    {"task": "train", "net": "dnn", "batch": 32, "seconds": 1}  -> {"ms": [...], "way": "..."}
    {"task": "predict", ...}                                    -> {"ms": [...], "way": "..."}
    {"task": "layer", "layer": {...}, "seconds": 0.1}           -> {"ms": [...]}
    {"task": "layer", "layer": {...}, "seconds": 0}             -> {"sums": [...]}

`ms` are milliseconds per step or call, one figure for each stretch of about 20 ms or more. `way`
says by which of its means the framework did it: where it has several (a compiler, several steps at
a time), the peer tries them at the first request and stays with the fastest. A request may name
the `way`. `layer` is one convolution (the fields of a Conv2DCase), forward and both gradients;
`sums` are checksums of y, dx, dw and db. A task that a framework lacks is answered with
{"absent": reason}, a failure with {"error": text}. The same weights and images are used everywhere:
those of tests/shapes.py, with images from the file named on the command line where one is given.
"""

import argparse
import json
import os
import sys
import time
import traceback

import numpy as np

from tests.shapes import NETS, Conv2DCase

IMAGES = 8192  # in the training set: 256 batches of 32
STRETCH = 0.02  # seconds


class AbsentError(Exception):
    """The framework has no such task."""


class Peer:
    """A framework: subclasses list its ways and write what here raises AbsentError."""

    train_ways = ("",)
    predict_ways = ("",)

    def __init__(self, threads, images=None):
        self.threads = threads
        self._images = images
        self._data, self._made, self._best = {}, {}, {}
        self._layer = (None,)

    def versions(self):
        """{"package": "version", ...}"""
        raise NotImplementedError

    def prediction(self, net, batch, way):
        """(call, result): `call()` predicts the first images; `result()` is its last, an array."""
        raise AbsentError("no prediction")

    def training(self, net, batch, way):
        """run(seconds) -> [milliseconds per step, ...], each time from the same first weights."""
        raise AbsentError("no training")

    def losses(self, net, batch, steps):
        """The loss of each of the first steps, from the given weights on the first batches."""
        raise AbsentError("no training")

    def layer(self, case, x, w, b, dy):
        """(call, results): `call()` does all of a convolution; `results()` are y, dx, dw, db.

        x, b and dy are NHWC arrays, w is HWIO, as in Keras; so are dx and dw.
        """
        raise AbsentError("no single layers")

    def data(self, net):
        """Images float32 (n, h, w, c) and labels int64 (n,)."""
        if net.name not in self._data:
            if self._images and net.input_shape == (28, 28, 1):
                with np.load(self._images) as file:
                    images = (file["images"] / 255.0).astype(np.float32)
                    self._data[net.name] = images, file["labels"].astype(np.int64)
            else:
                self._data[net.name] = net.data(IMAGES)
        return self._data[net.name]

    def images(self, net, batch):
        return self.data(net)[0][:batch]

    # --- requests

    def answer(self, task, net=None, batch=32, seconds=1.0, steps=3, way=None, layer=None):
        if task == "versions":
            return {"versions": self.versions()}
        if task == "layer":
            return self._answer_layer(layer, seconds)
        net = NETS[net]
        if task == "check":
            call, result = self.prediction(net, batch, way or self.predict_ways[0])
            call()
            return {"scores": np.asarray(result(), np.float64).tolist()}
        if task == "losses":
            return {"losses": [float(loss) for loss in self.losses(net, batch, steps)]}
        ways = {"train": self.train_ways, "predict": self.predict_ways}[task]
        way = way or self._fastest(task, ways, net, batch)
        return {"ms": self._runner(task, net, batch, way)(seconds), "way": way}

    def _answer_layer(self, layer, seconds):
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in layer.items()}
        case = Conv2DCase(**fields)
        if self._layer[0] != case:
            random = np.random.RandomState(0)
            shapes = case.x_shape, case.w_shape, (case.oc,), case.y_shape
            arrays = ((random.random_sample(s) - 0.5).astype(np.float32) for s in shapes)
            self._layer = case, *self.layer(case, *arrays)
        _, call, results = self._layer
        if seconds:
            return {"ms": stretches(call, seconds, 0.005)}
        call()
        # Weighted by place, so that a value in a wrong place shows; by size, so that all compare.
        sums = []
        for result in results():
            flat = np.asarray(result, np.float64).ravel()
            weights = np.cos(np.arange(flat.size))
            sums.append(float(flat @ weights / max(np.linalg.norm(flat), 1e-30)))
        return {"sums": sums}

    def _fastest(self, task, ways, net, batch):
        key = task, net.name, batch
        if key not in self._best:
            tried = {}
            for way in ways if len(ways) > 1 else ():
                try:
                    run = self._runner(task, net, batch, way)
                    run(0.1)  # compiles and warms up
                    tried[way] = min(run(0.5))
                except Exception:  # a compiler that fails leaves the other ways
                    traceback.print_exc()
            if len(ways) > 1 and not tried:
                raise RuntimeError("all its ways failed")
            self._best[key] = min(tried, key=tried.get) if tried else ways[0]
        return self._best[key]

    def _runner(self, task, net, batch, way):
        key = task, net.name, batch, way
        if key not in self._made:
            if task == "train":
                self._made[key] = self.training(net, batch, way)
            else:
                call, _ = self.prediction(net, batch, way)
                self._made[key] = lambda seconds: stretches(call, seconds)
        return self._made[key]


def stretches(call, seconds, stretch=STRETCH):
    """Milliseconds per call, one figure for each stretch of calls, for about `seconds`."""
    begin = time.perf_counter()
    call()
    once = time.perf_counter() - begin
    if once < stretch:  # the first call may have been a slow one
        begin = time.perf_counter()
        call()
        once = time.perf_counter() - begin
    repeats = max(1, round(stretch / max(once, 1e-7)))
    samples, end = [], time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in range(repeats):
            call()
        samples.append((time.perf_counter() - begin) * 1e3 / repeats)
    return samples


def serve(peer_class):
    """Answer requests until the input ends. What libraries print goes to standard error."""
    parser = argparse.ArgumentParser(description=sys.modules[peer_class.__module__].__doc__)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--images", help="an npz file with `images` uint8 and `labels`")
    options = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer = peer_class(options.threads, options.images)
    for line in sys.stdin:
        try:
            reply = peer.answer(**json.loads(line))
        except AbsentError as reason:
            reply = {"absent": str(reason)}
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(reply), file=replies)
