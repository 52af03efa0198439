"""Check the `backward` of your own layers with finite differences.

    >>> import fastcnn as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def forward(self, x, training=False):
    ...         self.x = x
    ...         return x * self.scale.value
    ...     def backward(self, dy):
    ...         self.scale.gradient[...] = (dy * self.x).sum(axis=0)
    ...         return dy * self.scale.value
    >>> errors = keras.testing.check_gradients(Scale(), (4,))
    >>> sorted(errors), max(errors.values()) < 1e-8
    (['variable', 'x'], True)

Everything runs in float64 on the reference backend, where the differences are accurate to about
nine digits.
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, random
from fastcnn.layers.base import Layer
from fastcnn.layers.core import InputLayer
from fastcnn.models.functional import Functional
from fastcnn.models.graph_config import copy_of
from fastcnn.models.sequential import Sequential

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from fastcnn.core.types import Shape

# The values that torch.autograd.gradcheck uses
STEP = 1e-6
ABSOLUTE = 1e-5
RELATIVE = 1e-3
MOST = 200  # elements of one array that are checked


def check_gradients(
    layer: Layer,
    input_shape: Shape | None = None,
    *,
    x: ArrayLike | None = None,
    batch_size: int = 3,
    seed: int = 0,
) -> dict[str, float]:
    """Compare a layer's `backward` with central differences of its `forward`.

    A random weighted sum of the outputs is differentiated with respect to the inputs and every
    trainable weight: (f(a + h) - f(a - h)) / 2 h with h = 1e-6, for up to 200 elements of each,
    within 1e-5 + 1e-3 * |expected|. Random layers draw the same random numbers each time.

    The check also detects an output whose shape differs from `compute_output_shape`, a gradient
    that is added instead of assigned or not written at all, and a `forward` or `backward` that
    modifies its argument.

    Args:
        layer: a `Layer`, or a model with one input and one output; the check works on a copy of it.
        input_shape: the shape of one sample, optionally with None for the batch axis.
        x: inputs (n, ...) instead of random ones, for layers that require certain values, or to
            avoid points where the layer is not differentiable.
        batch_size: number of random samples.
        seed: seed of the random numbers.

    Returns:
        {"x" or the name of a weight: largest absolute error}.

    Raises:
        AssertionError: a gradient is wrong; the message says which, where, and what it should be.
        ValueError: neither `input_shape` nor `x` is given.
    """
    generator = np.random.default_rng(seed)
    if x is None:
        if input_shape is None:
            raise ValueError("`check_gradients` requires an `input_shape` or inputs `x`.")
        shape: Any = tuple(input_shape)
        shape = shape[1:] if shape[:1] == (None,) else shape
        x = away_from_zero(generator.normal(size=(batch_size, *shape)))
    x = np.array(x, np.float64, order="C")
    with in_float64():
        checker = _Checker(layer, x, generator)
        checker.check_twice()
        return checker.compare()


def away_from_zero(values):
    """Move random numbers away from 0, where many functions are not differentiable."""
    return values + np.copysign(0.05, values)


@contextlib.contextmanager
def in_float64():
    """Context manager: layers compute in float64 on the reference backend."""
    backend, floatx = config.backend(), config.floatx()
    config.set_backend("reference")
    config.set_floatx("float64")
    try:
        yield
    finally:
        config.set_backend(backend)
        config.set_floatx(floatx)


def copy_in_float64(layer, shape):
    """A built copy of a layer or model with float64 weights."""
    if not isinstance(layer, Layer):
        raise TypeError(f"`check_gradients` expects a layer. Received {layer!r}.")
    if isinstance(layer, Functional) and len(layer.input_shapes + layer.output_shapes) > 2:
        raise ValueError(
            "The argument `layer` of `check_gradients` must have one input and one output. "
            f"{layer.name!r} has {len(layer.input_shapes)} and {len(layer.output_shapes)}."
        )
    again = copied(layer)
    again.dtype = "float64"
    for leaf in again.leaves():
        leaf.release()
        leaf.dtype = "float64"
        for variable in leaf.weights:
            variable.change_type("float64")
    again.build_once((None, *shape))
    return again


def copied(layer, done=None):
    """A deep copy of a layer, or of a model with any kind of layers.

    Args:
        done: {layer: its copy}, for layers that occur several times.
    """
    done = {} if done is None else done
    if layer not in done:
        done[layer] = _copy(layer, lambda inner: copied(inner, done))
    return done[layer]


def _copy(layer, copied):
    if isinstance(layer, Functional):
        return Functional(*copy_of(layer, copied), name=layer.name, trainable=layer.trainable)
    if isinstance(layer, Sequential):
        return Sequential([copied(inner) for inner in layer._layers], layer.trainable, layer.name)
    if isinstance(layer, InputLayer):
        return InputLayer.from_config(layer.get_config())
    return copy.deepcopy(layer)


class _Checker:
    def __init__(self, layer, x, generator):
        self.layer = copy_in_float64(layer, x.shape[1:])
        self.what = type(layer).__name__
        self.x = x
        self.generator = generator
        self._state = random.get_state(), np.random.get_state()
        self._own_state = [
            (leaf, copy.deepcopy(leaf.get_random_state()))
            for leaf in self.layer.leaves()
            if hasattr(leaf, "get_random_state")
        ]
        y = self.forward()
        wanted = self.layer.compute_output_shape((None, *x.shape[1:]))
        if y.shape != (len(x), *wanted[1:]):
            raise AssertionError(
                f"{self.what}.forward returns shape {y.shape}, but compute_output_shape says "
                f"{tuple(wanted)}."
            )
        self.weighting = away_from_zero(generator.normal(size=y.shape))

    def forward(self):
        """A copy of `forward`'s result in training, with the same random numbers each time."""
        random.set_state(self._state[0])
        np.random.set_state(self._state[1])
        for leaf, state in self._own_state:
            leaf.set_random_state(copy.deepcopy(state))
        before = self.x.copy()
        y = np.array(self.layer.forward(self.x, training=True), np.float64)
        if not np.array_equal(before, self.x):
            raise AssertionError(f"{self.what}.forward modifies its argument x.")
        return y

    def backward(self):
        """{name: gradient} from `backward`; the weights' gradients are NaN beforehand."""
        self.forward()
        for weight in self.layer.trainable_weights:
            weight.gradient[...] = np.nan
        dy = self.weighting.copy()
        dx = self.layer.backward(dy)
        if not np.array_equal(dy, self.weighting):
            raise AssertionError(f"{self.what}.backward modifies its argument dy.")
        if np.shape(dx) != self.x.shape:
            raise AssertionError(
                f"{self.what}.backward returns shape {np.shape(dx)} for x of shape {self.x.shape}."
            )
        gradients = {"x": np.array(dx)}
        for name, weight in self.weights():
            gradients[name] = weight.gradient.copy()
            if np.isnan(weight.gradient).any():
                raise AssertionError(
                    f"{self.what}.backward does not write the whole gradient of {name!r}: it must "
                    f"assign `{name}.gradient[...] = ...` instead of adding to it."
                )
        return gradients

    def weights(self):
        """[(name, trainable weight)]; duplicate names get a suffix."""
        names = {}
        for weight in self.layer.trainable_weights:
            name, count = weight.name, 1
            while name in names:
                name, count = f"{weight.name}_{count}", count + 1
            names[name] = weight
        return list(names.items())

    def check_twice(self):
        """Check that calling `backward` twice gives the same gradients."""
        self.gradients = self.backward()
        for name, again in self.backward().items():
            if not np.array_equal(self.gradients[name], again, equal_nan=True):
                raise AssertionError(
                    f"{self.what}.backward returns a different gradient of {name!r} the second "
                    "time: some state remains from the first call."
                )

    def compare(self):
        """{name: largest error compared with finite differences}."""
        errors = {"x": self.compare_one("x", self.x, lambda values: None)}
        for name, weight in self.weights():
            errors[name] = self.compare_one(name, weight.numpy(), weight.assign)
        return errors

    def compare_one(self, name, values, assign):
        gradient = self.gradients[name].ravel()
        indices = np.arange(values.size)
        if values.size > MOST:
            indices = np.sort(self.generator.choice(values.size, MOST, replace=False))
        flat = values.reshape(-1)
        expected = np.empty(len(indices))
        for i, index in enumerate(indices):
            value, results = flat[index], []
            for step in (STEP, -STEP):
                flat[index] = value + step
                assign(values)
                results.append((self.forward() * self.weighting).sum())
            flat[index] = value
            assign(values)
            expected[i] = (results[0] - results[1]) / (2 * STEP)
        errors = np.abs(gradient[indices] - expected)
        wrong = ~(errors <= ABSOLUTE + RELATIVE * np.abs(expected))
        if wrong.any():
            worst = int(np.argmax(np.where(wrong, np.nan_to_num(errors, nan=np.inf), -1)))
            index = tuple(int(i) for i in np.unravel_index(indices[worst], values.shape))
            raise AssertionError(
                f"{self.what}.backward: the gradient of {name!r} is wrong for "
                f"{np.count_nonzero(wrong)} of {len(indices)} elements. At {index} it is "
                f"{gradient[indices[worst]]:.6g}, finite differences give {expected[worst]:.6g}."
            )
        return float(errors.max(initial=0))
