"""After the benchmark "keyword spotting" of MLPerf Tiny: the DS-CNN for spectrograms."""

import keras
import numpy as np
from keras.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    Input,
)
from keras.regularizers import l2

label_count = 12
input_shape = [49, 10, 1]
filters = 64
regularizer = l2(1e-4)
final_pool_size = (int(input_shape[0] / 2), int(input_shape[1] / 2))

inputs = Input(shape=input_shape)
x = Conv2D(filters, (10, 4), strides=(2, 2), padding="same", kernel_regularizer=regularizer)(inputs)
x = BatchNormalization()(x)
x = Activation("relu")(x)
x = Dropout(rate=0.2)(x)
for _ in range(4):
    x = DepthwiseConv2D(
        depth_multiplier=1, kernel_size=(3, 3), padding="same", depthwise_regularizer=regularizer
    )(x)
    x = BatchNormalization()(x)
    x = Activation("relu")(x)
    x = Conv2D(filters, (1, 1), padding="same", kernel_regularizer=regularizer)(x)
    x = BatchNormalization()(x)
    x = Activation("relu")(x)
x = Dropout(rate=0.4)(x)
x = AveragePooling2D(pool_size=final_pool_size)(x)
x = Flatten()(x)
outputs = Dense(label_count, activation="softmax")(x)
model = keras.Model(inputs=inputs, outputs=outputs)
model.summary()

rng = np.random.default_rng(5)
patterns = rng.normal(size=(label_count, *input_shape))
labels = np.arange(960) % label_count
spectrograms = patterns[labels] + rng.normal(scale=1.5, size=(960, *input_shape))
x_train, y_train = spectrograms[:768].astype("float32"), labels[:768]
x_test, y_test = spectrograms[768:].astype("float32"), labels[768:]

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.002),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
history = model.fit(x_train, y_train, batch_size=32, epochs=2, verbose=2)
test_accuracy = model.evaluate(x_test, y_test)[1]
