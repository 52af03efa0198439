"""Batches of images in files that an `ImageDataGenerator` changes: one folder per class."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_choice, check_count
from fastcnn.preprocessing.image.iterators import Iterator
from fastcnn.preprocessing.image.transforms import check_two
from fastcnn.utils.images import img_to_array, load_img

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike, NDArray

    from fastcnn.core.types import Path
    from fastcnn.preprocessing.image.generator import ImageDataGenerator

CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


class FileIterator(Iterator):
    """Base: reads the files of a batch in threads, changes the images, and adds the labels.

    A subclass has `filepaths`, `classes` or `labels`, `class_indices`, and `sample_weight`.
    """

    modes: tuple[str | None, ...] = ()
    _filepaths: list[str]
    classes: Any
    class_indices: dict[str, int]

    def _keep_files(
        self, target_size, color_mode, class_mode, interpolation, keep_aspect_ratio, subset
    ):
        """Store the arguments that all kinds of files have."""
        check_two(target_size, "target_size")
        self.target_size = tuple(check_count(side, "target_size") for side in target_size)
        self.color_mode = check_choice(color_mode, "color_mode", tuple(CHANNELS))
        if class_mode not in self.modes:
            raise ValueError(
                f"The argument `class_mode` must be one of {self.modes}. "
                f"Received class_mode={class_mode!r}."
            )
        self.class_mode = class_mode
        self.image_shape = (*self.target_size, CHANNELS[color_mode])
        self.interpolation = interpolation
        self.keep_aspect_ratio = bool(keep_aspect_ratio)
        self.subset = subset

    def _part(self, count):
        """The slice of `count` files that belongs to the subset."""
        if self.subset is None:
            return slice(None)
        return self.image_data_generator.split_of(self.subset, count)

    @property
    def filepaths(self) -> list[str]:
        """The paths of the files."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """The label of each file."""
        return self.classes

    @property
    def sample_weight(self) -> Any:
        """The weight of each file; None without weights."""
        return None

    def _read(self, path):
        image = load_img(
            path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
        )
        return img_to_array(image, dtype=self.dtype)

    def _get_batches_of_transformed_samples(self, index_array):
        images = np.empty((len(index_array), *self.image_shape), self.dtype)
        paths = [self._filepaths[index] for index in index_array]
        workers = min(config.num_threads(), len(paths))
        if workers > 1:  # Pillow lets other threads run while it decodes
            with ThreadPoolExecutor(workers, "fastcnn-images") as pool:
                found = pool.map(self._read, paths)
                for index, image in enumerate(found):
                    images[index] = image
        else:
            for index, path in enumerate(paths):
                images[index] = self._read(path)
        if self.image_data_generator is not None:
            images = self.image_data_generator.changed(images, self.random)
            images = images.astype(self.dtype, copy=False)
        if self.save_to_dir:
            self._save(images, index_array, 10**7)
        y = self._targets_of(images, index_array)
        if y is None:
            return images
        weights = self.sample_weight
        return (images, y) if weights is None else (images, y, weights[index_array])

    def _targets_of(self, images, index_array):
        if self.class_mode == "input":
            return images.copy()
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[index] for index in index_array], self.dtype)
        if self.class_mode == "categorical":
            one_hot = np.zeros((len(index_array), len(self.class_indices)), self.dtype)
            for row, index in zip(one_hot, index_array, strict=True):
                row[self.classes[index]] = 1
            return one_hot
        if self.class_mode == "multi_output":
            return [values[index_array] for values in self.labels]
        return self.labels[index_array] if self.class_mode == "raw" else None


class DirectoryIterator(FileIterator):
    """Batches of the images in the subfolders of a folder.

    See `ImageDataGenerator.flow_from_directory` for the arguments.

    Attributes:
        samples, num_classes: the number of files and of classes.
        class_indices: {subfolder: label}.
        classes: the label of each file, int32.
        filenames, filepaths: their paths, in `directory` and with it.
    """

    modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: Path,
        image_data_generator: ImageDataGenerator,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._keep(image_data_generator, data_format, dtype, save_to_dir, save_prefix, save_format)
        self._keep_files(
            target_size, color_mode, class_mode, interpolation, keep_aspect_ratio, subset
        )
        self.directory = os.fspath(directory)
        names = list(classes or ()) or sorted(
            entry.name for entry in os.scandir(self.directory) if entry.is_dir()
        )
        self.num_classes = len(names)
        self.class_indices = {name: label for label, name in enumerate(names)}
        self.filenames: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(names):
            found = self._files_below(name, follow_links)
            found = found[self._part(len(found))]
            self.filenames += found
            labels += [label] * len(found)
        self.classes: NDArray = np.array(labels, np.int32)
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files_below(self, name, follow_links):
        """The image files below a subfolder, as paths in `directory`, in Keras's order."""
        found = []
        top = os.path.join(self.directory, name)
        for folder, _, files in sorted(os.walk(top, followlinks=follow_links)):
            inside = os.path.normpath(os.path.join(name, os.path.relpath(folder, top)))
            found += [
                os.path.join(inside, file)
                for file in sorted(files)
                if file.lower().endswith(self.white_list_formats)
            ]
        return found
