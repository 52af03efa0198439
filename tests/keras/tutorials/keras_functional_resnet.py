"""After Keras's guide "The Functional API" (keras.io): an MLP and a toy ResNet."""

import keras
from keras import layers

inputs = keras.Input(shape=(784,))
hidden = layers.Dense(64, activation="relu")
x = hidden(inputs)
x = layers.Dense(64, activation="relu")(x)
outputs = layers.Dense(10)(x)
mlp = keras.Model(inputs=inputs, outputs=outputs, name="mnist_model")
mlp.summary()
assert inputs.shape == (None, 784)
assert hidden.output is mlp.layers[1].output

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255
x_test = x_test.reshape(-1, 784).astype("float32") / 255
mlp.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=keras.optimizers.RMSprop(),
    metrics=["accuracy"],
)
mlp_history = mlp.fit(x_train, y_train, batch_size=64, epochs=2, validation_split=0.2)
mlp_scores = mlp.evaluate(x_test, y_test, verbose=2)
assert mlp_scores[1] > 0.7
mlp.save("mnist_model.keras")
del mlp
mlp = keras.models.load_model("mnist_model.keras")
assert mlp.evaluate(x_test, y_test, verbose=0) == mlp_scores

inputs = keras.Input(shape=(32, 32, 3), name="img")
x = layers.Conv2D(32, 3, activation="relu")(inputs)
x = layers.Conv2D(64, 3, activation="relu")(x)
block_1_output = layers.MaxPooling2D(3)(x)

x = layers.Conv2D(64, 3, activation="relu", padding="same")(block_1_output)
x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
block_2_output = layers.add([x, block_1_output])

x = layers.Conv2D(64, 3, activation="relu", padding="same")(block_2_output)
x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
block_3_output = layers.add([x, block_2_output])

x = layers.Conv2D(64, 3, activation="relu")(block_3_output)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dense(256, activation="relu")(x)
x = layers.Dropout(0.5)(x)
outputs = layers.Dense(10)(x)
model = keras.Model(inputs, outputs, name="toy_resnet")
model.summary()

(x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
x_train = x_train.astype("float32") / 255.0
x_test = x_test[:500].astype("float32") / 255.0
y_train = keras.utils.to_categorical(y_train, 10)
y_test = keras.utils.to_categorical(y_test[:500], 10)
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    metrics=["acc"],
)
history = model.fit(x_train[:1000], y_train[:1000], batch_size=64, epochs=2, validation_split=0.2)
test_accuracy = model.evaluate(x_test, y_test)[1]
