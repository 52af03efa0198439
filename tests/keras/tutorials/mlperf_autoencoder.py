"""After MLPerf Tiny's "anomaly detection": a dense autoencoder for the sounds of machines."""

import numpy as np
from keras.layers import Activation, BatchNormalization, Dense, Input
from keras.models import Model


def get_model(input_dim):
    inputs = h = Input(shape=(input_dim,))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        h = Dense(units)(h)
        h = BatchNormalization()(h)
        h = Activation("relu")(h)
    h = Dense(input_dim)(h)
    return Model(inputs=inputs, outputs=h)


rng = np.random.default_rng(7)
mixing = rng.normal(size=(6, 640))
sources = rng.normal(size=(1600, 6))
normal = (np.tanh(sources @ mixing) + 0.1 * rng.normal(size=(1600, 640))).astype("float32")
train_data, test_normal = normal[:1408], normal[1408:]
test_anomalous = np.tanh(rng.normal(size=(192, 6)) @ rng.normal(size=(6, 640))).astype("float32")

model = get_model(640)
model.summary()
model.compile(optimizer="adam", loss="mean_squared_error")
history = model.fit(
    train_data,
    train_data,
    epochs=4,
    batch_size=64,
    shuffle=True,
    validation_split=0.1,
    verbose=2,
)
errors = [
    np.mean(np.square(data - model.predict(data)), axis=1) for data in (test_normal, test_anomalous)
]
# the probability that an anomaly has the larger error: the area under the curve
test_accuracy = np.mean(errors[1][:, None] > errors[0][None, :])
