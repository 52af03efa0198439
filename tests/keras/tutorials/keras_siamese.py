"""After Keras's example "Image similarity estimation using a Siamese Network" (keras.io)."""

import keras
import numpy as np
from keras import layers

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train[:1200].astype("float32") / 255
x_test = x_test[:400].astype("float32") / 255
y_train, y_test = y_train[:1200], y_test[:400]


def make_pairs(x, y, seed):
    """For every image a pair of its class, and one of another class; 0 means the same class."""
    rng = np.random.default_rng(seed)
    indices = [np.flatnonzero(y == label) for label in range(10)]
    left, right, labels = [], [], []
    for image, label in zip(x, y, strict=True):
        other = (label + rng.integers(1, 10)) % 10
        for partner, target in ((label, 0), (other, 1)):
            left.append(image)
            right.append(x[rng.choice(indices[partner])])
            labels.append(target)
    return np.array(left), np.array(right), np.array(labels).astype("float32")


left_train, right_train, labels_train = make_pairs(x_train, y_train, 1)
left_test, right_test, labels_test = make_pairs(x_test, y_test, 2)

input = layers.Input((28, 28, 1))
x = layers.BatchNormalization()(input)
x = layers.Conv2D(4, (5, 5), activation="tanh")(x)
x = layers.AveragePooling2D(pool_size=(2, 2))(x)
x = layers.Conv2D(16, (5, 5), activation="tanh")(x)
x = layers.AveragePooling2D(pool_size=(2, 2))(x)
x = layers.Flatten()(x)
x = layers.BatchNormalization()(x)
x = layers.Dense(10, activation="tanh")(x)
embedding_network = keras.Model(input, x)

input_1 = layers.Input((28, 28, 1))
input_2 = layers.Input((28, 28, 1))
tower_1 = embedding_network(input_1)
tower_2 = embedding_network(input_2)

# the squared distance by coordinate, and the angle
difference = layers.Subtract()([tower_1, tower_2])
squared = layers.Multiply()([difference, difference])
cosine = layers.Dot(axes=1, normalize=True)([tower_1, tower_2])
merge_layer = layers.Concatenate()([squared, cosine])
normal_layer = layers.BatchNormalization()(merge_layer)
output_layer = layers.Dense(1, activation="sigmoid")(normal_layer)
model = siamese = keras.Model(inputs=[input_1, input_2], outputs=output_layer)
siamese.summary()
siamese.compile(loss="binary_crossentropy", optimizer="RMSprop", metrics=["accuracy"])
history = siamese.fit(
    [left_train, right_train],
    labels_train,
    validation_data=([left_test, right_test], labels_test),
    batch_size=16,
    epochs=2,
    verbose=2,
)
test_accuracy = siamese.evaluate([left_test, right_test], labels_test)[1]
codes = embedding_network.predict(left_test)
