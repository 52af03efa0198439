"""After Keras's guide "The Functional API" (keras.io): tickets with three inputs, two outputs.

Words are given as multi-hot vectors, and a ticket has a small screenshot.
"""

import keras
import numpy as np
from keras import layers

num_tags = 12
num_words = 200
num_departments = 4

title_input = keras.Input(shape=(num_words,), name="title")
body_input = keras.Input(shape=(num_words,), name="body")
screenshot_input = keras.Input(shape=(12, 12, 1), name="screenshot")
tags_input = keras.Input(shape=(num_tags,), name="tags")

title_features = layers.Dense(32, activation="relu")(title_input)
body_features = layers.Dense(32, activation="relu")(body_input)
screenshot_features = layers.Conv2D(8, 3, activation="relu")(screenshot_input)
screenshot_features = layers.GlobalMaxPooling2D()(screenshot_features)

x = layers.concatenate([title_features, body_features, screenshot_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(num_departments, name="department")(x)

model = keras.Model(
    inputs=[title_input, body_input, screenshot_input, tags_input],
    outputs={"priority": priority_pred, "department": department_pred},
)
model.summary()
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss={
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.CategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
    metrics={"department": ["accuracy"]},
)

rng = np.random.default_rng(0)
title_data = rng.integers(2, size=(1280, num_words)).astype("float32")
body_data = rng.integers(2, size=(1280, num_words)).astype("float32")
screenshot_data = rng.random((1280, 12, 12, 1)).astype("float32")
tags_data = rng.integers(2, size=(1280, num_tags)).astype("float32")
priority_targets = tags_data[:, :1]
department_targets = np.eye(num_departments)[title_data[:, :3].sum(axis=1).astype(int)]

data = {
    "title": title_data,
    "body": body_data,
    "screenshot": screenshot_data,
    "tags": tags_data,
}
targets = {"priority": priority_targets, "department": department_targets}
model.fit(data, targets, epochs=1, batch_size=32)
history = model.fit(
    data,
    targets,
    epochs=2,
    batch_size=32,
    validation_data=(data, targets),
)
scores = model.evaluate(data, targets, return_dict=True)
keys = sorted(scores)
test_accuracy = scores["department_accuracy"]
predictions = model.predict(data)
priorities, departments = predictions["priority"], predictions["department"]

# by position, and as a whole number of samples that does not fill the last batch
lists = [title_data[:100], body_data[:100], screenshot_data[:100], tags_data[:100]]
again = model.predict(lists)["department"]
np.testing.assert_allclose(again, departments[:100], rtol=1e-4, atol=1e-5)
