"""After the functional API in chapter 7 of "Deep Learning with Python" by François Chollet."""

import keras
import numpy as np
from keras import layers

vocabulary_size = 500
num_tags = 20
num_departments = 4

title = keras.Input(shape=(vocabulary_size,), name="title")
text_body = keras.Input(shape=(vocabulary_size,), name="text_body")
tags = keras.Input(shape=(num_tags,), name="tags")

features = layers.Concatenate()([title, text_body, tags])
features = layers.Dense(64, activation="relu")(features)

priority = layers.Dense(1, activation="sigmoid", name="priority")(features)
department = layers.Dense(num_departments, activation="softmax", name="department")(features)

model = keras.Model(inputs=[title, text_body, tags], outputs=[priority, department])

num_samples = 1280
rng = np.random.default_rng(0)
title_data = rng.integers(0, 2, size=(num_samples, vocabulary_size))
text_body_data = rng.integers(0, 2, size=(num_samples, vocabulary_size))
tags_data = rng.integers(0, 2, size=(num_samples, num_tags))
priority_data = rng.random((num_samples, 1))
department_data = rng.integers(0, 2, size=(num_samples, num_departments))
department_data[:, 0] |= department_data.sum(axis=1) == 0
department_data = department_data / department_data.sum(axis=1, keepdims=True)

model.compile(
    optimizer="rmsprop",
    loss=["mean_squared_error", "categorical_crossentropy"],
    metrics=[["mean_absolute_error"], ["accuracy"]],
)
model.fit([title_data, text_body_data, tags_data], [priority_data, department_data], epochs=1)
scores = model.evaluate([title_data, text_body_data, tags_data], [priority_data, department_data])
length = len(scores)
priority_preds, department_preds = model.predict([title_data, text_body_data, tags_data])

model.compile(
    optimizer="rmsprop",
    loss={"priority": "mean_squared_error", "department": "categorical_crossentropy"},
    metrics={"priority": ["mean_absolute_error"], "department": ["accuracy"]},
)
data = {"title": title_data, "text_body": text_body_data, "tags": tags_data}
targets = {"priority": priority_data, "department": department_data}
history = model.fit(data, targets, epochs=1)
model.evaluate(data, targets)
priority_preds, department_preds = model.predict(data)

# a third output from a layer in the middle
assert [layer.name for layer in model.layers[:3]] == ["title", "text_body", "tags"]
assert [tensor.shape for tensor in model.layers[3].input] == [
    tensor.shape for tensor in model.inputs
]
features = model.layers[4].output
difficulty = layers.Dense(3, activation="softmax", name="difficulty")(features)
new_model = keras.Model(inputs=[title, text_body, tags], outputs=[priority, department, difficulty])
new_model.summary()
outputs = new_model.predict(data)
shapes = [list(output.shape) for output in outputs]
np.testing.assert_allclose(outputs[1], department_preds, rtol=1e-4, atol=1e-6)
test_accuracy = scores[-1]
