"""Layers: configuration, shapes, weights, forward and backward. `base` describes the protocol."""

from fastcnn.layers.base import Layer
from fastcnn.layers.convolutional import Conv2D, Convolution2D
from fastcnn.layers.core import Activation, Dense, Flatten, Input, InputLayer
from fastcnn.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    MaxPool2D,
    MaxPooling2D,
)
from fastcnn.layers.preprocessing import Rescaling
from fastcnn.layers.registry import deserialize, serialize

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "Rescaling",
    "deserialize",
    "serialize",
]
