"""Image files as a `data.Dataset`: what `image_dataset_from_directory` returns."""

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_count
from fastcnn.core.tensor import tensor
from fastcnn.data.ahead import Ahead
from fastcnn.data.dataset import Dataset
from fastcnn.data.elements import TensorSpec
from fastcnn.data.nodes import Node
from fastcnn.utils.image_file import CHANNELS, MODES, convert, decode
from fastcnn.utils.image_jpeg import jpeg_pixels
from fastcnn.utils.image_pixels import pixels_of
from fastcnn.utils.image_resize import center_crop, padded, resize

FORMATS = ("BMP", "GIF", "JPEG", "PNG")
CHUNK = 8  # images that a thread reads at a time: fewer make threads wait for each other more often


class ImageFolder(Dataset):
    """Batches of images from files, as a `data.Dataset`; `folder[i]` reads batch i.

    The first pass has the order of `file_paths`; if the data set is shuffled, each later one has a
    new order.

    Attributes:
        file_paths, labels: one entry per image.
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
        shuffle=False,
        seed=None,
        interpolation="bilinear",
        aspect=None,
    ):
        super().__init__(ImageFiles(self, shuffle, seed))
        self.file_paths = file_paths
        self.labels = labels
        self.class_names = class_names
        self.label_mode = label_mode
        self.color_mode = color_mode
        self.batch_size = batch_size
        self.image_size = image_size
        self._interpolation, self._aspect = interpolation, aspect
        self._shuffle, self._seed = shuffle, seed

    def __getitem__(self, index):
        """Batch `index` in the order of `file_paths` as `Tensor`s: (images, labels), or images."""
        if not 0 <= index < len(self):
            raise IndexError(f"There is no batch {index}: the number of batches is {len(self)}.")
        size = self.batch_size or 1
        rows = np.arange(len(self.file_paths))[index * size : (index + 1) * size]
        images = np.empty((len(rows), *self.image_shape), np.float32)
        for row, image in zip(rows, images, strict=True):
            self.read(row, image)
        batch = self.batch_of(images, rows)
        if isinstance(batch, tuple):
            return tuple(tensor(array) for array in batch)
        return tensor(batch)

    def take(self, count, name=None):
        """The first `count` batches of the first pass, as an `ImageFolder`; -1 is all."""
        count = check_count(count, "count", minimum=-1)
        return self._part(slice(0, None if count == -1 else count * (self.batch_size or 1)))

    def skip(self, count, name=None):
        """The batches after `count` in the first pass, as an `ImageFolder`; -1 leaves none."""
        count = check_count(count, "count", minimum=-1)
        return self._part(
            slice(count * (self.batch_size or 1) if count >= 0 else None, None if count >= 0 else 0)
        )

    def _part(self, rows):
        return ImageFolder(
            self.file_paths[rows],
            None if self.labels is None else self.labels[rows],
            class_names=self.class_names,
            label_mode=self.label_mode,
            color_mode=self.color_mode,
            batch_size=self.batch_size,
            image_size=self.image_size,
            shuffle=self._shuffle,
            seed=self._seed,
            interpolation=self._interpolation,
            aspect=self._aspect,
        )

    @property
    def image_shape(self):
        """(height, width, channels) of the images."""
        return (*self.image_size, CHANNELS[self.color_mode])

    def read(self, row, out):
        """Read image `row` into an array."""
        read_image(self.file_paths[row], self.color_mode, out, self._interpolation, self._aspect)

    def batch_of(self, images, rows):
        """The images with the labels of these rows, or without, in the form of `label_mode`."""
        if self.labels is None:
            return images if self.batch_size else images[0]
        labels = self.labels[rows]
        if self.label_mode == "binary":
            labels = labels.astype(np.float32)[:, None]
        elif self.label_mode == "categorical":
            labels = np.eye(len(self.class_names), dtype=np.float32)[labels]
        return (images, labels) if self.batch_size else (images[0], labels[0])


class ImageFiles(Node):
    """The batches of an `ImageFolder`; threads read the images of the next ones ahead."""

    reads_ahead = True

    def __init__(self, folder, shuffle, seed):
        self._folder, self._shuffle, self._seed = folder, shuffle, seed
        self.draws = bool(shuffle) and seed is None

    def _order(self, run):
        count = len(self._folder.file_paths)
        key = (run.number, *run.epochs)
        if not self._shuffle or not any(key):
            return np.arange(count)
        if self._seed is None:
            sequence = np.random.SeedSequence(run.entropy, spawn_key=(*run.path, *run.epochs))
        else:
            sequence = np.random.SeedSequence(self._seed, spawn_key=key)
        return np.random.default_rng(sequence).permutation(count)

    def elements(self, run):
        return self.later_elements(run, 0)

    def later_elements(self, run, first):
        folder = self._folder
        size = folder.batch_size or 1
        order = self._order(run)[first * size :]
        groups = [order[begin : begin + size] for begin in range(0, len(order), size)]
        threads = config.num_threads()
        chunk = max(min(size // threads, CHUNK), 1)
        batches = []

        def chunks():
            for rows in groups:
                batch = np.empty((len(rows), *folder.image_shape), np.float32)
                batches.append(batch)
                for begin in range(0, len(rows), chunk):
                    part = slice(begin, begin + chunk)
                    yield rows[part], batch[part]

        def read(images):
            for row, out in zip(*images, strict=True):
                folder.read(row, out)

        reading = Ahead(read, chunks(), threads, 2 * max(-(-size // chunk), threads))
        try:
            for rows in groups:
                for _ in range(0, len(rows), chunk):
                    next(reading)
                yield folder.batch_of(batches.pop(0), rows)
        finally:
            reading.close()

    def count(self):
        return -(-len(self._folder.file_paths) // (self._folder.batch_size or 1))

    def spec(self):
        folder = self._folder
        labels = None if folder.labels is None else folder.labels.dtype
        shape = ()
        if folder.label_mode in ("binary", "categorical"):
            shape = (1 if folder.label_mode == "binary" else len(folder.class_names),)
            labels = np.float32
        batch = (None,) if folder.batch_size else ()
        images = TensorSpec((*batch, *folder.image_shape))
        return images if labels is None else (images, TensorSpec((*batch, *shape), labels))


def read_image(path, color_mode, out, interpolation="bilinear", aspect=None):
    """Read an image file into a float32 array (height, width, channels), values from 0 to 255.

    Args:
        aspect: "crop" or "pad" to keep the aspect ratio, or None.

    Raises:
        OSError: the file cannot be read or is not a valid image.
        ValueError: the image has too many pixels.
    """
    mode = MODES[color_mode]
    pixels = None
    if mode != "RGBA" and path.lower().endswith((".jpg", ".jpeg")):
        pixels = jpeg_pixels(path, mode)
    if pixels is None:
        image = decode(path, FORMATS, is_gray=mode == "L")
        pixels = pixels_of(image if image.mode == mode else convert(image, mode))
    if aspect == "crop":
        pixels = center_crop(pixels, out.shape[:2])
    elif aspect == "pad":
        out = padded(pixels, out)
    resize(pixels, out, interpolation)
