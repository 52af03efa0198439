"""The U-Net of Ronneberger et al. (2015), small: skip connections that concatenate."""

import numpy as np
from keras.layers import Concatenate, Conv2D, Conv2DTranspose, Dropout, Input, MaxPooling2D
from keras.models import Model
from keras.optimizers import Adam


def conv_block(x, filters, dropout=0.0):
    for _ in range(2):
        x = Conv2D(filters, 3, activation="relu", padding="same", kernel_initializer="he_normal")(x)
    return Dropout(dropout)(x) if dropout else x


def encoder_block(x, filters, dropout=0.0):
    skip = conv_block(x, filters, dropout)
    return skip, MaxPooling2D((2, 2))(skip)


def decoder_block(x, skip, filters):
    x = Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
    return conv_block(Concatenate(axis=3)([x, skip]), filters)


def build_unet(shape):
    inputs = Input(shape)
    s1, p1 = encoder_block(inputs, 8)
    s2, p2 = encoder_block(p1, 16)
    s3, p3 = encoder_block(p2, 32, dropout=0.2)
    x = conv_block(p3, 64)
    x = decoder_block(x, s3, 32)
    x = decoder_block(x, s2, 16)
    x = decoder_block(x, s1, 8)
    outputs = Conv2D(1, 1, activation="sigmoid")(x)
    return Model(inputs, outputs, name="U-Net")


model = build_unet((32, 32, 1))
model.summary()
rng = np.random.default_rng(3)
rows, columns = np.mgrid[:32, :32]
top, left = rng.integers(2, 16, (2, 320, 1, 1))
height, width = rng.integers(6, 14, (2, 320, 1, 1))
inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
masks = inside[..., None].astype("float32")
images = (masks * 0.5 + rng.normal(scale=0.3, size=masks.shape)).astype("float32")

model.compile(optimizer=Adam(2e-3), loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    images[:256], masks[:256], batch_size=16, epochs=2, validation_split=0.125, verbose=2
)
test_loss, test_accuracy = model.evaluate(images[256:], masks[256:])
preds = model.predict(images[256:]) > 0.5
