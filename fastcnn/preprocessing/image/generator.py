"""`ImageDataGenerator`: random changes and standardization of images.

Its random numbers are drawn one image after the other, as in Keras; then the images of a batch are
changed together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_choice, check_data_format, warn
from fastcnn.preprocessing.image.affine import FILL_MODES, affine_transform, transform_matrices
from fastcnn.preprocessing.image.files import DirectoryIterator
from fastcnn.preprocessing.image.frames import DataFrameIterator
from fastcnn.preprocessing.image.iterators import NumpyArrayIterator
from fastcnn.preprocessing.image.transforms import check_two, shift_brightness, shift_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Path

MOVES = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}  # those that change nothing
SMALL = 1e-6  # added to deviations
NOT_FITTED = "This ImageDataGenerator needs `fit(images)` first, for {}."


class ImageDataGenerator:
    """Changes images at random, and standardizes them.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean of each channel, and
            divide by its deviation, which `fit` computes.
        samplewise_center, samplewise_std_normalization: subtract the mean of each image, and divide
            by its deviation.
        zca_whitening: multiply by the matrix that makes the pixels of the images given to `fit`
            uncorrelated.
        zca_epsilon: added to the singular values.
        rotation_range: largest angle in degrees.
        width_shift_range, height_shift_range: largest shift: below 1 as a fraction of the size,
            otherwise in pixels; an integer n: one of 0, ..., n - 1 pixels; a list: one of its
            values. As in Keras, `width_shift_range` moves images along their columns.
        brightness_range: None, or two factors (see `apply_brightness_shift`).
        shear_range: largest angle in degrees.
        zoom_range: two factors, or a number z for (1 - z, 1 + z).
        channel_shift_range: largest value that is added to all pixels.
        fill_mode: "nearest", "constant" (`cval`), "reflect" or "wrap".
        cval: a number.
        horizontal_flip, vertical_flip: whether to mirror about half of the images.
        rescale: None, or a factor for all values.
        preprocessing_function: called with each image (height, width, channels) after the random
            changes; returns an image of the same shape.
        data_format: None or "channels_last".
        validation_split: the fraction of the images in the subset "validation".
        interpolation_order: 0 (nearest) or 1 (linear).
        dtype: of the batches, by default float32.

    Example:

    >>> import numpy as np
    >>> from fastcnn.preprocessing.image import ImageDataGenerator
    >>> generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    >>> x, y = next(generator.flow(np.ones((10, 8, 8, 3)), np.arange(10), batch_size=4))
    >>> x.shape, y.shape
    ((4, 8, 8, 3), (4,))
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | Sequence[float] = 0.0,
        height_shift_range: float | Sequence[float] = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[NDArray], ArrayLike] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        check_data_format(data_format)
        self.data_format = "channels_last"
        self.row_axis, self.col_axis, self.channel_axis = 1, 2, 3
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = check_choice(fill_mode, "fill_mode", FILL_MODES)
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = np.dtype(dtype or config.floatx()).name
        if interpolation_order not in (0, 1):
            raise ValueError(
                "The argument `interpolation_order` must be 0 or 1. "
                f"Received interpolation_order={interpolation_order!r}."
            )
        self.interpolation_order = interpolation_order
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                "The argument `validation_split` must be between 0 and 1. "
                f"Received validation_split={validation_split!r}."
            )
        self._validation_split = validation_split
        if isinstance(zoom_range, (int, float)):
            zoom_range = [1 - zoom_range, 1 + zoom_range]
        check_two(zoom_range, "zoom_range")
        self.zoom_range = list(zoom_range)
        if brightness_range is not None:
            check_two(brightness_range, "brightness_range")
        self.brightness_range = brightness_range
        self.mean: NDArray | None = None
        self.std: NDArray | None = None
        self.zca_whitening_matrix: NDArray | None = None
        self._complete()

    def _complete(self):
        """Turn on what other options need, and off what they replace, with a warning."""
        if self.zca_whitening and self.featurewise_std_normalization:
            self.featurewise_std_normalization = False
            warn("`zca_whitening` replaces `featurewise_std_normalization`.")
        for reason in ("zca_whitening", "featurewise_std_normalization"):
            if getattr(self, reason) and not self.featurewise_center:
                self.featurewise_center = True
                warn(f"`{reason}` includes `featurewise_center`.")
        if self.samplewise_std_normalization and not self.samplewise_center:
            self.samplewise_center = True
            warn("`samplewise_std_normalization` includes `samplewise_center`.")

    # ----------------------------------------------------------------------------------- batches

    def flow(
        self,
        x: Any,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of the images in an array.

        Args:
            x: images (n, height, width, channels), or a pair of images and a list of other arrays.
            y: labels (n, ...), or None.
            batch_size: number of images per batch.
            shuffle: whether each epoch has another order.
            sample_weight: (n,), or None.
            seed: an integer that determines order and changes; they are those of Keras.
            save_to_dir, save_prefix, save_format: a folder where all changed images are written,
                and the names of the files.
            ignore_class_split: whether the subsets may have different classes.
            subset: "training" or "validation", with `validation_split`: the last or first images.
        """
        return NumpyArrayIterator(
            x, y, self, batch_size, shuffle, sample_weight, seed, self.data_format, save_to_dir,
            save_prefix, save_format, subset, ignore_class_split, self.dtype,
        )  # fmt: skip

    def flow_from_directory(
        self,
        directory: Path,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the images below a folder with one subfolder per class.

        Args:
            directory: the folder.
            target_size: (height, width) to which all images are resized.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: the subfolders, in the order of their labels; by default all, sorted.
            class_mode: "categorical" (one-hot labels), "binary" or "sparse" (numbers), "input"
                (the images themselves), or None (no labels).
            batch_size, shuffle, seed, save_to_dir, save_prefix, save_format: see `flow`.
            follow_links: whether links to folders are followed.
            subset: "training" or "validation", with `validation_split`: the last or first files of
                each class.
            interpolation, keep_aspect_ratio: see `utils.load_img`.
        """
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle,
            seed, self.data_format, save_to_dir, save_prefix, save_format, follow_links, subset,
            interpolation, keep_aspect_ratio, self.dtype,
        )  # fmt: skip

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Path | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Batches of the image files that the rows of a pandas DataFrame name.

        Args:
            dataframe: the DataFrame.
            directory: the folder of the files; None: the column has whole paths.
            x_col: the column of file names.
            y_col: the column of labels, or a list of columns.
            weight_col: the column of sample weights, or None.
            classes: the classes to use, in the order of their labels; by default all, sorted.
            class_mode: as in `flow_from_directory`, of one class or a list of them per row;
                "raw" (the values of `y_col`) or "multi_output" (a list of its columns).
            validate_filenames: whether rows whose file does not exist are left out.
            target_size, ...: see `flow_from_directory`.
            **kwargs: `has_ext`, `sort`, `drop_duplicates`, which have no effect.
        """
        unknown = kwargs.keys() - {"has_ext", "sort", "drop_duplicates"}
        if unknown:
            raise TypeError(f"Unknown arguments of `flow_from_dataframe`: {sorted(unknown)}.")
        for name in kwargs:
            warn(f"The argument `{name}` of `flow_from_dataframe` has no effect.")
        if class_mode == "other":
            warn('`class_mode="other"` is deprecated: use `class_mode="raw"`.')
            class_mode = "raw"
        return DataFrameIterator(
            dataframe, directory, self, x_col, y_col, weight_col, target_size, color_mode, classes,
            class_mode, batch_size, shuffle, seed, self.data_format, save_to_dir, save_prefix,
            save_format, subset, interpolation, dtype=self.dtype,
            validate_filenames=validate_filenames,
        )  # fmt: skip

    def cut_of(self, count: int) -> int:
        """How many of `count` samples are in the subset "validation": the first ones."""
        return int(self._validation_split * count)

    def split_of(self, subset: str, count: int) -> slice:
        """The samples of a subset."""
        check_choice(subset, "subset", ("training", "validation"))
        cut = self.cut_of(count)
        return slice(None, cut) if subset == "validation" else slice(cut, None)

    # ----------------------------------------------------------------------------------- changes

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
