"""After Keras's guide "Transfer learning & fine-tuning" (keras.io)."""

import keras
import numpy as np

layer = keras.layers.BatchNormalization()
layer.build((None, 4))
counts = [len(layer.weights), len(layer.trainable_weights), len(layer.non_trainable_weights)]

# a base model, trained on the first five classes
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train, x_test = x_train[..., None].astype("float32"), x_test[..., None].astype("float32")
old = y_train < 5

inputs = keras.Input(shape=(28, 28, 1))
x = keras.layers.Rescaling(1 / 255)(inputs)
for filters in (8, 16):
    x = keras.layers.Conv2D(filters, 3, use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.MaxPooling2D()(x)
base_model = keras.Model(inputs, x, name="base")
x = keras.layers.GlobalAveragePooling2D()(base_model.output)
x = keras.layers.Dense(5)(x)
pretrained = keras.Model(base_model.input, x)
pretrained.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
pretrained.fit(x_train[old][:1600], y_train[old][:1600], epochs=1, verbose=2)

# a new head for the others
base_model.trainable = False
inputs = keras.Input(shape=(28, 28, 1))
x = base_model(inputs, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dropout(0.2)(x)
outputs = keras.layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
model.summary(show_trainable=True)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
new = y_train >= 5
sandals, sandals_test = (y_train[new][:1200] == 5) * 1.0, (y_test[y_test >= 5] == 5) * 1.0
before = base_model.get_weights()
head_history = model.fit(x_train[new][:1200], sandals, epochs=2, verbose=2)
for weight, kept in zip(base_model.get_weights(), before, strict=True):
    np.testing.assert_array_equal(weight, kept)
trainable = [len(model.trainable_weights), len(model.non_trainable_weights)]

# fine-tuning: batch normalization stays in inference mode
base_model.trainable = True
model.summary(show_trainable=True)
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
history = model.fit(x_train[new][:1200], sandals, epochs=1, verbose=2)
after = base_model.get_weights()
fine_tuned = [len(model.trainable_weights), len(model.non_trainable_weights)]
pairs = zip(base_model.weights, after, before, strict=True)
changed = [int(np.any(now != then)) for weight, now, then in pairs if weight.trainable]
test_accuracy = model.evaluate(x_test[y_test >= 5], sandals_test)[1]
