"""Initializers: the initial values of weights.

    >>> from fastcnn import initializers
    >>> weights = initializers.GlorotUniform(seed=1)((3, 3, 1, 64))
    >>> weights.shape, weights.dtype.name
    ((3, 3, 1, 64), 'float32')

Without a `seed` they draw from the package's generator (`utils.set_random_seed`). With an integer
seed every call returns the same values, as in Keras. Fans are computed as in Keras: for a kernel of
shape (..., in, out) with k elements in the leading axes, fan_in = k * in and fan_out = k * out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, random
from fastcnn.core.arguments import check_number, refuse
from fastcnn.core.registry import Configurable, Registry, named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Axes, Config, CustomObjects

registry = Registry("initializer", "keras.initializers")


class Initializer(Configurable):
    """Base: `initializer(shape, dtype=None)` returns a new array."""

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> NDArray:
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(shape, dtype).")

    def clone(self) -> Self:
        """An initializer with the same arguments."""
        return self.from_config(self.get_config())


@registry.register("zeros", "zero")
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape, dtype=None):
        return np.zeros(shape, dtype or config.floatx())


@registry.register("ones", "one")
class Ones(Initializer):
    """All ones."""

    def __call__(self, shape, dtype=None):
        return np.ones(shape, dtype or config.floatx())


@registry.register("constant")
class Constant(Initializer):
    """All equal to `value`."""

    def __init__(self, value: ArrayLike = 0.0) -> None:
        if np.asarray(value).dtype.kind not in "biuf":
            raise ValueError(f"The argument `value` must be numeric. Received value={value!r}.")
        self.value = value

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.value, dtype or config.floatx())

    def get_config(self):
        return {"value": np.asarray(self.value).tolist()}


@registry.register("identity", "IdentityInitializer")
class Identity(Initializer):
    """The identity matrix times `gain`, for shapes of two axes."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number(gain, "gain")

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two axes. Received {tuple(shape)}.")
        return self.gain * np.eye(*shape, dtype=dtype or config.floatx())

    def get_config(self):
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """Base of the random initializers: stores the seed and provides the generator."""

    def __init__(self, seed=None):
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"The argument `seed` must be None or an integer. Received {seed!r}.")
        self.seed = None if seed is None else int(seed)

    def _generator(self):
        return random.generator() if self.seed is None else np.random.default_rng(self.seed)

    def get_config(self):
        return {"seed": self.seed}


@registry.register("random_normal", "normal")
class RandomNormal(RandomInitializer):
    """Normal distribution with `mean` and `stddev`."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = check_number(mean, "mean")
        self.stddev = check_number(stddev, "stddev", 0)

    def __call__(self, shape, dtype=None):
        values = self._generator().normal(self.mean, self.stddev, shape)
        return values.astype(dtype or config.floatx())

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@registry.register("truncated_normal")
class TruncatedNormal(RandomNormal):
    """Normal distribution; values further than two `stddev` from the mean are drawn again."""

    def __call__(self, shape, dtype=None):
        values = _truncated_normal(self._generator(), shape) * self.stddev + self.mean
        return values.astype(dtype or config.floatx())


@registry.register("random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """Uniform distribution over [minval, maxval)."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = check_number(minval, "minval")
        self.maxval = check_number(maxval, "maxval")

    def __call__(self, shape, dtype=None):
        values = self._generator().uniform(self.minval, self.maxval, shape)
        return values.astype(dtype or config.floatx())

    def get_config(self):
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


@registry.register("variance_scaling")
class VarianceScaling(RandomInitializer):
    """Random values of variance `scale / fan`.

    Args:
        scale: positive float.
        mode: which fan, "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: None or an integer.
        input_axes, output_axes: None.
    """

    MODES = ("fan_in", "fan_out", "fan_avg")
    DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Axes | None = None,
        output_axes: Axes | None = None,
    ) -> None:
        super().__init__(seed)
        refuse(input_axes, "input_axes")
        refuse(output_axes, "output_axes")
        self.scale = check_number(scale, "scale")
        if self.scale <= 0:
            raise ValueError(f"The argument `scale` must be positive. Received scale={scale}.")
        if mode not in self.MODES:
            raise ValueError(f"The argument `mode` must be in {self.MODES}. Received {mode!r}.")
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in self.DISTRIBUTIONS:
            raise ValueError(
                f"The argument `distribution` must be in {self.DISTRIBUTIONS}. "
                f"Received {distribution!r}."
            )
        self.mode = mode
        self.distribution = distribution

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        generator = self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            values = generator.uniform(-limit, limit, shape)
        elif self.distribution == "untruncated_normal":
            values = generator.normal(0.0, math.sqrt(variance), shape)
        else:  # truncation at two stddev reduces the standard deviation by this factor
            values = _truncated_normal(generator, shape) * (math.sqrt(variance) / TRUNCATED_STDDEV)
        return values.astype(dtype or config.floatx())

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": None,
            "output_axes": None,
        }


