"""After chapter 10 of "Hands-On Machine Learning" by Aurélien Géron: wide and deep nets."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(42)
X = rng.normal(loc=rng.uniform(-2, 4, 8), scale=rng.uniform(0.5, 3, 8), size=(1800, 8))
X = X.astype("float32")
y = np.sin(X[:, 0]) + 0.3 * X[:, 2] - 0.1 * X[:, 5] * X[:, 7]
y = (y + 0.1 * rng.normal(size=1800)).astype("float32")
X_train, X_valid, X_test = X[:1200], X[1200:1500], X[1500:]
y_train, y_valid, y_test = y[:1200], y[1200:1500], y[1500:]

# one input
normalization_layer = tf.keras.layers.Normalization()
hidden_layer1 = tf.keras.layers.Dense(30, activation="relu")
hidden_layer2 = tf.keras.layers.Dense(30, activation="relu")
concat_layer = tf.keras.layers.Concatenate()
output_layer = tf.keras.layers.Dense(1)
input_ = tf.keras.layers.Input(shape=X_train.shape[1:])
normalized = normalization_layer(input_)
hidden1 = hidden_layer1(normalized)
hidden2 = hidden_layer2(hidden1)
concat = concat_layer([normalized, hidden2])
output = output_layer(concat)
wide_and_deep = tf.keras.Model(inputs=[input_], outputs=[output])
wide_and_deep.summary()
optimizer = tf.keras.optimizers.Adam(learning_rate=1e-3)
wide_and_deep.compile(loss="mse", optimizer=optimizer, metrics=["RootMeanSquaredError"])
normalization_layer.adapt(X_train)
wide_and_deep.fit(X_train, y_train, epochs=1, validation_data=(X_valid, y_valid))
mse = wide_and_deep.evaluate(X_test, y_test)

# two inputs and an auxiliary output
input_wide = tf.keras.layers.Input(shape=[5])
input_deep = tf.keras.layers.Input(shape=[6])
norm_layer_wide = tf.keras.layers.Normalization()
norm_layer_deep = tf.keras.layers.Normalization()
norm_wide = norm_layer_wide(input_wide)
norm_deep = norm_layer_deep(input_deep)
hidden1 = tf.keras.layers.Dense(30, activation="relu")(norm_deep)
hidden2 = tf.keras.layers.Dense(30, activation="relu")(hidden1)
concat = tf.keras.layers.concatenate([norm_wide, hidden2])
output = tf.keras.layers.Dense(1)(concat)
aux_output = tf.keras.layers.Dense(1)(hidden2)
model = tf.keras.Model(inputs=[input_wide, input_deep], outputs=[output, aux_output])
model.summary()
optimizer = tf.keras.optimizers.Adam(learning_rate=1e-3)
model.compile(
    loss=("mse", "mse"),
    loss_weights=(0.9, 0.1),
    optimizer=optimizer,
    metrics=["RootMeanSquaredError", "RootMeanSquaredError"],
)
X_train_wide, X_train_deep = X_train[:, :5], X_train[:, 2:]
X_valid_wide, X_valid_deep = X_valid[:, :5], X_valid[:, 2:]
X_test_wide, X_test_deep = X_test[:, :5], X_test[:, 2:]
X_new_wide, X_new_deep = X_test_wide[:3], X_test_deep[:3]
norm_layer_wide.adapt(X_train_wide)
norm_layer_deep.adapt(X_train_deep)
history = model.fit(
    (X_train_wide, X_train_deep),
    (y_train, y_train),
    epochs=4,
    validation_data=((X_valid_wide, X_valid_deep), (y_valid, y_valid)),
)
eval_results = model.evaluate((X_test_wide, X_test_deep), (y_test, y_test))
length = len(eval_results)
test_accuracy = model.evaluate(
    (X_test_wide, X_test_deep), (y_test, y_test), return_dict=True, verbose=0
)["loss"]
y_pred_main, y_pred_aux = model.predict((X_new_wide, X_new_deep))
y_pred_tuple = model.predict((X_new_wide, X_new_deep))
y_pred = dict(zip(model.output_names, y_pred_tuple, strict=True))
names = sorted(y_pred)
