"""`tf.random`: seeds and arrays of random numbers, whose values are not TensorFlow's.

`set_seed` makes all that follows reproducible. A `seed` of a call starts a sequence of its own for
that seed, which `set_seed` starts again. The stateless functions return the same for one seed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.core.lazy import explain_missing
from fastcnn.ops import random as draws
from fastcnn.ops.base import convert, op, standard_dtype

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None

_sequences: dict[int, draws.SeedGenerator] = {}  # of the seeds that calls were given
_global: Generator | None = None


def set_seed(seed: int) -> None:
    """Reset the package's generator, that of weights, shuffling and dropout as well."""
    global _global
    random.set_seed(int(seed))
    _sequences.clear()
    _global = None


def seed_of(seed: int | None) -> draws.SeedGenerator | None:
    """The sequence of a call's seed."""
    if seed is None:
        return None
    return _sequences.setdefault(int(seed), draws.SeedGenerator(int(seed), name="tf"))


@op
def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32",
    seed: int | None = None, name: Name = None,
) -> NDArray:  # fmt: skip
    """Normally distributed numbers."""
    return draws.normal(shape, mean, stddev, dtype, seed_of(seed))


@op
def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32",
    seed: int | None = None, name: Name = None,
) -> NDArray:  # fmt: skip
    """Normally distributed numbers, those beyond two standard deviations drawn again."""
    return draws.truncated_normal(shape, mean, stddev, dtype, seed_of(seed))


def _upper(minval: Any, maxval: Any, dtype: Any) -> Any:
    if maxval is None and standard_dtype(dtype).kind in "iu":
        raise ValueError("The argument `maxval` must be given for integers.")
    return 1 if maxval is None else maxval


@op
def uniform(
    shape: Any, minval: float = 0, maxval: float | None = None, dtype: Any = "float32",
    seed: int | None = None, name: Name = None,
) -> NDArray:  # fmt: skip
    """Numbers in [minval, maxval), by default [0, 1); integers for an integer type."""
    upper = _upper(minval, maxval, dtype)
    return draws.uniform(shape, minval, upper, dtype, seed_of(seed))


@op
def shuffle(value: ArrayLike, seed: int | None = None, name: Name = None) -> NDArray:
    """The slices along the first axis in random order."""
    return draws.shuffle(value, 0, seed_of(seed))


@op
def categorical(
    logits: ArrayLike, num_samples: int, dtype: Any = "int64", seed: int | None = None,
    name: Name = None,
) -> NDArray:  # fmt: skip
    """Classes (n, num_samples) with probabilities softmax(logits)."""
    return draws.categorical(logits, num_samples, dtype or "int64", seed_of(seed))


@op
def gamma(
    shape: Any, alpha: ArrayLike, beta: ArrayLike | None = None, dtype: Any = "float32",
    seed: int | None = None, name: Name = None,
) -> NDArray:  # fmt: skip
    """Numbers (*shape, *alpha.shape) of the gamma distribution with rate `beta`."""
    alpha = convert(alpha)
    size = (*np.atleast_1d(np.asarray(shape, int)), *alpha.shape)
    values = draws.gamma(size, alpha, dtype, seed_of(seed))
    return values if beta is None else values / convert(beta, values.dtype)


@op
def poisson(
    shape: Any, lam: ArrayLike, dtype: Any = "float32", seed: int | None = None, name: Name = None
) -> NDArray:
    """Numbers (*shape, *lam.shape) of the Poisson distribution."""
    lam = convert(lam)
    size = (*np.atleast_1d(np.asarray(shape, int)), *lam.shape)
    return draws.generator_of(seed_of(seed)).poisson(lam, size).astype(standard_dtype(dtype))


def stateless(seed: Any) -> draws.SeedGenerator:
    """The sequence that starts with a seed of two integers."""
    first, second = (int(word) for word in np.asarray(seed).ravel())
    generator = draws.SeedGenerator(first, name="tf")
    generator.state.assign([first, second])
    return generator


@op
def stateless_normal(
    shape: Any, seed: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32",
    name: Name = None,
) -> NDArray:  # fmt: skip
    """Normally distributed numbers, the same for one seed of two integers."""
    return draws.normal(shape, mean, stddev, dtype, stateless(seed))


@op
def stateless_uniform(
    shape: Any, seed: Any, minval: float = 0, maxval: float | None = None, dtype: Any = "float32",
    name: Name = None,
) -> NDArray:  # fmt: skip
    """Numbers in [minval, maxval), the same for one seed of two integers."""
    upper = _upper(minval, maxval, dtype)
    return draws.uniform(shape, minval, upper, dtype, stateless(seed))


class Generator:
    """A generator of its own: `tf.random.Generator.from_seed(1).normal((2, 3))`."""

    def __init__(self, seed: int | None = None) -> None:
        self._seeds = draws.SeedGenerator(seed, name="tf")

    @classmethod
    def from_seed(cls, seed: int) -> Generator:
        """A generator that draws the same sequence for one seed."""
        return cls(int(seed))

    @classmethod
    def from_non_deterministic_state(cls) -> Generator:
        """A generator with a random seed."""
        return cls()

    def reset_from_seed(self, seed: int) -> None:
        """Start the sequence of a seed."""
        self._seeds = draws.SeedGenerator(int(seed), name="tf")

    def normal(
        self, shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32"
    ) -> Any:
        """Normally distributed numbers."""
        return draws.normal(shape, mean, stddev, dtype, self._seeds)

    def truncated_normal(
        self, shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32"
    ) -> Any:
        """Normally distributed numbers, those beyond two standard deviations drawn again."""
        return draws.truncated_normal(shape, mean, stddev, dtype, self._seeds)

    def uniform(
        self, shape: Any, minval: float = 0, maxval: float | None = None, dtype: Any = "float32"
    ) -> Any:
        """Numbers in [minval, maxval), by default [0, 1)."""
        return draws.uniform(shape, minval, _upper(minval, maxval, dtype), dtype, self._seeds)

    def make_seeds(self, count: int = 1) -> Any:
        """Seeds (2, count) for the stateless functions."""
        return draws.randint((2, count), 0, 2**31 - 1, "int64", self._seeds)


def get_global_generator() -> Generator:
    """The generator that `set_seed` starts again."""
    global _global
    if _global is None:
        _global = Generator(int(random.generator().integers(2**31)))
    return _global


explain_missing(sys.modules[__name__])
