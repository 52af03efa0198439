"""After TensorFlow's tutorial "Save and load models" (tensorflow.org)."""

import os

import numpy as np
import tensorflow as tf
from tensorflow import keras

(train_images, train_labels), (test_images, test_labels) = tf.keras.datasets.mnist.load_data()
train_labels = train_labels[:1000]
test_labels = test_labels[:1000]
train_images = train_images[:1000].reshape(-1, 28 * 28) / 255.0
test_images = test_images[:1000].reshape(-1, 28 * 28) / 255.0


def create_model():
    model = tf.keras.Sequential(
        [
            keras.layers.Dense(512, activation="relu", input_shape=(784,)),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer="adam",
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[tf.keras.metrics.SparseCategoricalAccuracy()],
    )
    return model


def accuracy_of(model):
    return model.evaluate(test_images, test_labels, verbose=2)[1]


model = create_model()
model.summary()

# the weights of every epoch, into one file
checkpoint_path = "training_1/cp.weights.h5"
checkpoint_dir = os.path.dirname(checkpoint_path)
cp_callback = tf.keras.callbacks.ModelCheckpoint(
    filepath=checkpoint_path, save_weights_only=True, verbose=1
)
history = model.fit(
    train_images,
    train_labels,
    epochs=10,
    validation_data=(test_images, test_labels),
    callbacks=[cp_callback],
)
test_accuracy = accuracy_of(model)
assert os.listdir(checkpoint_dir) == ["cp.weights.h5"]

# a new model is untrained until it loads the weights
model = create_model()
assert accuracy_of(model) < 0.4
model.load_weights(checkpoint_path)
assert accuracy_of(model) == test_accuracy

# one file every five epochs
checkpoint_path = "training_2/cp-{epoch:04d}.weights.h5"
checkpoint_dir = os.path.dirname(checkpoint_path)
batch_size = 32
n_batches = len(train_images) // batch_size + 1
cp_callback = tf.keras.callbacks.ModelCheckpoint(
    filepath=checkpoint_path, verbose=1, save_weights_only=True, save_freq=5 * n_batches
)
model = create_model()
os.makedirs(checkpoint_dir)
model.save_weights(checkpoint_path.format(epoch=0))
model.fit(
    train_images,
    train_labels,
    epochs=10,
    batch_size=batch_size,
    callbacks=[cp_callback],
    validation_data=(test_images, test_labels),
    verbose=0,
)
numbers = [name[3:7] for name in sorted(os.listdir(checkpoint_dir))]
assert numbers == ["0000", "0005", "0010"], numbers
latest = create_model()
latest.load_weights(checkpoint_path.format(epoch=10))
assert accuracy_of(latest) == accuracy_of(model)

# manually
os.makedirs("checkpoints")
model.save_weights("./checkpoints/my_checkpoint.weights.h5")
model = create_model()
model.load_weights("./checkpoints/my_checkpoint.weights.h5")
assert accuracy_of(model) == accuracy_of(latest)

# the entire model
model = create_model()
model.fit(train_images, train_labels, epochs=5, verbose=0)
model.save("my_model.keras")
new_model = tf.keras.models.load_model("my_model.keras")
new_model.summary()
assert accuracy_of(new_model) == accuracy_of(model)
predictions = new_model.predict(test_images)
np.testing.assert_array_equal(predictions, model.predict(test_images))
