"""Images in folders, one folder per class, as batches for `fit`, `evaluate` and `predict`.

    train, test = keras.utils.image_dataset_from_directory(
        "flowers", image_size=(64, 64), validation_split=0.2, subset="both", seed=1
    )
    model.fit(train, validation_data=test, epochs=5)

Images are read when their batch is requested, so a data set may be larger than memory. Requires
Pillow (`pip install 'fastcnn[images]'`).
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.core.arguments import check_count, check_data_format, refuse
from fastcnn.core.tensor import tensor
from fastcnn.utils.image_file import convert, decode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Path

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
FORMATS = ("BMP", "GIF", "JPEG", "PNG")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
LABEL_MODES = ("int", "categorical", "binary", None)


def image_dataset_from_directory(
    directory: Path,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the images below a folder: BMP, GIF, JPEG and PNG files.

    Args:
        directory: a folder with one subfolder per class.
        labels: "inferred" from the subfolders, None, or a list of integers, one per file in
            alphabetical order.
        label_mode: "int", "categorical" (one-hot), "binary" (0.0 or 1.0, shape (n, 1)) or None.
        class_names: the subfolders to use as classes, in the order of their labels; by default all
            of them in alphabetical order.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: number of images per batch.
        image_size: (height, width) to which all images are resized.
        shuffle: whether to use a new order in each pass.
        seed: an integer that determines all orders; the first order, and therefore the split, is
            the same as in Keras.
        validation_split: the fraction of images in the "validation" subset.
        subset: "training", "validation" or "both"; only with `validation_split`.
        interpolation: "bilinear" or "nearest".
        follow_links: whether links to folders are followed; each folder is read once.
        crop_to_aspect_ratio: whether to cut the middle out of an image rather than to distort it.
        format: "tf"; the batches are NumPy's arrays.
        verbose: whether to print what was found.

    Returns:
        An `ImageFolder`, or two of them with subset "both". A batch is (images, labels); images are
        float32 from 0 to 255 of shape (n, height, width, channels).

    Raises:
        ValueError: incompatible arguments, or no images.
        ImportError: Pillow is not installed.
    """
    check_data_format(data_format)
    refuse(pad_to_aspect_ratio or None, "pad_to_aspect_ratio")
    refuse(format, "format", "tf")
    if color_mode not in CHANNELS:
        raise ValueError(
            f"The argument `color_mode` must be one of {tuple(CHANNELS)}. "
            f"Received color_mode={color_mode!r}."
        )
    if label_mode not in LABEL_MODES:
        raise ValueError(
            f"The argument `label_mode` must be one of {LABEL_MODES}. "
            f"Received label_mode={label_mode!r}."
        )
    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(
            'The argument `interpolation` must be "bilinear" or "nearest". '
            f"Received interpolation={interpolation!r}."
        )
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"`image_size` must be (height, width). Received {image_size!r}.")
    size = tuple(check_count(side, "image_size") for side in size)
    _check_split(validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None
    paths, labels, class_names = find_images(directory, labels, class_names, follow_links)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(f"`label_mode`='binary' requires two classes. Found {class_names}.")
    if verbose:
        classes = "" if labels is None else f" belonging to {len(class_names)} classes"
        print(f"Found {len(paths)} files{classes}.")
    order = np.arange(len(paths))
    generator = random.generator() if seed is None else np.random.default_rng(seed)
    if shuffle:  # with a seed in Keras's order, so that the subsets are the same as in Keras
        order = (generator if seed is None else np.random.RandomState(seed)).permutation(len(paths))
    held_back = int((validation_split or 0) * len(paths))
    cut = len(paths) - held_back
    subsets = {None: order, "training": order[:cut], "validation": order[cut:]}
    wanted = ("training", "validation") if subset == "both" else (subset,)
    folders = []
    for name in wanted:
        indices = subsets[name]
        if verbose and name is not None:
            print(f"Using {len(indices)} files for {name}.")
        if not len(indices):
            raise ValueError(f"There are no images for {name or 'the data set'} in {directory}.")
        folders.append(
            ImageFolder(
                [paths[index] for index in indices],
                None if labels is None else labels[indices],
                class_names=class_names,
                label_mode=label_mode,
                color_mode=color_mode,
                batch_size=check_count(batch_size or 32, "batch_size"),
                image_size=size,
                generator=generator if shuffle else None,
                nearest=interpolation == "nearest",
                crop=crop_to_aspect_ratio,
            )
        )
    return folders if subset == "both" else folders[0]


def _check_split(validation_split, subset, shuffle, seed):
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(
            "The argument `validation_split` must be between 0 and 1. "
            f"Received validation_split={validation_split!r}."
        )
    if (validation_split is None) != (subset is None):
        raise ValueError("`validation_split` and `subset` must be given together, or neither.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            'The argument `subset` must be "training", "validation" or "both". '
            f"Received subset={subset!r}."
        )
    if validation_split and shuffle and seed is None and subset != "both":
        raise ValueError(
            "With `validation_split` and `shuffle` a `seed` is required, so that the two subsets "
            "do not overlap."
        )


def find_images(directory, labels, class_names=None, follow_links=False):
    """Return (paths, int32 labels or None, class names or None) of the images in a folder."""
    directory = os.fspath(directory)
    if labels is not None and not isinstance(labels, str):
        paths = _walk(directory, follow_links)
        labels = np.asarray(labels, np.int32)
        if class_names is not None:
            raise ValueError("`class_names` can only be given with `labels`='inferred'.")
        if labels.shape != (len(paths),):
            raise ValueError(
                f"`labels` must contain one integer for each of the {len(paths)} images in "
                f"{directory}. Received shape {labels.shape}."
            )
        return paths, labels, [str(label) for label in sorted(set(labels.tolist()))]
    if labels is None:
        return _walk(directory, follow_links), None, None
    if labels != "inferred":
        raise ValueError(f"The argument `labels` must be 'inferred'. Received labels={labels!r}.")
    found = sorted(
        entry.name
        for entry in os.scandir(directory)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    class_names = found if class_names is None else list(class_names)
    if not set(class_names) <= set(found):
        raise ValueError(f"`class_names` must be folders of {directory}: {found}.")
    paths, labels = [], []
    for label, name in enumerate(class_names):
        images = _walk(os.path.join(directory, name), follow_links)
        paths += images
        labels += [label] * len(images)
    return paths, np.array(labels, np.int32), class_names


def _walk(folder, follow_links):
    """The images in a folder and its subfolders, in alphabetical order.

    Of several links to one folder only the first is followed: links may form loops.
    """
    paths, visited = [], set()
    for parent, folders, files in os.walk(folder, followlinks=follow_links):
        if follow_links:
            status = os.stat(parent)
            identity = status.st_dev, status.st_ino
            if identity in visited:
                folders.clear()
                continue
            visited.add(identity)
        folders.sort()
        paths += [os.path.join(parent, f) for f in sorted(files) if f.lower().endswith(EXTENSIONS)]
    return paths


class ImageFolder:
    """Batches of images from files: `len(folder)` batches; `folder[i]` reads one.

    Attributes:
        file_paths, labels: one entry per image, in the order of the batches.
        class_names: list of strings, or None.
    """

    def __init__(
        self,
        file_paths,
        labels,
        *,
        class_names,
        label_mode,
        color_mode,
        batch_size,
        image_size,
        generator=None,
        nearest=False,
        crop=False,
    ):
        self.file_paths = file_paths
        self.labels = labels
        self.class_names = class_names
        self.label_mode = label_mode
        self.color_mode = color_mode
        self.batch_size = batch_size
        self.image_size = image_size
        self._generator = generator
        self._nearest = nearest
        self._crop = crop

    def __len__(self):
        return -(-len(self.file_paths) // self.batch_size)

    def __getitem__(self, index):
        """Batch `index` as `Tensor`s: (images, labels), or only images if there are no labels."""
        if not 0 <= index < len(self):
            raise IndexError(f"There is no batch {index}: the number of batches is {len(self)}.")
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        images = tensor(np.stack([self._read(path) for path in self.file_paths[rows]]))
        if self.labels is None:
            return images
        labels = self.labels[rows]
        if self.label_mode == "binary":
            labels = labels.astype(np.float32)[:, None]
        elif self.label_mode == "categorical":
            labels = np.eye(len(self.class_names), dtype=np.float32)[labels]
        return images, tensor(labels)

    def take(self, count):
        """The first `count` batches as an `ImageFolder` in the same order, like tf.data."""
        images = check_count(count, "count", minimum=0) * self.batch_size
        few = copy.copy(self)
        few.file_paths = self.file_paths[:images]
        few.labels = None if self.labels is None else self.labels[:images]
        return few

    def __iter__(self):
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def on_epoch_end(self):
        """Draw a new order if the data set is shuffled."""
        if self._generator is not None:
            order = self._generator.permutation(len(self.file_paths))
            self.file_paths = [self.file_paths[index] for index in order]
            if self.labels is not None:
                self.labels = self.labels[order]

    def _read(self, path):
        return read_image(path, self.color_mode, self.image_size, self._nearest, self._crop)


def read_image(path, color_mode, image_size, nearest=False, crop=False):
    """Read an image file as a float32 array (height, width, channels) from 0 to 255.

    Raises:
        OSError: the file cannot be read or is not a valid image.
        ValueError: the image has too many pixels.
    """
    pixels = np.asarray(convert(decode(path, FORMATS), MODES[color_mode]))
    pixels = pixels.reshape(*pixels.shape[:2], CHANNELS[color_mode])
    if crop:
        pixels = _center_crop(pixels, image_size)
    return resize(pixels, image_size, nearest)


def _center_crop(image, size):
    """The largest centered crop with the aspect ratio of `size`."""
    height, width = image.shape[:2]
    rows = min(height, max(1, int(width * size[0] / size[1])))
    columns = min(width, max(1, int(height * size[1] / size[0])))
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def resize(image, size, nearest=False):
    """Resize an image (height, width, channels) like Keras's `image.resize`.

    When m pixels are resized to n, pixel i is sampled at position (i + 0.5) m / n - 0.5. Bilinear
    weights the two neighboring pixels, in each direction, by their distance to it; nearest takes
    the pixel at floor((i + 0.5) m / n).
    """
    for axis, wanted in enumerate(size):
        count = image.shape[axis]
        if count == wanted:
            continue
        position = (np.arange(wanted) + 0.5) * (count / wanted)
        if nearest:
            image = image.take(np.minimum(position.astype(int), count - 1), axis)
            continue
        position = np.maximum(position - 0.5, 0)
        lower = np.minimum(position.astype(int), count - 1)
        upper = np.minimum(lower + 1, count - 1)
        weight = (position - lower).astype(np.float32)
        weight = weight.reshape([-1 if a == axis else 1 for a in range(image.ndim)])
        image = image.take(lower, axis) * (1 - weight) + image.take(upper, axis) * weight
    return np.ascontiguousarray(image, np.float32)