class _Named(VarianceScaling):
    """A VarianceScaling with fixed scale, mode and distribution; the config contains the seed."""

    arguments: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Axes | None = None,
        output_axes: Axes | None = None,
    ) -> None:
        scale, mode, distribution = self.arguments
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self):
        return {"seed": self.seed, "input_axes": None, "output_axes": None}


@registry.register("glorot_uniform")
class GlorotUniform(_Named):
    """Uniform over +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    arguments = (1.0, "fan_avg", "uniform")


@registry.register("glorot_normal")
class GlorotNormal(_Named):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    arguments = (1.0, "fan_avg", "truncated_normal")


@registry.register("he_uniform")
class HeUniform(_Named):
    """Uniform over +-sqrt(6 / fan_in) (He et al. 2015)."""

    arguments = (2.0, "fan_in", "uniform")


@registry.register("he_normal")
class HeNormal(_Named):
    """Truncated normal with variance 2 / fan_in."""

    arguments = (2.0, "fan_in", "truncated_normal")


@registry.register("lecun_uniform")
class LecunUniform(_Named):
    """Uniform over +-sqrt(3 / fan_in)."""

    arguments = (1.0, "fan_in", "uniform")


@registry.register("lecun_normal")
class LecunNormal(_Named):
    """Truncated normal with variance 1 / fan_in."""

    arguments = (1.0, "fan_in", "truncated_normal")


@registry.register("orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, times `gain` (Saxe et al. 2014)."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = check_number(gain, "gain")

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of two or more axes. Received {shape}.")
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        matrix = self._generator().normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(matrix)
        q *= np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(shape)).astype(dtype or config.floatx())

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


@registry.register("dirac")
class Dirac(Initializer):
    """Filters that copy channels: w[center, i, i] = gain, so that a new layer changes little.

    Filter i copies input channel i. Filters beyond the number of input channels are those of
    `remainder`. Keras has no such initializer, and does not load files that contain it.

    Args:
        gain: float.
        remainder: an initializer, for the shape of the whole kernel; "zeros" as in PyTorch.

    Raises:
        ValueError: a shape of fewer than three axes.

    Example:

    >>> from fastcnn import initializers
    >>> initializers.Dirac()((3, 2, 2))[:, :, 1].tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0, remainder: str | Config | Initializer = "zeros") -> None:
        self.gain = check_number(gain, "gain")
        found = get(remainder)
        if found is None:
            raise ValueError("The argument `remainder` must be an initializer. Received None.")
        self.remainder = found

    def __call__(self, shape, dtype=None):
        if len(shape) < 3:
            raise ValueError(f"Dirac needs a shape of three or more axes. Received {tuple(shape)}.")
        kernel = np.array(self.remainder(shape, dtype=dtype or config.floatx()))
        channels = np.arange(min(shape[-2:]))
        kernel[..., channels] = 0
        kernel[(*(size // 2 for size in shape[:-2]), channels, channels)] = self.gain
        return kernel

    def get_config(self):
        return {"gain": self.gain, "remainder": serialize(self.remainder)}


# Keras's aliases
zeros = Zeros
ones = Ones
constant = Constant
identity = IdentityInitializer = Identity
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
orthogonal = OrthogonalInitializer = Orthogonal

TRUNCATED_STDDEV = 0.87962566103423978


def compute_fans(shape):
    """(fan_in, fan_out) of a weight shape, as Keras computes them."""
    shape = tuple(shape)
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _truncated_normal(generator, shape):
    """Standard normal values; those outside of [-2, 2] are drawn again."""
    values = generator.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.standard_normal(np.count_nonzero(outside))
        outside = np.abs(values) > 2
    return values


def get(identifier: Any) -> Initializer | None:
    """An initializer from a string, config, class or instance; functions are returned as is."""
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    return registry.get(identifier, Initializer)


def serialize(initializer: Initializer | None) -> Config | None:
    """The dictionary that Keras writes for an initializer."""
    return registry.serialize(initializer)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Initializer:
    """The initializer that `serialize` wrote, or one given by name."""
    return registry.deserialize(named(config), custom_objects)
