"""After the benchmark "image classification" of MLPerf Tiny: ResNet-8 for CIFAR-10."""

import keras
import numpy as np
from keras.layers import Activation, AveragePooling2D, BatchNormalization, Conv2D, Dense, Flatten
from keras.models import Model
from keras.regularizers import l2


def conv(filters, size=3, strides=1):
    return Conv2D(
        filters,
        kernel_size=size,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        kernel_regularizer=l2(1e-4),
    )


def resnet_v1_eic():
    inputs = keras.layers.Input(shape=[32, 32, 3])
    x = conv(16)(inputs)
    x = BatchNormalization()(x)
    x = Activation("relu")(x)

    # three stacks of one residual block
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = conv(filters, strides=strides)(x)
        y = BatchNormalization()(y)
        y = Activation("relu")(y)
        y = conv(filters)(y)
        y = BatchNormalization()(y)
        if strides != 1:
            x = conv(filters, size=1, strides=strides)(x)
        x = keras.layers.add([x, y])
        x = Activation("relu")(x)

    x = AveragePooling2D(pool_size=x.shape[1:3])(x)
    y = Flatten()(x)
    outputs = Dense(10, activation="softmax", kernel_initializer="he_normal")(y)
    return Model(inputs=inputs, outputs=outputs)


def lr_schedule(epoch):
    return 0.001 * 0.99**epoch


(train_data, train_labels), (test_data, test_labels) = keras.datasets.cifar10.load_data()
train_data, test_data = train_data[:1024] / 255.0, test_data[:500] / 255.0
train_labels = keras.utils.to_categorical(train_labels[:1024])
test_labels = keras.utils.to_categorical(test_labels[:500])

model = resnet_v1_eic()
model.summary()
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    train_data,
    train_labels,
    batch_size=32,
    epochs=3,
    callbacks=[keras.callbacks.LearningRateScheduler(lr_schedule)],
    verbose=2,
)
model.save("trained_models.keras")
test_accuracy = model.evaluate(test_data, test_labels)[1]
labels = np.argmax(model.predict(test_data), axis=1)
