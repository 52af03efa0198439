"""Utilities that Keras scripts use: seeds, one-hot targets, images from folders, model plots."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.core.lazy import missing
from fastcnn.core.registry import reset_names
from fastcnn.training.progress import ProgressBar

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.data.streams import (
        PyDataset as PyDataset,
        Sequence as Sequence,
    )
    from fastcnn.saving import (
        CustomObjectScope as CustomObjectScope,
        custom_object_scope as custom_object_scope,
        deserialize_keras_object as deserialize_keras_object,
        get_custom_objects as get_custom_objects,
        get_registered_name as get_registered_name,
        get_registered_object as get_registered_object,
        register_keras_serializable as register_keras_serializable,
        serialize_keras_object as serialize_keras_object,
    )
    from fastcnn.utils.files import get_file as get_file
    from fastcnn.utils.image_folder import (
        image_dataset_from_directory as image_dataset_from_directory,
    )
    from fastcnn.utils.images import (
        array_to_img as array_to_img,
        img_to_array as img_to_array,
        load_img as load_img,
        save_img as save_img,
    )
    from fastcnn.utils.plot import (
        plot_model as plot_model,
    )
    from fastcnn.utils.progbar import Progbar as Progbar
    from fastcnn.utils.sequences import pad_sequences as pad_sequences
    from fastcnn.utils.small import (
        Config as Config,
        is_keras_tensor as is_keras_tensor,
        pack_x_y_sample_weight as pack_x_y_sample_weight,
        standardize_dtype as standardize_dtype,
        unpack_x_y_sample_weight as unpack_x_y_sample_weight,
    )
    from fastcnn.utils.splitting import split_dataset as split_dataset
    from fastcnn.utils.torch_weights import (
        from_torch_state_dict as from_torch_state_dict,
        to_torch_state_dict as to_torch_state_dict,
    )
    from fastcnn.utils.whitening import whitening_filters as whitening_filters

MODULES = {  # public name -> module that defines it, imported on first use
    "Config": "fastcnn.utils.small",
    "Progbar": "fastcnn.utils.progbar",
    "PyDataset": "fastcnn.data.streams",
    "Sequence": "fastcnn.data.streams",
    "CustomObjectScope": "fastcnn.saving",
    "array_to_img": "fastcnn.utils.images",
    "custom_object_scope": "fastcnn.saving",
    "deserialize_keras_object": "fastcnn.saving",
    "from_torch_state_dict": "fastcnn.utils.torch_weights",
    "get_custom_objects": "fastcnn.saving",
    "get_file": "fastcnn.utils.files",
    "get_registered_name": "fastcnn.saving",
    "get_registered_object": "fastcnn.saving",
    "image_dataset_from_directory": "fastcnn.utils.image_folder",
    "img_to_array": "fastcnn.utils.images",
    "is_keras_tensor": "fastcnn.utils.small",
    "load_img": "fastcnn.utils.images",
    "pack_x_y_sample_weight": "fastcnn.utils.small",
    "pad_sequences": "fastcnn.utils.sequences",
    "plot_model": "fastcnn.utils.plot",
    "register_keras_serializable": "fastcnn.saving",
    "save_img": "fastcnn.utils.images",
    "serialize_keras_object": "fastcnn.saving",
    "split_dataset": "fastcnn.utils.splitting",
    "standardize_dtype": "fastcnn.utils.small",
    "to_torch_state_dict": "fastcnn.utils.torch_weights",
    "whitening_filters": "fastcnn.utils.whitening",
    "unpack_x_y_sample_weight": "fastcnn.utils.small",
}

__all__ = [
    "ProgressBar",
    "clear_session",
    "normalize",
    "set_random_seed",
    "to_categorical",
    *MODULES,
]


if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in MODULES:
            return getattr(import_module(MODULES[name]), name)
        raise missing(__name__, name)


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, `np.random` and this package, which makes runs reproducible.

    Each thread has its own generator of this package, so other threads do not change a run. Called
    in a thread, it seeds that thread; called in the main thread, also the threads that draw their
    first number later. `random` and `np.random` belong to the whole process: where several threads
    train, draw from `np.random.default_rng(seed)` instead.

    Raises:
        ValueError: `seed` is not an integer from 0 to 2**32 - 1.

    Example:

    >>> import fastcnn as keras
    >>> keras.utils.set_random_seed(1)
    >>> a = keras.initializers.GlorotUniform()((2, 2))
    >>> keras.utils.set_random_seed(1)
    >>> (keras.initializers.GlorotUniform()((2, 2)) == a).all()
    np.True_
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(
            f"The argument `seed` must be an integer from 0 to 2**32 - 1. Received {seed!r}."
        )
    import random as python_random  # not needed by most programs

    python_random.seed(int(seed))
    np.random.seed(seed)
    random.set_seed(int(seed))


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray:
    """Convert integer labels (n, ...) to a one-hot float64 array (n, ..., classes).

    A trailing axis of size 1 is dropped first. `num_classes` defaults to the largest label plus
    one.

    Raises:
        ValueError: a label outside [0, num_classes).

    Example:

    >>> from fastcnn.utils import to_categorical
    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "iubf":
        raise ValueError(f"Labels must be integers. Received dtype {labels.dtype}.")
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"Labels must be from 0 to {num_classes - 1}. "
            f"Received labels from {labels.min()} to {labels.max()}."
        )
    categorical = np.zeros((*labels.shape, num_classes))
    np.put_along_axis(categorical, labels[..., None], 1.0, axis=-1)
    return categorical


def normalize(
    x: ArrayLike, axis: int | tuple[int, ...] = -1, order: float | Literal["fro", "nuc"] = 2
) -> NDArray:
    """Divide x by its norm of the given order along `axis`; zeros stay zeros."""
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)


def clear_session(free_memory: bool = True) -> None:
    """Reset the calling thread's counters of automatic layer names (`conv2d`, `conv2d_1`, ...).

    `free_memory` is accepted and ignored: a model's memory is freed together with the model.
    """
    reset_names()
