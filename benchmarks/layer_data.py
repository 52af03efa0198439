"""The arrays that every peer computes a row of `layer_rows` from, the same in all processes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import fastcnn
from benchmarks.layer_rows import BATCH

RANGES = {"layers": (-1.0, 1.0), "activations": (-3.0, 3.0)}
LABELS = {
    "categorical_generalized_cross_entropy",
    "circle",
    "sparse_categorical_crossentropy",
}
ONE_HOT = {"categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy", "dice", "tversky"}
SIGNS = {"hinge", "squared_hinge"}
BLOCK = 16381  # elements of a checksum that fit into a cache; a prime number


@dataclass
class Problem:
    """A layer with everything that it computes from.

    Attributes:
        layer: fastcnn's, built, with `weights`.
        x: a batch, or a list of them.
        dy: the gradient of the output.
        weights: those of the layer, in Keras's order and layout.
    """

    layer: Any
    x: Any
    dy: np.ndarray
    weights: list

    @property
    def inputs(self):
        """The batches in a list."""
        return self.x if isinstance(self.x, list) else [self.x]


def layer_problem(row, size):
    """The `Problem` of a row of a layer or an activation."""
    shape, random = row.shape(size), np.random.default_rng(0)
    several = isinstance(shape, list)
    layer = row.make(fastcnn, shape)
    low, high = RANGES[row.kind]
    inputs = [_uniform(random, (BATCH, *one), low, high) for one in (shape if several else [shape])]
    shapes = [(None, *array.shape[1:]) for array in inputs]
    output = layer.build_once(shapes if several else shapes[0])
    layer.set_weights([_weight(random, weight.shape) for weight in layer.get_weights()])
    dy = _uniform(random, (BATCH, *output[1:]), -1.0, 1.0)
    return Problem(layer, inputs if several else inputs[0], dy, layer.get_weights())


def loss_problem(row, size):
    """(y_true, y_pred) of a loss."""
    samples, classes = shape = row.shape(size)
    random = np.random.default_rng(0)
    y_pred = _uniform(random, shape, 0.1, 1.0)
    labels = random.integers(0, classes, samples)
    if row.name in LABELS:
        return labels, y_pred
    if row.name in ONE_HOT:
        y_true = np.zeros(shape, np.float32)
        y_true[np.arange(samples), labels] = 1
        return y_true, y_pred
    y_true = _uniform(random, shape, 0.1, 1.0)
    if row.name in BINARY | SIGNS:
        y_true = (y_true > 0.5).astype(np.float32)
    return 2 * y_true - 1 if row.name in SIGNS else y_true, y_pred


def optimizer_problem(row, size):
    """([weights], [gradients]) of an optimizer."""
    random = np.random.default_rng(0)
    shapes = row.shape(size)
    weights = [_uniform(random, shape, -0.1, 0.1) for shape in shapes]
    # Not near 0, where epsilon matters, which frameworks add inside or outside of a square root.
    gradients = [_uniform(random, shape, 0.2, 1.0) for shape in shapes]
    for gradient in gradients:
        np.negative(gradient, out=gradient, where=random.random(gradient.shape) < 0.5)
    return weights, gradients


def _uniform(random, shape, low, high):
    array = random.random(shape, np.float32)
    array *= np.float32(high - low)
    array += np.float32(low)
    return array


def _weight(random, shape):
    """Vectors are about 1, which is also right for a variance; kernels keep outputs of size 1."""
    if len(shape) < 2:
        return _uniform(random, shape, 0.5, 1.5)
    bound = np.sqrt(3 / np.prod(shape[:-1]))
    return _uniform(random, shape, -bound, bound)


def checksums(arrays):
    """Two numbers for each array: its direction, by a projection, and its length.

    The projection weighs elements by index, so that misplaced values are detected.
    """
    weights, sums = np.cos(np.arange(BLOCK)), []
    for array in arrays:
        flat = np.asarray(array).ravel()
        projection = squares = 0.0
        for number, start in enumerate(range(0, flat.size, BLOCK)):
            block = flat[start : start + BLOCK].astype(np.float64)
            projection += float(block @ weights[: block.size]) * np.cos(number)
            squares += float(block @ block)
        length = float(np.sqrt(squares))
        sums.append([projection / max(length, 1e-30), length])
    return sums


def difference(ours, theirs):
    """The largest relative difference of two results of `checksums`; extra arrays are ignored."""
    found = 0.0
    for (direction, length), (other_direction, other_length) in zip(ours, theirs, strict=False):
        scale = max(abs(length), abs(other_length), 1e-30)
        for value in (direction - other_direction, (length - other_length) / scale):
            found = max(found, abs(value)) if np.isfinite(value) else np.inf
    return found
