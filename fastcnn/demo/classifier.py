"""A model that recognizes clothes: its probabilities for an image, and what each layer makes of it.

Several threads may use one `Classifier`: images are looked at one after the other, so that the
times of one are not those of another.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.activations import softmax
from fastcnn.core.memory import aligned
from fastcnn.datasets.fashion_mnist import CLASS_NAMES
from fastcnn.models import load_model
from fastcnn.plan.patterns import single_steps

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fastcnn.models import Model

MODEL_FILES = (".keras", ".h5", ".hdf5")
SCALING = ("Rescaling", "Normalization", "BatchNormalization")  # layers that take any range
REPEATS = 3  # of which the shortest time counts: other programs disturb it little


@dataclass(frozen=True)
class Stage:
    """The output of one layer for one image.

    Attributes:
        name: of the layer.
        kind: the layer's class.
        values: (height, width, channels) or (units,).
        microseconds: that the layer took, the shortest of a few times.
    """

    name: str
    kind: str
    values: NDArray
    microseconds: float


@dataclass(frozen=True)
class Look:
    """What a model makes of one image.

    Attributes:
        probabilities: one for each class.
        microseconds: that the whole model took, with adjacent layers fused into one kernel; the
            shortest of a few times.
        stages: the output of each layer, computed one by one; without those that only reshape.
    """

    probabilities: NDArray
    microseconds: float
    stages: list[Stage]


class Classifier:
    """A model of one image and ten classes.

    Args:
        model: takes images (height, width) with one or three channels, or without that axis.
        white: the value of a white pixel in the images that the model was trained on, 255 or 1.
            None: 255 if the first layer that does not only reshape scales its input, otherwise 1.

    Attributes:
        size: (height, width) of the images.
        white: see above.

    Raises:
        ValueError: the model takes or returns something else, or returns NaN or infinity.
    """

    def __init__(self, model: Model, white: float | None = None) -> None:
        self.model = model
        self._shape = _image_shape(model)
        self.size: tuple[int, int] = self._shape[:2]
        first = next((layer for layer in model.leaves() if not layer.is_view), None)
        scales = type(first).__name__ in SCALING
        self.white = (255.0 if scales else 1.0) if white is None else float(white)
        self._lock = threading.Lock()
        self._graph = model.make_graph(training=False)
        self._steps = single_steps(self._graph)
        self._x = aligned((1, *self._shape), np.float32)
        self.look(np.zeros(self.size, np.uint8))  # binds the kernels

    def probabilities(self, image: NDArray) -> NDArray:
        """The probability of each class for an image of bytes (height, width)."""
        return self.look(image).probabilities

    def look(self, image: NDArray) -> Look:
        """The probabilities for an image of bytes (height, width), and every layer's output.

        Raises:
            ValueError: the model returns NaN or infinity.
        """
        x = np.asarray(image, np.float32) * np.float32(self.white / 255)
        x = x.reshape(self.size) if len(self._shape) == 2 else x[..., None]
        with self._lock:
            self._x[...] = x
            y, microseconds = _fastest(self.model, self._x)
            y = np.asarray(y)[0]
            if not np.isfinite(y).all():
                raise ValueError("the model returns NaN or infinity: its training has diverged.")
            return Look(_as_probabilities(y), microseconds, self._run_steps())

    def _run_steps(self):
        values: dict[int, Any] = {self._graph.inputs[0]: self._x}
        stages = []
        for step in self._steps:
            arrays = tuple(values[value] for value in step.reads)
            x = arrays if step.takes_list else arrays[0]
            values[step.writes], microseconds = _fastest(step.forward, x, False)
            y = values[step.writes][0]
            if not step.is_view and y.ndim in (1, 3):
                layer = step.layer
                stages.append(Stage(layer.name, type(layer).__name__, y.copy(), microseconds))
        return stages


def _fastest(function, *arguments):
    """(the result of a function, its shortest time in microseconds)."""
    shortest = math.inf
    for _ in range(REPEATS):
        begin = time.perf_counter()
        result = function(*arguments)
        shortest = min(shortest, time.perf_counter() - begin)
    return result, 1e6 * shortest


def load(path: str, white: float | None = None) -> Classifier:
    """The `Classifier` of a saved model.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a .keras or .h5 file of such a model.
    """
    if not path.endswith(MODEL_FILES):
        raise ValueError(f"{path}: a model must be in a file that ends in .keras or .h5.")
    model = load_model(path, compile=False)
    try:
        return Classifier(model, white)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _image_shape(model):
    """The shape of one image of the model."""
    classes = len(CLASS_NAMES)
    shapes = [tuple(shape) for shape in model.input_shapes]
    outputs = [tuple(shape) for shape in model.output_shapes]
    shape = shapes[0][1:]
    if (
        len(shapes) != 1
        or len(shape) not in (2, 3)
        or not all(shape)
        or shape[2:] not in ((), (1,), (3,))
        or outputs != [(None, classes)]
    ):
        raise ValueError(
            "the model must take one image of a fixed size, with one or three channels, and return "
            f"{classes} probabilities. It takes {shapes} and returns {outputs}."
        )
    return shape


def _as_probabilities(y):
    """The output of a model as float32 probabilities; logits become such by softmax."""
    is_distribution = (y >= 0).all() and abs(float(y.sum()) - 1) < 1e-3
    return y if is_distribution else np.asarray(softmax(y[None]))[0]
