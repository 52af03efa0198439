"""After Keras's example "Image segmentation with a U-Net-like architecture" (keras.io)."""

import keras
import numpy as np
from keras import layers

img_size = (32, 32)
num_classes = 3
batch_size = 16


def circles(count, seed):
    """Noisy images of a bright circle, and masks: background, border, circle."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    center = rng.uniform(8, 24, (2, count, 1, 1))
    radius = rng.uniform(4, 9, (count, 1, 1))
    distance = np.hypot(rows - center[0], columns - center[1]) - radius
    masks = np.where(distance < -1, 2, np.where(distance < 1, 1, 0))
    images = masks[..., None] * np.array([0.4, 0.3, 0.2]) + rng.random((count, 32, 32, 3)) * 0.3
    return images.astype("float32"), masks[..., None].astype("uint8")


def get_model(img_size, num_classes):
    inputs = keras.Input(shape=(*img_size, 3))

    # entry block
    x = layers.Conv2D(16, 3, strides=2, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x  # set aside residual

    for filters in [32, 64]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(filters, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x

    for filters in [64, 32, 16]:
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.Conv2DTranspose(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.UpSampling2D(2)(x)
        residual = layers.UpSampling2D(2)(previous_block_activation)
        residual = layers.Conv2D(filters, 1, padding="same")(residual)
        x = layers.add([x, residual])
        previous_block_activation = x

    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)
    return keras.Model(inputs, outputs)


model = get_model(img_size, num_classes)
model.summary()
model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
x_train, y_train = circles(256, 1)
x_val, y_val = circles(64, 2)
callbacks = [keras.callbacks.ModelCheckpoint("segmentation.keras", save_best_only=True)]
history = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=2,
    validation_data=(x_val, y_val),
    callbacks=callbacks,
    verbose=2,
)
val_preds = model.predict(x_val)
mask = np.argmax(val_preds[0], axis=-1)
test_accuracy = np.mean(np.argmax(val_preds, axis=-1) == y_val[..., 0])
