"""Compiled models whose files are exchanged with Keras: `build(keras)` works with both packages.

tests/keras/golden_files/record.py lets Keras build, train and save them; test_saving_golden.py
loads what it saved, and compares what this package would save. Each layer alone:
layer_cases.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEPS = 3  # batches that Keras trained before saving, and as many again afterwards


class Case(NamedTuple):
    """A model, the shape of a sample, its targets, and whether its training is random."""

    build: Callable
    shape: tuple
    classes: int = 3
    targets: str = "labels"
    by_chance: bool = False


def small(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255.0, offset=-0.5),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 2, name="mine", padding="same", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def separable(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((9, 8, 2)),
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(max_value=6),
            layers.SeparableConv2D(6, 3, depth_multiplier=2, padding="same", activation="tanh"),
            layers.DepthwiseConv2D(2, depth_multiplier=2),
            layers.BatchNormalization(scale=False, epsilon=1e-2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5, staircase=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True), loss)
    return model


def resized(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((5, 6, 2)),
            layers.ZeroPadding2D(((1, 0), (2, 1))),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="elu"),
            layers.Cropping2D(((1, 2), (0, 1))),
            layers.AveragePooling2D(2, padding="same"),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.UpSampling2D((1, 2)),
            layers.Conv2DTranspose(2, 2, use_bias=False),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(0.1, 0.2, seed=3)),
        ]
    )
    optimizer = keras.optimizers.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True)
    model.compile(optimizer, "mse", metrics=["mae", keras.metrics.MeanSquaredError(name="error")])
    return model


def activations(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4, 5, 2)),
            layers.Dense(4, activation=layers.LeakyReLU(negative_slope=0.1)),
            layers.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.25)),
            layers.ELU(alpha=0.5),
            layers.Activation("gelu"),
            layers.Softmax(axis=[1, 2]),
            layers.LeakyReLU(),
            layers.Reshape((10, 8)),
            layers.Activation("silu"),
            layers.Flatten(),
            layers.Dense(3, activation="log_softmax"),
        ]
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    model.compile(keras.optimizers.Nadam(0.01), loss, metrics=["accuracy"])
    return model


def regularized(keras):
    layers = keras.layers
    regularizers, constraints = keras.regularizers, keras.constraints
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(4, 3, kernel_regularizer="l2", kernel_constraint="non_neg"),
            layers.BatchNormalization(gamma_regularizer=regularizers.L1(0.01)),
            layers.Flatten(),
            layers.Dense(
                3,
                activation="sigmoid",
                kernel_regularizer=regularizers.L1L2(0.01, 0.02),
                bias_regularizer=regularizers.L2(0.1),
                kernel_constraint=constraints.MaxNorm(2, axis=0),
            ),
        ]
    )
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.02, clipnorm=0.5, amsgrad=True)
    model.compile(
        optimizer,
        keras.losses.BinaryCrossentropy(label_smoothing=0.1),
        metrics=["binary_accuracy", keras.metrics.AUC(num_thresholds=50)],
        weighted_metrics=[keras.metrics.Precision(thresholds=0.4), keras.metrics.Recall()],
    )
    return model


def augmented(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, (-0.2, 0.1), fill_mode="nearest"),
            layers.RandomRotation(0.1, seed=1),
            layers.RandomZoom((-0.2, 0.1), fill_mode="constant", fill_value=0.5),
            layers.RandomContrast(0.2),
            layers.RandomErasing(0.5),
            layers.RandomBrightness(0.1, value_range=(-3, 3)),
            layers.GaussianNoise(0.1),
            layers.GaussianDropout(0.2, seed=3),
            layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
            layers.Conv2D(4, 3, activation="relu", trainable=False),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dropout(0.3, seed=2),
            layers.Dense(3, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy())
    return model


def nested(keras):
    layers = keras.layers
    block = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Conv2D(4, 3, groups=2), layers.MaxPool2D((2, 1), 1)],
        name="block",
    )
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            block,
            layers.Conv2D(4, 2, dilation_rate=2, padding="same", activation="softplus"),
            layers.GlobalMaxPooling2D(keepdims=True),
            layers.Flatten(),
            keras.Sequential([layers.Dense(4), layers.Dense(3)]),
        ],
        name="outer",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Lion(0.01, weight_decay=0.1), loss)
    return model


def adapted(keras):
    layers = keras.layers
    scaled = layers.Normalization()
    scaled.adapt(np.random.default_rng(5).normal(3, 2, (50, 4)).astype(np.float32))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            scaled,
            layers.Dense(5, kernel_initializer=keras.initializers.Orthogonal(seed=1)),
            layers.BatchNormalization(center=False),
            layers.Activation("relu"),
            layers.Dense(1, bias_initializer="ones"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=2)
    model.compile(keras.optimizers.Adagrad(rate), keras.losses.Huber(), metrics=["mae"])
    return model


def arranged(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((9, 7, 2)),
            layers.CenterCrop(8, 6),
            layers.Resizing(5, 6, "bicubic"),
            layers.Resizing(4, 4, crop_to_aspect_ratio=True, antialias=True),
            layers.LayerNormalization([1, 3], beta_regularizer="l2"),
            layers.Permute((3, 1, 2)),
            layers.Identity(),
            layers.LayerNormalization(epsilon=0.01, center=False),
            layers.ActivityRegularization(0.001, 0.002),
            layers.Flatten(),
            layers.Dense(4, activation="sigmoid"),
            layers.UnitNormalization(),
            layers.RepeatVector(3),
            layers.Dense(2, activation="tanh"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1, amsgrad=True)
    model.compile(optimizer, "categorical_hinge", metrics=["categorical_accuracy"])
    return model


def plain(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="only")])
    model.compile(keras.optimizers.SGD(0.1, clipvalue=0.3), "mean_absolute_error")
    return model


CASES = {
    "small": Case(small, (8, 8, 1)),
    "separable": Case(separable, (9, 8, 2)),
    "resized": Case(resized, (5, 6, 2), 2, "numbers"),
    "activations": Case(activations, (4, 5, 2), 3, "one-hot"),
    "regularized": Case(regularized, (6, 6, 2), 3, "one-hot"),
    "augmented": Case(augmented, (8, 8, 3), by_chance=True),
    "nested": Case(nested, (6, 6, 2)),
    "adapted": Case(adapted, (4,), 1, "numbers"),
    "arranged": Case(arranged, (9, 7, 2), 3, "one-hot"),
    "plain": Case(plain, (3,), 2, "numbers"),
}


def data(case, count=8 * STEPS):
    """x and y for a case, the same in every call."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(count, *case.shape)).astype(np.float32)
    labels = rng.integers(0, case.classes, count)
    if case.targets == "labels":
        return x, labels
    if case.targets == "one-hot":
        return x, np.eye(case.classes, dtype=np.float32)[labels]
    return x, rng.normal(size=(count, case.classes)).astype(np.float32)
