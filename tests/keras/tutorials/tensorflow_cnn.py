"""After TensorFlow's tutorial "Convolutional Neural Network (CNN)" (tensorflow.org): CIFAR-10."""

import tensorflow as tf
from tensorflow.keras import datasets, layers, models

(train_images, train_labels), (test_images, test_labels) = datasets.cifar10.load_data()
train_images, test_images = train_images / 255.0, test_images / 255.0

class_names = ["airplane", "automobile", "bird", "cat", "deer"]
class_names += ["dog", "frog", "horse", "ship", "truck"]
print("the first is called", class_names[train_labels[0][0]])

model = models.Sequential()
model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(64, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(64, (3, 3), activation="relu"))
model.summary()
model.add(layers.Flatten())
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(10))
model.summary()

model.compile(
    optimizer="adam",
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(
    train_images, train_labels, epochs=3, validation_data=(test_images, test_labels)
)

print("accuracy", history.history["accuracy"])
print("val_accuracy", history.history["val_accuracy"])
test_loss, test_accuracy = model.evaluate(test_images, test_labels, verbose=2)
print(test_accuracy)
