"""`ImageDataGenerator` and the functions around it, as `keras.preprocessing.image` has them."""

import sys

from fastcnn.core.lazy import explain_missing
from fastcnn.preprocessing.image.files import DirectoryIterator
from fastcnn.preprocessing.image.frames import DataFrameIterator
from fastcnn.preprocessing.image.generator import ImageDataGenerator
from fastcnn.preprocessing.image.iterators import Iterator, NumpyArrayIterator
from fastcnn.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    smart_resize,
)
from fastcnn.utils.images import array_to_img, img_to_array, load_img, save_img

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]

explain_missing(sys.modules[__name__])
