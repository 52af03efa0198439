"""The request loop and the timing that all peers share.

    {"task": "versions"}                                        -> {"versions": {...}}
    {"task": "compilers", "use": false}                         -> {}
    {"task": "check", "net": "dnn", "batch": 32}                -> {"scores": [[...], ...]}
    {"task": "losses", "net": "dnn", "batch": 32, "steps": 3}   -> {"losses": [...]}
    {"task": "train", "net": "dnn", "batch": 32, "seconds": 1}  -> {"ms": [...], "method": "..."}
    {"task": "predict", ...}                                    -> {"ms": [...], "method": "..."}
    {"task": "layer", "layer": {...}, "seconds": 0.1}           -> {"ms": [...]}
    {"task": "layer", "layer": {...}, "seconds": 0}             -> {"sums": [...]}

`ms` are milliseconds per step or call, one value for each interval of about 20 ms or more. `method`
is the method that the framework used: if it has several (a compiler, several steps at a time), the
peer tries them at the first request and keeps using the fastest. A request may specify the
`method`. `layer` is one convolution (the fields of a Conv2DCase), forward and both gradients;
`sums` are checksums of y, dx, dw and db. The answer to an unsupported task is {"absent": reason},
to a failed one {"error": text}. All peers use the weights and images of the nets, or images
from the file given on the command line.
"""

import argparse
import json
import os
import sys
import time
import traceback

import numpy as np

from benchmarks.nets import GROUPS, NETS
from tests.support.shapes import Conv2DCase

INTERVAL = 0.02  # seconds
COMPILERS = ("XLA", "XLA, 16 steps", "compile")  # methods that compile a network


class AbsentError(Exception):
    """The framework does not support the task."""


class Peer:
    """A framework: subclasses list its methods and override what raises AbsentError here."""

    train_methods = ("",)
    predict_methods = ("",)
    check_method = None  # the method whose scores are checked; None: the first for prediction

    def __init__(self, threads, images=None):
        self.threads = threads
        self._images = images
        self._data, self._made, self._best = {}, {}, {}
        self._layer = (None,)
        self._compilers = True

    def versions(self):
        """{"package": "version", ...}"""
        raise NotImplementedError

    def prediction(self, net, batch, method):
        """(call, result): `call()` predicts the first images, `result()` is its output."""
        raise AbsentError("no prediction")

    def training(self, net, batch, method):
        """run(seconds) -> [milliseconds per step, ...], always from the same initial weights."""
        raise AbsentError("no training")

    def losses(self, net, batch, steps):
        """The losses of the first steps, from the given weights on the first batches."""
        raise AbsentError("no training")

    def layer(self, case, x, w, b, dy):
        """(call, results): `call()` runs forward and backward; `results()` returns y, dx, dw, db.

        As in Keras, x, dx and dy are NHWC arrays, w and dw are HWIO.
        """
        raise AbsentError("no single layers")

    def data(self, net):
        """Images float32 (n, h, w, c), or a list of them, and labels int64 (n, ...)."""
        if net.name not in self._data:
            if self._images and net.name in GROUPS["chains"] and net.input_shape == (28, 28, 1):
                with np.load(self._images) as file:
                    images = (file["images"] / 255.0).astype(np.float32)
                    self._data[net.name] = images, file["labels"].astype(np.int64)
            else:
                self._data[net.name] = net.data(net.images)
        return self._data[net.name]

    def images(self, net, batch):
        return rows(self.data(net)[0], 0, batch)

    # --- requests

    def answer(
        self, task, net=None, batch=32, seconds=1.0, steps=3, method=None, layer=None, use=True
    ):
        if task == "versions":
            return {"versions": self.versions()}
        if task == "layer":
            return self._answer_layer(layer, seconds)
        if task == "compilers":
            self._compilers = use
            return {}
        net = NETS[net]
        if task == "check":
            call, result = self.prediction(
                net, batch, method or self.check_method or self.predict_methods[0]
            )
            call()
            return {"scores": np.asarray(result(), np.float64).tolist()}
        if task == "losses":
            return {"losses": [float(loss) for loss in self.losses(net, batch, steps)]}
        methods = {"train": self.train_methods, "predict": self.predict_methods}[task]
        method = method or self._fastest(task, methods, net, batch)
        return {"ms": self._runner(task, net, batch, method)(seconds), "method": method}

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
            return {"ms": intervals(call, seconds, 0.005)}
        call()
        # Weighted by index, which detects misplaced values, and normalized to comparable sizes.
        sums = []
        for result in results():
            flat = np.asarray(result, np.float64).ravel()
            weights = np.cos(np.arange(flat.size))
            sums.append(float(flat @ weights / max(np.linalg.norm(flat), 1e-30)))
        return {"sums": sums}

    def _fastest(self, task, methods, net, batch):
        key = task, net.name, batch
        if key not in self._best:
            tried = {}
            if not self._compilers:
                methods = [method for method in methods if method not in COMPILERS]
            for method in methods if len(methods) > 1 else ():
                try:
                    run = self._runner(task, net, batch, method)
                    run(0.1)  # compiles and warms up
                    tried[method] = min(run(0.5))
                except Exception:  # a compiler may fail; try the other methods
                    traceback.print_exc()
            if len(methods) > 1 and not tried:
                raise RuntimeError("all its methods failed")
            self._best[key] = min(tried, key=tried.get) if tried else methods[0]
        return self._best[key]

    def _runner(self, task, net, batch, method):
        key = task, net.name, batch, method
        if key not in self._made:
            if task == "train":
                self._made[key] = self.training(net, batch, method)
            else:
                call, _ = self.prediction(net, batch, method)
                self._made[key] = lambda seconds: intervals(call, seconds)
        return self._made[key]


def rows(images, begin, end):
    """These rows of an array or of each array of a list."""
    if isinstance(images, list):
        return [array[begin:end] for array in images]
    return images[begin:end]


def intervals(call, seconds, interval=INTERVAL):
    """Milliseconds per call, one value per interval, for about `seconds`."""
    begin = time.perf_counter()
    call()
    once = time.perf_counter() - begin
    if once < interval:  # the first call may have been slower
        begin = time.perf_counter()
        call()
        once = time.perf_counter() - begin
    repeats = max(1, round(interval / max(once, 1e-7)))
    samples, end = [], time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in range(repeats):
            call()
        samples.append((time.perf_counter() - begin) * 1e3 / repeats)
    return samples


def serve(peer_class):
    """Answer requests until the end of the input. Other output goes to standard error."""
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
