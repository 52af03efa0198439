"""After chapter 9 of "Deep Learning with Python" by François Chollet: what a convnet looks at.

A small Xception-like model with residual connections, the outputs of all its layers, and the parts
of a model before and after its last convolution, as for Grad-CAM.
"""

import keras
import numpy as np
from keras import layers

(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train, y_train = x_train[:1024, ..., None], y_train[:1024]
x_test, y_test = x_test[:256, ..., None], y_test[:256]

inputs = keras.Input(shape=(28, 28, 1))
x = layers.Rescaling(1.0 / 255)(inputs)
x = layers.Conv2D(filters=16, kernel_size=3, use_bias=False)(x)
for size in [16, 32]:
    residual = x
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False, name=f"last_{size}")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    residual = layers.Conv2D(size, 1, strides=2, padding="same", use_bias=False)(residual)
    x = layers.add([x, residual])
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.5)(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs=inputs, outputs=outputs)
model.summary()
model.compile(loss="sparse_categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=3, batch_size=32, verbose=2)
test_accuracy = model.evaluate(x_test, y_test)[1]

# the activations of all convolutions and poolings
layer_outputs, layer_names = [], []
for layer in model.layers:
    if isinstance(layer, (layers.Conv2D, layers.SeparableConv2D, layers.MaxPooling2D)):
        layer_outputs.append(layer.output)
        layer_names.append(layer.name)
activation_model = keras.Model(inputs=model.input, outputs=layer_outputs)
activations = activation_model.predict(x_test[:3])
shapes = [list(activation.shape) for activation in activations]

# one layer
feature_extractor = keras.Model(model.inputs, model.get_layer("last_32").output)
features = feature_extractor.predict(x_test[:3])
np.testing.assert_allclose(
    features, activations[layer_names.index("last_32")], rtol=1e-4, atol=1e-4
)

# the classifier behind the last sum, as a model of its own
sum_name = [layer.name for layer in model.layers if isinstance(layer, layers.Add)][-1]
last_sum = model.get_layer(sum_name)
last_model = keras.Model(model.inputs, last_sum.output)
classifier_input = keras.Input(shape=last_sum.output.shape[1:])
x = classifier_input
for layer in model.layers[model.layers.index(last_sum) + 1 :]:
    x = layer(x)
classifier_model = keras.Model(classifier_input, x)
maps = last_model.predict(x_test)
predictions = classifier_model.predict(maps)
np.testing.assert_allclose(predictions, model.predict(x_test), rtol=1e-4, atol=1e-5)
heatmap = maps[0].mean(axis=-1)
