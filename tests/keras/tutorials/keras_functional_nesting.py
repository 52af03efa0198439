"""After Keras's guide "The Functional API" (keras.io): models in models.

An autoencoder of an encoder and a decoder, an ensemble, and features of all layers of a model.
"""

import keras
import numpy as np
from keras import layers

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train[:1024, ..., None].astype("float32") / 255
x_test = x_test[:256, ..., None].astype("float32") / 255

encoder_input = keras.Input(shape=(28, 28, 1), name="original_img")
x = layers.Conv2D(16, 3, activation="relu")(encoder_input)
x = layers.Conv2D(32, 3, activation="relu")(x)
x = layers.MaxPooling2D(3)(x)
x = layers.Conv2D(32, 3, activation="relu")(x)
x = layers.Conv2D(16, 3, activation="relu")(x)
encoder_output = layers.GlobalMaxPooling2D()(x)
encoder = keras.Model(encoder_input, encoder_output, name="encoder")
encoder.summary()

decoder_input = keras.Input(shape=(16,), name="encoded_img")
x = layers.Reshape((4, 4, 1))(decoder_input)
x = layers.Conv2DTranspose(16, 3, activation="relu")(x)
x = layers.Conv2DTranspose(32, 3, activation="relu")(x)
x = layers.UpSampling2D(3)(x)
x = layers.Conv2DTranspose(16, 3, activation="relu")(x)
decoder_output = layers.Conv2DTranspose(1, 3, activation="relu")(x)
decoder = keras.Model(decoder_input, decoder_output, name="decoder")
decoder.summary()

autoencoder_input = keras.Input(shape=(28, 28, 1), name="img")
encoded_img = encoder(autoencoder_input)
decoded_img = decoder(encoded_img)
autoencoder = keras.Model(autoencoder_input, decoded_img, name="autoencoder")
autoencoder.summary()
autoencoder.compile(optimizer="adam", loss="mse")
autoencoder_history = autoencoder.fit(x_train, x_train, batch_size=64, epochs=2, verbose=2)
assert autoencoder_history.history["loss"][1] < autoencoder_history.history["loss"][0]
codes = encoder.predict(x_test)
np.testing.assert_allclose(
    decoder.predict(codes), autoencoder.predict(x_test), rtol=1e-4, atol=1e-5
)

# the encoder's layers, called on another input
features_of = keras.Model(encoder.inputs, [layer.output for layer in encoder.layers])
features = features_of(x_test[:2])
shapes = [list(feature.shape) for feature in features]


def get_model():
    inputs = keras.Input(shape=(16,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(hidden))


model1, model2, model3 = get_model(), get_model(), get_model()
inputs = keras.Input(shape=(16,))
outputs = layers.average([model1(inputs), model2(inputs), model3(inputs)])
model = keras.Model(inputs=inputs, outputs=outputs, name="ensemble")
model.summary(expand_nested=True)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

codes_train = encoder.predict(x_train)
codes_train = codes_train / codes_train.max()
codes = codes / codes.max()
history = model.fit(codes_train, y_train[:1024], epochs=4, verbose=2)
test_accuracy = model.evaluate(codes, y_test[:256])[1]
parts = [part.predict(codes, verbose=0) for part in (model1, model2, model3)]
mean = sum(parts) / 3
np.testing.assert_allclose(model.predict(codes), mean, rtol=1e-4, atol=1e-6)
