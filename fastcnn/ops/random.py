"""`keras.random`: arrays of random numbers, with Keras's signatures and seeds.

An integer seed gives the same numbers at every call, a `SeedGenerator` the next ones of its
sequence, and None those of the package's generator (`utils.set_random_seed`). The numbers are not
those of TensorFlow.
"""

from __future__ import annotations

import random as python_random
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.core.arguments import check_fraction, refuse
from fastcnn.core.registry import unique_name
from fastcnn.core.variables import Variable
from fastcnn.ops.base import convert, op, standard_dtype, to_float

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Config

    Seed: TypeAlias = "int | SeedGenerator | None"

MASK = 2**64 - 1


class SeedGenerator:
    """A sequence of seeds: each call with it as `seed` draws other numbers.

    Args:
        seed: an integer; None draws one.
        name: a string; by default "seed_generator" with a counter.

    Attributes:
        state: a variable of two integers, the seed and how many were drawn.

    Example:

    >>> import fastcnn as keras
    >>> seeds = keras.random.SeedGenerator(1)
    >>> a, b = keras.random.normal((2,), seed=seeds), keras.random.normal((2,), seed=seeds)
    >>> bool((a == b).any()), bool((a == keras.random.normal((2,), seed=1)).all())
    (False, True)
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        refuse(kwargs.pop("backend", None), "backend")
        if kwargs:
            raise ValueError(f"Unknown arguments of `SeedGenerator`: {', '.join(kwargs)}.")
        if seed is not None and not _is_integer(seed):
            raise ValueError(f"The argument `seed` must be an integer. Received seed={seed!r}.")
        self.name = name or unique_name("seed_generator")
        self._initial_seed = seed
        first = python_random.randint(1, 10**9) if seed is None else int(seed)
        state = np.array([first, 0], np.int64)
        self.state = Variable(state, name="seed_generator_state", trainable=False)

    def next(self, ordered: bool = True) -> NDArray:
        """The next seed: two integers. With `ordered` they count up."""
        seed = self.state.numpy()
        self.state.assign(seed + np.arange(2) if ordered else (seed + 1) * 5387 % 933199)
        return seed

    def get_config(self) -> Config:
        """The arguments of the constructor."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> SeedGenerator:
        """A generator that starts again."""
        return cls(**config)


def _is_integer(seed: Any) -> bool:
    return isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)


def generator_of(seed: Any) -> np.random.Generator:
    """The NumPy generator that a seed stands for."""
    if seed is None:
        return random.generator()
    if isinstance(seed, SeedGenerator):
        words = seed.next()
    elif _is_integer(seed):
        words = (seed, 0)
    else:
        raise ValueError(
            "The argument `seed` must be an integer, a `SeedGenerator` or None. "
            f"Received seed={seed!r}."
        )
    return np.random.default_rng([int(word) & MASK for word in words])


def _float_type(dtype: Any) -> np.dtype:
    found = standard_dtype(dtype)
    if found.kind != "f":
        raise ValueError(f"The argument `dtype` must be a float type. Received dtype={dtype!r}.")
    return found


def _size(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(np.asarray(shape, int)))


@op
def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> NDArray:
    """Normally distributed numbers."""
    wanted = _float_type(dtype)
    return generator_of(seed).normal(mean, stddev, _size(shape)).astype(wanted)


@op
def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> NDArray:
    """Normally distributed numbers, those beyond two standard deviations drawn again."""
    wanted, generator = _float_type(dtype), generator_of(seed)
    values = generator.standard_normal(_size(shape))
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator.standard_normal(np.count_nonzero(outside))
    return (values * stddev + mean).astype(wanted)


@op
def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> NDArray:
    """Numbers in [minval, maxval), all equally likely; integers for an integer type."""
    wanted, generator = standard_dtype(dtype), generator_of(seed)
    if wanted.kind in "iu":
        return generator.integers(int(minval), int(maxval), _size(shape)).astype(wanted)
    wanted = _float_type(dtype)
    unit = generator.random(_size(shape), np.float32 if wanted.itemsize < 8 else np.float64)
    return (unit * (maxval - minval) + minval).astype(wanted)


@op
def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: DTypeLike = "int32", seed: Seed = None
) -> NDArray:
    """Integers in [minval, maxval), all equally likely."""
    wanted = standard_dtype(dtype)
    if wanted.kind not in "iu":
        raise ValueError(f"The argument `dtype` must be an integer type. Received dtype={dtype!r}.")
    return generator_of(seed).integers(minval, maxval, _size(shape)).astype(wanted)


@op
def categorical(
    logits: ArrayLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None
) -> NDArray:
    """Classes (n, num_samples) with probabilities softmax(logits), logits (n, classes)."""
    logits = to_float(logits)
    if logits.ndim != 2:
        raise ValueError(f"The argument `logits` must have 2 axes. Received shape {logits.shape}.")
    cumulated = np.cumsum(np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64), 1)
    drawn = generator_of(seed).random((len(logits), num_samples)) * cumulated[:, -1:]
    classes = (drawn[:, :, None] >= cumulated[:, None, :]).sum(-1)
    return classes.astype(standard_dtype(dtype))


@op
def gamma(
    shape: Sequence[int], alpha: ArrayLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> NDArray:
    """Numbers of the gamma distribution of shape `alpha` and scale 1."""
    wanted = _float_type(dtype)
    return generator_of(seed).standard_gamma(convert(alpha), _size(shape)).astype(wanted)


@op
def beta(
    shape: Sequence[int],
    alpha: ArrayLike,
    beta: ArrayLike,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> NDArray:
    """Numbers of the beta distribution."""
    wanted = _float_type(dtype)
    return generator_of(seed).beta(convert(alpha), convert(beta), _size(shape)).astype(wanted)


@op
def binomial(
    shape: Sequence[int],
    counts: ArrayLike,
    probabilities: ArrayLike,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> NDArray:
    """How many of `counts` trials succeed, each with a probability; as floats."""
    wanted = _float_type(dtype)
    trials = convert(counts).astype(np.int64)
    return generator_of(seed).binomial(trials, convert(probabilities), _size(shape)).astype(wanted)


@op
def dropout(
    inputs: ArrayLike,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: Seed = None,
) -> NDArray:
    """inputs / (1 - rate), but 0 with the probability `rate`.

    Args:
        noise_shape: axes of size 1 are kept or dropped as a whole; None is the size of the input.
    """
    x = to_float(inputs)
    rate = check_fraction(rate, "rate", including_one=True)
    if rate in (0, 1):
        return x if rate == 0 else np.zeros_like(x)
    shape = noise_shape or x.shape
    shape = tuple(own if size is None else size for size, own in zip(shape, x.shape, strict=True))
    kept = generator_of(seed).random(shape, np.float32) >= rate
    return np.where(kept, x / x.dtype.type(1 - rate), x.dtype.type(0))


@op
def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> NDArray:
    """The slices along an axis in random order."""
    x = convert(x)
    return np.take(x, generator_of(seed).permutation(x.shape[axis]), axis)
