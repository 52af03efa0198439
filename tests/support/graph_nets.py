"""A graph with everything that a plan can meet, for tests that need a real one."""

import numpy as np


def graph(keras, seed=0, shape=(8, 8, 3), activation="relu"):
    """Two inputs and two outputs, residual blocks, branches, a shared layer and a nested model."""
    layers = keras.layers
    image, vector = keras.Input(shape, name="image"), keras.Input((4,), name="vector")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.Activation(activation)(x)
    for _ in range(2):
        y = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
        y = layers.BatchNormalization()(y)
        x = layers.Activation(activation)(layers.add([y, x]))
    shared = layers.Conv2D(4, 3, padding="same", activation="tanh", name="shared")
    x = layers.Concatenate()([shared(x), layers.MaxPooling2D(1)(shared(x * 0.5)), x])
    x = layers.AveragePooling2D(2, name="pool")(x)
    stack = [keras.Input((4,)), layers.Dense(6, activation="tanh"), layers.Dense(5)]
    tower = keras.Sequential(stack, name="tower")
    a, b = tower(vector), tower(1 - vector)
    features = layers.GlobalAveragePooling2D()(x)
    both = layers.Concatenate(name="both")([features, layers.multiply([a, b])])
    both = layers.Dropout(0.2, seed=seed, name="dropout")(both)
    label = layers.Dense(3, activation="softmax", name="label")(both)
    score = layers.Dense(1, name="score")(layers.subtract([a, b]))
    model = keras.Model([image, vector], [label, score], name="graph")
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss={"label": "sparse_categorical_crossentropy", "score": "mse"},
        loss_weights={"label": 1.0, "score": 0.5},
        metrics={"label": ["accuracy"]},
    )
    return model


def data(n, seed=0, shape=(8, 8, 3)):
    """(inputs, targets) of n samples for `graph`."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(n, *shape)), rng.normal(size=(n, 4))]
    y = [rng.integers(0, 3, n), rng.normal(size=(n, 1))]
    return [array.astype("f4") for array in x], [y[0], y[1].astype("f4")]
