"""Layers: configuration, shapes, weights, forward and backward. `base` describes the protocol."""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach
from fastcnn.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from fastcnn.layers.base import Layer
from fastcnn.layers.convolutional import Conv2D, Convolution2D
from fastcnn.layers.core import Activation, Dense, Flatten, Input, InputLayer
from fastcnn.layers.normalization import BatchNormalization
from fastcnn.layers.parts import PARTS
from fastcnn.layers.pooling import AveragePooling2D, AvgPool2D, MaxPool2D, MaxPooling2D
from fastcnn.layers.registry import deserialize, serialize

if TYPE_CHECKING:
    from fastcnn.layers.affine import (
        RandomRotation as RandomRotation,
        RandomTranslation as RandomTranslation,
        RandomZoom as RandomZoom,
    )
    from fastcnn.layers.augmentation import (
        RandomErasing as RandomErasing,
        RandomFlip as RandomFlip,
    )
    from fastcnn.layers.colours import (
        RandomBrightness as RandomBrightness,
        RandomContrast as RandomContrast,
    )
    from fastcnn.layers.depthwise import (
        DepthwiseConv2D as DepthwiseConv2D,
        SeparableConv2D as SeparableConv2D,
        SeparableConvolution2D as SeparableConvolution2D,
    )
    from fastcnn.layers.dropout import (
        Dropout as Dropout,
        SpatialDropout2D as SpatialDropout2D,
    )
    from fastcnn.layers.global_pooling import (
        GlobalAveragePooling2D as GlobalAveragePooling2D,
        GlobalAvgPool2D as GlobalAvgPool2D,
        GlobalMaxPool2D as GlobalMaxPool2D,
        GlobalMaxPooling2D as GlobalMaxPooling2D,
    )
    from fastcnn.layers.identity import (
        ActivityRegularization as ActivityRegularization,
        Identity as Identity,
    )
    from fastcnn.layers.noise import (
        GaussianDropout as GaussianDropout,
        GaussianNoise as GaussianNoise,
    )
    from fastcnn.layers.permuting import (
        Permute as Permute,
        RepeatVector as RepeatVector,
    )
    from fastcnn.layers.preprocessing import (
        Normalization as Normalization,
        Rescaling as Rescaling,
    )
    from fastcnn.layers.reshaping import (
        Cropping2D as Cropping2D,
        Reshape as Reshape,
        UpSampling2D as UpSampling2D,
        ZeroPadding2D as ZeroPadding2D,
    )
    from fastcnn.layers.resizing import (
        CenterCrop as CenterCrop,
        RandomCrop as RandomCrop,
        Resizing as Resizing,
    )
    from fastcnn.layers.sample_normalization import (
        LayerNormalization as LayerNormalization,
        UnitNormalization as UnitNormalization,
    )
    from fastcnn.layers.transposed import (
        Conv2DTranspose as Conv2DTranspose,
        Convolution2DTranspose as Convolution2DTranspose,
    )

if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(__name__, PARTS)

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "ELU",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "PReLU",
    "ReLU",
    "Softmax",
    "deserialize",
    "serialize",
    *(name for names in PARTS.values() for name in names),
]
