"""Keras's older preprocessing: `image` with `ImageDataGenerator`, and `sequence`.

train = keras.preprocessing.image.ImageDataGenerator(rotation_range=20, horizontal_flip=True)
model.fit(train.flow(x, y, batch_size=64), epochs=5)

The layers that change images (`layers.RandomFlip`, ...) do the same faster.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fastcnn.core.lazy import missing

if TYPE_CHECKING:
    from fastcnn.preprocessing import image as image, sequence as sequence
    from fastcnn.utils.image_folder import (
        image_dataset_from_directory as image_dataset_from_directory,
    )

__all__ = ["image", "image_dataset_from_directory", "sequence"]

if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in ("image", "sequence"):
            return import_module(f"{__name__}.{name}")
        if name == "image_dataset_from_directory":
            return import_module("fastcnn.utils").image_dataset_from_directory
        raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *__all__})
