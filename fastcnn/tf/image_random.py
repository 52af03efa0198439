"""The random functions of `tf.image`; the stateless ones take a seed of two integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op
from fastcnn.ops.pixels import check_images
from fastcnn.ops.random import generator_of
from fastcnn.tf.random import seed_of, stateless

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None


def _flipped(image: Any, axis: int, generator: np.random.Generator) -> NDArray:
    """Each image flipped along an axis with probability 1/2."""
    image = check_images(image)
    if image.ndim == 3:
        return np.flip(image, axis) if generator.random() < 0.5 else image
    chosen = generator.random(len(image)) < 0.5
    return np.where(chosen[:, None, None, None], np.flip(image, axis), image)


@op
def random_flip_left_right(image: ArrayLike, seed: int | None = None) -> NDArray:
    """Each image mirrored at the vertical axis with probability 1/2."""
    return _flipped(image, -2, generator_of(seed_of(seed)))


@op
def random_flip_up_down(image: ArrayLike, seed: int | None = None) -> NDArray:
    """Each image mirrored at the horizontal axis with probability 1/2."""
    return _flipped(image, -3, generator_of(seed_of(seed)))


@op
def stateless_random_flip_left_right(image: ArrayLike, seed: Any) -> NDArray:
    """Each image mirrored at the vertical axis with probability 1/2."""
    return _flipped(image, -2, generator_of(stateless(seed)))


@op
def stateless_random_flip_up_down(image: ArrayLike, seed: Any) -> NDArray:
    """Each image mirrored at the horizontal axis with probability 1/2."""
    return _flipped(image, -3, generator_of(stateless(seed)))


def _crop(value: Any, size: Any, generator: np.random.Generator) -> NDArray:
    value = convert(value)
    sizes = [int(one) for one in np.asarray(size).ravel()]
    room = [extent - one for extent, one in zip(value.shape, sizes, strict=True)]
    if min(room) < 0:
        raise ValueError(
            f"The argument `size` must not exceed shape {value.shape}. Received size={sizes}."
        )
    starts = [int(generator.integers(one + 1)) for one in room]
    pairs = zip(starts, sizes, strict=True)
    return value[tuple(np.s_[start : start + one] for start, one in pairs)]


@op
def random_crop(value: ArrayLike, size: Any, seed: int | None = None, name: Name = None) -> NDArray:
    """A part of this size at a random position."""
    return _crop(value, size, generator_of(seed_of(seed)))


@op
def stateless_random_crop(value: ArrayLike, size: Any, seed: Any, name: Name = None) -> NDArray:
    """A part of this size at a random position."""
    return _crop(value, size, generator_of(stateless(seed)))


def _within(limit: float, name: str, most: float = np.inf) -> float:
    if not 0 <= limit <= most:
        raise ValueError(f"The argument `{name}` must be in [0, {most}]. Received {name}={limit}.")
    return float(limit)


def _factor(lower: float, upper: float, generator: np.random.Generator) -> float:
    if not 0 <= lower < upper:
        raise ValueError(
            f"The arguments must be 0 <= lower < upper. Received lower={lower}, upper={upper}."
        )
    return float(generator.uniform(lower, upper))


@op
def random_brightness(image: ArrayLike, max_delta: float, seed: int | None = None) -> NDArray:
    """`adjust_brightness` by a number in [-max_delta, max_delta)."""
    from fastcnn.tf.image import adjust_brightness

    limit = _within(max_delta, "max_delta")
    return adjust_brightness(image, generator_of(seed_of(seed)).uniform(-limit, limit))


@op
def stateless_random_brightness(image: ArrayLike, max_delta: float, seed: Any) -> NDArray:
    """`adjust_brightness` by a number in [-max_delta, max_delta)."""
    from fastcnn.tf.image import adjust_brightness

    limit = _within(max_delta, "max_delta")
    return adjust_brightness(image, generator_of(stateless(seed)).uniform(-limit, limit))


@op
def random_contrast(
    image: ArrayLike, lower: float, upper: float, seed: int | None = None
) -> NDArray:
    """`adjust_contrast` by a factor in [lower, upper)."""
    from fastcnn.tf.image import adjust_contrast

    return adjust_contrast(image, _factor(lower, upper, generator_of(seed_of(seed))))


@op
def stateless_random_contrast(image: ArrayLike, lower: float, upper: float, seed: Any) -> NDArray:
    """`adjust_contrast` by a factor in [lower, upper)."""
    from fastcnn.tf.image import adjust_contrast

    return adjust_contrast(image, _factor(lower, upper, generator_of(stateless(seed))))


@op
def random_hue(image: ArrayLike, max_delta: float, seed: int | None = None) -> NDArray:
    """`adjust_hue` by a number in [-max_delta, max_delta), at most 0.5."""
    from fastcnn.tf.image import adjust_hue

    limit = _within(max_delta, "max_delta", 0.5)
    return adjust_hue(image, generator_of(seed_of(seed)).uniform(-limit, limit))


@op
def random_saturation(
    image: ArrayLike, lower: float, upper: float, seed: int | None = None
) -> NDArray:
    """`adjust_saturation` by a factor in [lower, upper)."""
    from fastcnn.tf.image import adjust_saturation

    return adjust_saturation(image, _factor(lower, upper, generator_of(seed_of(seed))))
