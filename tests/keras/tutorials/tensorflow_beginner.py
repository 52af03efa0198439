"""After TensorFlow's "quickstart for beginners" (tensorflow.org): MNIST.

The tutorial's `tf.nn.softmax` is `tf.keras.activations.softmax` here.
"""

import numpy as np
import tensorflow as tf

print("version:", tf.__version__)
mnist = tf.keras.datasets.mnist
(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Flatten(input_shape=(28, 28)),
        tf.keras.layers.Dense(128, activation="relu"),
        tf.keras.layers.Dropout(0.2),
        tf.keras.layers.Dense(10),
    ]
)
predictions = model(x_train[:1]).numpy()
probabilities = tf.keras.activations.softmax(predictions).numpy()
print(predictions, probabilities)

loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
first_loss = loss_fn(y_train[:1], predictions).numpy()
assert np.isclose(first_loss, -np.log(probabilities[0, y_train[0]]), rtol=1e-5)

model.compile(optimizer="adam", loss=loss_fn, metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=5)
test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=2)

probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
answers = probability_model(x_test[:5])
print(answers)
assert np.allclose(answers.numpy().sum(axis=1), 1, atol=1e-6)
