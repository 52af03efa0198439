"""Layers: configuration, shapes, weights, forward and backward. `base` describes the protocol."""

from fastcnn.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from fastcnn.layers.affine import RandomRotation, RandomTranslation, RandomZoom
from fastcnn.layers.augmentation import RandomErasing, RandomFlip
from fastcnn.layers.base import Layer
from fastcnn.layers.colours import RandomBrightness, RandomContrast
from fastcnn.layers.convolutional import Conv2D, Convolution2D
from fastcnn.layers.core import Activation, Dense, Flatten, Input, InputLayer
from fastcnn.layers.depthwise import (
    DepthwiseConv2D,
    SeparableConv2D,
    SeparableConvolution2D,
)
from fastcnn.layers.dropout import Dropout, SpatialDropout2D
from fastcnn.layers.global_pooling import (
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
)
from fastcnn.layers.identity import ActivityRegularization, Identity
from fastcnn.layers.noise import GaussianDropout, GaussianNoise
from fastcnn.layers.normalization import BatchNormalization
from fastcnn.layers.permuting import Permute, RepeatVector
from fastcnn.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    MaxPool2D,
    MaxPooling2D,
)
from fastcnn.layers.preprocessing import Normalization, Rescaling
from fastcnn.layers.registry import deserialize, serialize
from fastcnn.layers.reshaping import Cropping2D, Reshape, UpSampling2D, ZeroPadding2D
from fastcnn.layers.resizing import CenterCrop, RandomCrop, Resizing
from fastcnn.layers.sample_normalization import LayerNormalization, UnitNormalization
from fastcnn.layers.transposed import Conv2DTranspose, Convolution2DTranspose

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "CenterCrop",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "Normalization",
    "PReLU",
    "Permute",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv2D",
    "SeparableConvolution2D",
    "Softmax",
    "SpatialDropout2D",
    "UnitNormalization",
    "UpSampling2D",
    "ZeroPadding2D",
    "deserialize",
    "serialize",
]
