"""`ImageDataGenerator`: its options and its batches; `changes` has what it does to images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_choice, check_data_format, warn
from fastcnn.preprocessing.image.affine import FILL_MODES
from fastcnn.preprocessing.image.changes import Changes
from fastcnn.preprocessing.image.files import DirectoryIterator
from fastcnn.preprocessing.image.frames import DataFrameIterator
from fastcnn.preprocessing.image.iterators import NumpyArrayIterator
from fastcnn.preprocessing.image.transforms import check_two

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Path


class ImageDataGenerator(Changes):
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
