"""What an `ImageDataGenerator` does to images: random changes, and standardization.

The random numbers are drawn one image after the other, as in Keras; then the images of a batch are
changed together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import warn
from fastcnn.preprocessing.image.affine import affine_transform, transform_matrices
from fastcnn.preprocessing.image.transforms import shift_brightness, shift_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

MOVES = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}  # those that change nothing
SMALL = 1e-6  # added to deviations
NOT_FITTED = "This ImageDataGenerator needs `fit(images)` first, for {}."


class Changes:
    """Base of `ImageDataGenerator`, whose constructor sets these attributes."""

    featurewise_center: bool
    samplewise_center: bool
    featurewise_std_normalization: bool
    samplewise_std_normalization: bool
    zca_whitening: bool
    zca_epsilon: float
    rotation_range: float
    width_shift_range: Any
    height_shift_range: Any
    brightness_range: Sequence[float] | None
    shear_range: float
    zoom_range: list[float]
    channel_shift_range: float
    fill_mode: str
    cval: float
    horizontal_flip: bool
    vertical_flip: bool
    rescale: float | None
    preprocessing_function: Callable[[NDArray], ArrayLike] | None
    interpolation_order: int
    dtype: str
    mean: NDArray | None = None
    std: NDArray | None = None
    zca_whitening_matrix: NDArray | None = None

    def get_random_transform(
        self, img_shape: Sequence[int], seed: int | None = None
    ) -> dict[str, Any]:
        """Random parameters for `apply_transform`, for an image of this shape.

        Without a seed they come from `np.random`.
        """
        return self._draw(img_shape, np.random if seed is None else np.random.RandomState(seed))

    def _draw(self, shape, random):
        """Parameters in the order in which Keras draws them."""
        theta = shear = 0
        if self.rotation_range:
            theta = random.uniform(-self.rotation_range, self.rotation_range)
        tx = _shift(self.height_shift_range, shape[0], random)
        ty = _shift(self.width_shift_range, shape[1], random)
        if self.shear_range:
            shear = random.uniform(-self.shear_range, self.shear_range)
        zx = zy = 1
        if self.zoom_range != [1, 1]:
            zx, zy = random.uniform(*self.zoom_range, 2)
        parameters = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
        parameters["flip_horizontal"] = (random.random_sample() < 0.5) * self.horizontal_flip
        parameters["flip_vertical"] = (random.random_sample() < 0.5) * self.vertical_flip
        parameters["channel_shift_intensity"] = parameters["brightness"] = None
        if self.channel_shift_range:
            parameters["channel_shift_intensity"] = random.uniform(
                -self.channel_shift_range, self.channel_shift_range
            )
        if self.brightness_range is not None:
            parameters["brightness"] = random.uniform(*self.brightness_range)
        return parameters

    def apply_transform(self, x: NDArray, transform_parameters: dict[str, Any]) -> NDArray:
        """Change an image (height, width, channels).

        Args:
            x: the image.
            transform_parameters: `theta`, `tx`, `ty`, `shear`, `zx`, `zy`, `flip_horizontal`,
                `flip_vertical`, `channel_shift_intensity`, `brightness`, all optional.
        """
        return self._apply(np.asarray(x)[None], [transform_parameters])[0]

    def _apply(self, images, parameters):
        """`apply_transform` of images (n, h, w, c), each with its parameters."""
        moves = {
            name: np.array([each.get(name, default) for each in parameters], float)
            for name, default in MOVES.items()
        }
        moved = np.any([moves[name] != default for name, default in MOVES.items()], axis=0)
        if moved.any():
            images = images.copy()
            chosen = {name: values[moved] for name, values in moves.items()}
            images[moved] = affine_transform(
                images[moved],
                *transform_matrices(images.shape[1:3], **chosen),
                self.fill_mode,
                self.cval,
                self.interpolation_order,
            )
        images = _changed(images, parameters, "channel_shift_intensity", shift_channels)
        for name, axis in (("flip_horizontal", 2), ("flip_vertical", 1)):
            flipped = np.array([bool(each.get(name, False)) for each in parameters])
            if flipped.any():
                images = images.copy()
                images[flipped] = np.flip(images[flipped], axis)
        return _changed(
            images, parameters, "brightness", lambda *args: shift_brightness(*args, scale=False)
        )

    def random_transform(self, x: NDArray, seed: int | None = None) -> NDArray:
        """`apply_transform` with the parameters of `get_random_transform`."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def changed(self, images: NDArray, random: Any) -> NDArray:
        """Random changes of images (n, h, w, c), then `standardize`: new arrays."""
        parameters = [self._draw(images.shape[1:], random) for _ in images]
        images = self._apply(images, parameters)
        return self._standardize(np.array(images, copy=True))

    def standardize(self, x: NDArray) -> NDArray:
        """Standardize an image or a batch of images; x is overwritten where that is possible."""
        return self._standardize(x[None] if x.ndim == 3 else x)[0 if x.ndim == 3 else slice(None)]

    def _standardize(self, x):
        if self.preprocessing_function is not None:
            for index, image in enumerate(x):
                x[index] = self.preprocessing_function(image)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, (1, 2, 3), keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, (1, 2, 3), keepdims=True) + SMALL
        if self.featurewise_center:
            if self.mean is None:
                warn(NOT_FITTED.format("featurewise_center"))
            else:
                x -= self.mean
        if self.featurewise_std_normalization:
            if self.std is None:
                warn(NOT_FITTED.format("featurewise_std_normalization"))
            else:
                x /= self.std + SMALL
        if self.zca_whitening:
            if self.zca_whitening_matrix is None:
                warn(NOT_FITTED.format("zca_whitening"))
            else:
                x = (x.reshape(len(x), -1) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def fit(
        self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None
    ) -> None:
        """Compute what `featurewise_center`, `..._std_normalization` and `zca_whitening` need.

        Args:
            x: images (n, height, width, channels); `rescale` is applied to them.
            augment: whether to change them at random before, `rounds` times each.
            rounds: an integer.
            seed: of these changes.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(
                "`fit` expects images (samples, height, width, channels). "
                f"Received shape {x.shape}."
            )
        if x.shape[3] not in (1, 3, 4):
            warn(f"Expected images of 1, 3 or 4 channels. Received shape {x.shape}.")
        if self.rescale:
            x *= self.rescale
        if augment:
            random = np.random if seed is None else np.random.RandomState(seed)
            x = np.concatenate([x] * rounds)
            x = self._apply(x, [self._draw(x.shape[1:], random) for _ in x])
            x = x.astype(self.dtype, copy=False)
        if self.featurewise_center:
            self.mean = np.mean(x, (0, 1, 2)).reshape(1, 1, -1)
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, (0, 1, 2)).reshape(1, 1, -1)
            x = x / (self.std + SMALL)
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            vectors, values, _ = np.linalg.svd(flat.T, full_matrices=False)
            scale = math.sqrt(len(x)) / (values + self.zca_epsilon)
            self.zca_whitening_matrix = (vectors * scale).dot(vectors.T)


def _shift(limit, size, random):
    """A shift in pixels along an axis of this size."""
    if not limit:
        return 0
    try:  # a list, or an integer
        shift = random.choice(limit)
        shift *= random.choice([-1, 1])
    except ValueError:  # a float
        shift = random.uniform(-limit, limit)
    return shift * size if np.max(limit) < 1 else shift


def _changed(images, parameters, name, function):
    """The images, those with a parameter changed by function(images, parameters)."""
    chosen = np.array([each.get(name) is not None for each in parameters])
    if not chosen.any():
        return images
    values = np.array([each[name] for each in parameters if each.get(name) is not None])
    found = function(images[chosen], values)
    if chosen.all():
        return found
    images = images.astype(np.result_type(images, found))
    images[chosen] = found
    return images
