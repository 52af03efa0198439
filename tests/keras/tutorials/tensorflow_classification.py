"""After TensorFlow's tutorial "Basic classification" (tensorflow.org): Fashion-MNIST."""

import numpy as np
import tensorflow as tf

fashion_mnist = tf.keras.datasets.fashion_mnist
(train_images, train_labels), (test_images, test_labels) = fashion_mnist.load_data()
class_names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"]
class_names += ["Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
train_images = train_images / 255.0
test_images = test_images / 255.0

model = tf.keras.Sequential(
    [
        tf.keras.layers.Flatten(input_shape=(28, 28)),
        tf.keras.layers.Dense(128, activation="relu"),
        tf.keras.layers.Dense(10),
    ]
)
model.compile(
    optimizer="adam",
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(train_images, train_labels, epochs=5)
test_loss, test_accuracy = model.evaluate(test_images, test_labels, verbose=2)
print("\nTest accuracy:", test_accuracy)

probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
predictions = probability_model.predict(test_images)
guessed = np.argmax(predictions, axis=1)
print(class_names[guessed[0]], f"{100 * np.max(predictions[0]):2.0f}%")
agreed = np.mean(guessed == test_labels) - test_accuracy
assert abs(agreed) < 1e-6

img = np.expand_dims(test_images[1], 0)
predictions_single = probability_model.predict(img)
print(np.argmax(predictions_single[0]), "is the class of", img.shape)
