"""Batches of images that an `ImageDataGenerator` changes: the base class, and images in an array.

With a seed, batch k uses the numbers of `np.random.RandomState(seed + k)`, as in Keras. k counts
from the first epoch on, so results depend neither on threads nor on what was read before. Without a
seed the numbers come from the package's generator (see `utils.set_random_seed`).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, random
from fastcnn.core.arguments import check_count, check_data_format, warn
from fastcnn.data.streams import PyDataset
from fastcnn.utils.images import save_img

if TYPE_CHECKING:
    from collections.abc import Iterator as Iterating
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Path
    from fastcnn.preprocessing.image.generator import ImageDataGenerator


class Iterator(PyDataset):
    """Base class: batches by index, for `fit`, `evaluate` and `predict`, and endlessly with `next`.

    A subclass implements `_get_batches_of_transformed_samples(index_array)`, as in Keras.

    Args:
        n: number of samples.
        batch_size: number of samples per batch; the last one may be smaller.
        shuffle: whether each epoch has another order.
        seed: an integer, or None.
        **kwargs: `workers`, `use_multiprocessing`, `max_queue_size` (see `utils.PyDataset`).
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(
        self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.n = n
        self.batch_size = check_count(batch_size, "batch_size")
        self.shuffle = bool(shuffle)
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.RLock()
        self.index_array: NDArray | None = None
        self._begin = 0  # the number of the epoch's first batch
        self._own = threading.local()  # `state`: the random numbers of the thread's batch

    def _state_of(self, batch):
        """The random numbers of a batch."""
        if self.seed is None:
            return np.random.RandomState(int(random.generator().integers(2**32)))
        return np.random.RandomState(self.seed + batch)

    @property
    def random(self):
        """The random numbers of the batch that the calling thread makes."""
        if getattr(self._own, "state", None) is None:
            self._own.state = self._state_of(self.total_batches_seen)
        return self._own.state

    def _order(self, state):
        return state.permutation(self.n) if self.shuffle else np.arange(self.n)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise ValueError(f"There are {len(self)} batches. Received index {index}.")
        with self.lock:
            state = self._own.state = self._state_of(self._begin + index)
            if self._begin == index == 0:  # in Keras the order comes before the first changes
                self._order(state)
            self.total_batches_seen += 1
            order = self.index_array
            if order is None:
                order = self.index_array = self._order(self._state_of(self._begin))
            begin = self.batch_size * index
            indices = order[begin : begin + self.batch_size]
        return self._get_batches_of_transformed_samples(indices)

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        with self.lock:
            if self.total_batches_seen:
                self._begin += len(self)
            self.index_array = self._order(self._state_of(self._begin))

    def reset(self) -> None:
        """Let `next` begin a new epoch."""
        self.batch_index = 0

    def __iter__(self) -> Iterating[Any]:
        return self

    def __next__(self) -> Any:
        if not self.n:
            raise ValueError("There are no samples.")
        with self.lock:
            state = self._own.state = self._state_of(self.total_batches_seen)
            order = self.index_array
            if self.batch_index == 0 or order is None:
                order = self.index_array = self._order(state)
            begin = self.batch_index * self.batch_size
            indices = order[begin : begin + self.batch_size]
            self.batch_index = (self.batch_index + 1) % len(self)
            self.total_batches_seen += 1
        return self._get_batches_of_transformed_samples(indices)

    def __getstate__(self):
        return {key: value for key, value in vars(self).items() if key not in ("lock", "_own")}

    def __setstate__(self, state):
        vars(self).update(state, lock=threading.RLock(), _own=threading.local())

    def _get_batches_of_transformed_samples(self, index_array: NDArray) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must implement "
            "_get_batches_of_transformed_samples(index_array)."
        )

    def _save(self, images, index_array, limit):
        """Write the images of a batch to `save_to_dir`."""
        for image, index in zip(images, index_array, strict=True):
            name = f"{self.save_prefix}_{index}_{self.random.randint(limit)}.{self.save_format}"
            save_img(os.path.join(self.save_to_dir, name), image)

    def _keep(self, generator, data_format, dtype, save_to_dir, save_prefix, save_format):
        check_data_format(data_format)
        self.image_data_generator = generator
        self.data_format = "channels_last"
        self.dtype = np.dtype(dtype or config.floatx()).name
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format


class NumpyArrayIterator(Iterator):
    """Batches of the images in an array; see `ImageDataGenerator.flow` for the arguments.

    A batch is x, (x, y) or (x, y, sample weights). If x is a pair (images, other arrays), the
    batch's x is a list of images and samples of the others.
    """

    def __init__(
        self,
        x: Any,
        y: ArrayLike | None,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._keep(image_data_generator, data_format, dtype, save_to_dir, save_prefix, save_format)
        others: list[Any] = []
        if isinstance(x, (tuple, list)):
            others = [*x[1]] if isinstance(x[1], list) else [x[1]]
            x = x[0]
        named = {"y": y, "sample_weight": sample_weight}
        arrays = {name: np.asarray(array) for name, array in named.items() if array is not None}
        self.x_misc = [np.asarray(array) for array in others]
        images = np.asarray(x, self.dtype)
        if images.ndim != 4:
            raise ValueError(
                "Images must be an array (samples, height, width, channels). "
                f"Received shape {images.shape}."
            )
        for name, array in (*arrays.items(), *(("x", array) for array in self.x_misc)):
            if len(array) != len(images):
                raise ValueError(
                    f"There must be as many samples in `{name}` as there are images. "
                    f"Received {len(array)} samples and {len(images)} images."
                )
        part = slice(None)
        if subset is not None:
            part = image_data_generator.split_of(subset, len(images))
            labels, cut = arrays.get("y"), image_data_generator.cut_of(len(images))
            if labels is not None and not ignore_class_split:
                _check_classes(labels[:cut], labels[cut:])
        if images.shape[3] not in (1, 3, 4):
            warn(
                "ImageDataGenerator expects images of 1, 3 or 4 channels. "
                f"Received an array of shape {images.shape}."
            )
        self.x = images[part]
        self.x_misc = [array[part] for array in self.x_misc]
        self.y, self.sample_weight = (
            None if arrays.get(name) is None else arrays[name][part] for name in named
        )
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array):
        images = self.image_data_generator.changed(self.x[index_array], self.random)
        images = images.astype(self.dtype, copy=False)
        if self.save_to_dir:
            self._save(images, index_array, 10**4)
        others = [array[index_array] for array in self.x_misc]
        x = [images, *others] if others else images
        if self.y is None:
            return x
        y = self.y[index_array]
        if self.sample_weight is None:
            return x, y
        return x, y, self.sample_weight[index_array]


def _check_classes(first, second):
    if not np.array_equal(np.unique(first), np.unique(second)):
        raise ValueError(
            "The training and validation subsets have different classes: shuffle the arrays if "
            "they are sorted by label, or pass `ignore_class_split=True`."
        )
