"""The request loop and the timing that all peers share.

    {"task": "versions"}                                        -> {"versions": {...}}
    {"task": "compilers", "use": false}                         -> {}
    {"task": "check", "net": "dnn", "batch": 32}                -> {"scores": [[...], ...]}
    {"task": "losses", "net": "dnn", "batch": 32, "steps": 3}   -> {"losses": [...]}
    {"task": "train", "net": "dnn", "batch": 32, "seconds": 1}  -> {"ms": [...], "method": "..."}
    {"task": "predict", ...}                                    -> {"ms": [...], "method": "..."}
    {"task": "layer", "layer": {...}, "seconds": 0.1}           -> {"ms": [...]}
    {"task": "layer", "layer": {...}, "seconds": 0}             -> {"sums": [...]}
    {"task": "row", "row": "Dense", "size": "small", "phase": "both", "seconds": 0.1}
                                                                -> {"ms": [...], "method": "..."}
    {"task": "row", ..., "seconds": 0}                          -> {"sums": [...]}

`ms` are milliseconds per step or call, one value for each interval of about 20 ms or more. `method`
is the method that the framework used: if it has several (a compiler, several steps at a time), the
peer tries them at the first request and keeps using the fastest. A request may specify the
`method`. `layer` is one convolution (the fields of a Conv2DCase), forward and both gradients;
`sums` are checksums of y, dx, dw and db. `row` is the title of one of `layer_rows.ROWS`, `sums` are
those of its results. The answer to an unsupported task is {"absent": reason}, to a failed one
{"error": text}. All peers use the weights and images of the nets, or images from the file given on
the command line.
"""

import argparse
import functools
import json
import os
import sys
import time
import traceback

import numpy as np

from benchmarks.layer_data import checksums
from benchmarks.layer_rows import ROWS
from benchmarks.nets import GROUPS, NETS, RECIPES
from tests.support.shapes import Conv2DCase

INTERVAL = 0.02  # seconds
COMPILERS = ("XLA", "XLA, 16 steps", "compile")  # methods that compile a network


ROW_INTERVAL = 0.005  # seconds, of single layers


class AbsentError(Exception):
    """The framework does not support the task."""


class Peer:
    """A framework: subclasses list its methods and override what raises AbsentError here."""

    train_methods = ("",)
    predict_methods = ("",)
    row_methods = ("",)
    check_method = None  # the method whose scores are checked; None: the first for prediction

    def __init__(self, threads, images=None):
        self.threads = threads
        self._images = images
        self._data, self._made, self._best = {}, {}, {}
        self._layer = (None,)
        self._row = None
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

    def row(self, row, size, phase, method):
        """(call, results) of a `layer_rows.Row` in one of its sizes and passes.

        Layers: `call()` runs forward, or forward and backward, and `results()` are y, the gradients
        of the inputs and those of the trainable weights, if the framework has them in our layout.
        Losses: results are the mean loss, and the gradient of the predictions. Optimizers: `call()`
        is an update; results are the changes of the weights since the beginning.
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
        self,
        task,
        net=None,
        batch=32,
        seconds=1.0,
        steps=3,
        method=None,
        layer=None,
        use=True,
        **row,
    ):
        if task == "versions":
            return {"versions": self.versions()}
        if task == "layer":
            return self._answer_layer(layer, seconds)
        if task == "row":
            return self._answer_row(seconds=seconds, **row)
        if task == "compilers":
            self._compilers = use
            return {}
        net = (NETS | RECIPES)[net]
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
            return {"ms": intervals(call, seconds, ROW_INTERVAL)}
        call()
        # Weighted by index, which detects misplaced values, and normalized to comparable sizes.
        sums = []
        for result in results():
            flat = np.asarray(result, np.float64).ravel()
            weights = np.cos(np.arange(flat.size))
            sums.append(float(flat @ weights / max(np.linalg.norm(flat), 1e-30)))
        return {"sums": sums}

    def _answer_row(self, seconds, **row):
        methods = self.row_methods if self._compilers else self.row_methods[:1]
        if self._row is None or self._row.asked != row:
            self._row = None  # frees the arrays of the row before
            self._row = MadeRow(self, methods, **row)
        if not seconds:
            return {"sums": self._row.sums()}
        method, call = self._row.fastest()
        return {"ms": intervals(call, seconds, ROW_INTERVAL), "method": method}

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


class MadeRow:
    """A row of `layer_rows` as a peer computes it.

    Args:
        peer: the `Peer`.
        methods: those to choose from; the first one is checked.
        row, size, phase: the row's title, its size and what is measured.
    """

    def __init__(self, peer, methods, row, size, phase):
        self.asked = {"row": row, "size": size, "phase": phase}
        self._make = functools.partial(peer.row, ROWS[row], size, phase)
        self._made = {methods[0]: self._make(methods[0])}
        self._others = methods[1:]

    def sums(self):
        """Checksums of the results of the first call, or of the first three updates."""
        ((call, results),) = self._made.values()
        for _ in range(3 if self.asked["phase"] == "update" else 1):
            call()
        return checksums(results())

    def fastest(self):
        """(name, call) of the fastest method; the first request tries them."""
        for method in self._others:
            try:
                made = self._make(method)
                made[0]()
                self._made[method] = made
            except Exception:  # a compiler may fail; use the other methods
                traceback.print_exc()
        self._others = ()
        if len(self._made) > 1:
            times = {
                method: min(intervals(call, 0.05, ROW_INTERVAL))
                for method, (call, _) in self._made.items()
            }
            best = min(times, key=times.get)
            self._made = {best: self._made[best]}
        ((method, (call, _)),) = self._made.items()
        return method, call


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
