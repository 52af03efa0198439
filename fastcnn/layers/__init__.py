"""Layers: configuration, shapes, weights, forward and backward. `base` describes the protocol."""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach
from fastcnn.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from fastcnn.layers.base import Layer
from fastcnn.layers.convolutional import Conv2D, Convolution2D
from fastcnn.layers.core import Activation, Dense, Flatten, Input, InputLayer
from fastcnn.layers.lazy import PARTS
from fastcnn.layers.normalization import BatchNormalization
from fastcnn.layers.pooling import AveragePooling2D, AvgPool2D, MaxPool2D, MaxPooling2D
from fastcnn.layers.registry import deserialize, serialize

if TYPE_CHECKING:
    from fastcnn.layers.lazy import *  # noqa: F403

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
