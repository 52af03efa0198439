"""After the benchmark "visual wake words" of MLPerf Tiny: MobileNet v1 of a quarter's width.

On images of 48 x 48 pixels, a quarter of the area of the benchmark's: the layers are the same.
"""

import keras
import numpy as np
from keras.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
)
from keras.models import Model
from keras.regularizers import l2


def mobilenet_v1():
    settings = {
        "padding": "same",
        "kernel_initializer": "he_normal",
        "kernel_regularizer": l2(1e-4),
    }
    depthwise = {
        "padding": "same",
        "depthwise_initializer": "he_normal",
        "depthwise_regularizer": l2(1e-4),
    }
    filters = 8  # a quarter of 32
    inputs = keras.layers.Input(shape=(48, 48, 3))
    x = Conv2D(filters, kernel_size=3, strides=2, **settings)(inputs)
    x = BatchNormalization()(x)
    x = Activation("relu")(x)

    for number in range(13):
        strides = 2 if number in (1, 3, 5, 11) else 1
        x = DepthwiseConv2D(kernel_size=3, strides=strides, **depthwise)(x)
        x = BatchNormalization()(x)
        x = Activation("relu")(x)
        if strides == 2 or number == 0:
            filters = 2 * filters
        x = Conv2D(filters, kernel_size=1, strides=1, **settings)(x)
        x = BatchNormalization()(x)
        x = Activation("relu")(x)

    x = AveragePooling2D(pool_size=x.shape[1:3])(x)
    x = Flatten()(x)
    outputs = Dense(2, activation="softmax")(x)
    return Model(inputs=inputs, outputs=outputs)


def people(count, seed):
    """Noise, and in every other image a bright figure."""
    rng = np.random.default_rng(seed)
    images = rng.random((count, 48, 48, 3)) * 0.6
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        top, left = rng.integers(2, 20, 2)
        if label:
            image[top : top + 8, left + 4 : left + 10] += 0.4
            image[top + 8 : top + 24, left : left + 14] += 0.3
    return images.astype("float32"), keras.utils.to_categorical(labels, 2)


model = mobilenet_v1()
model.summary()
x_train, y_train = people(320, 0)
x_test, y_test = people(100, 1)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=2, verbose=2)
test_accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
model.save("vww_96.keras")
