"""The recipes `fast`, `good` and `best`: a net, an optimizer, a schedule and an augmentation.

Only the public interface is used: copy this file and change it to start your own. The recipe is
that of Keller Jordan's airbench for CIFAR-10 (2024), in batches that fit the caches of a CPU.

- The first layer whitens patches of 2x2 pixels and is not trained, so that nothing is computed
  backward through the largest images. (airbench trains its bias for some epochs.)
- Blocks of convolution, max-pool, batch normalization and relu follow. A max-pool directly behind a
  convolution leaves one gradient of four, and the gradient kernels skip the others.
- Muon updates the filters, whose norm stays 1, and SGD everything else. Rates fall linearly to 0.
- Every other epoch shows the mirror image. Images are shifted by whole pixels, and in long runs a
  rectangle of each is erased. Labels are smoothed: those of Fashion-MNIST have errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import fastcnn as keras
from fastcnn import layers, optimizers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WHITENED = 5000  # images from which the first layer's filters are computed


@dataclass(frozen=True)
class Recipe:
    """What differs between the recipes.

    Attributes:
        widths: filters of each group of two convolutions.
        epochs: passes over the training images.
        muon_rate: the first learning rate of the filters, relative to their norm.
        sgd_rate: that of everything else.
        shift: how many pixels images are moved at most.
        erased: fraction of the area that is erased; 0 for none.
        smoothing: of the labels.
        batch_size: images per step; divides 50,000 and 60,000.
    """

    widths: tuple[int, ...]
    epochs: int
    muon_rate: float = 0.08
    sgd_rate: float = 0.05
    shift: int = 2
    erased: float = 0.0
    smoothing: float = 0.1
    batch_size: int = 250


RECIPES = {
    "fast": Recipe(widths=(16, 32, 64), epochs=5, shift=1),
    "good": Recipe(widths=(32, 128, 128), epochs=11),
    "best": Recipe(widths=(64, 256, 256), epochs=24, erased=0.08),
}


def build(recipe: Recipe, x: NDArray, classes: int = 10) -> keras.Sequential:
    """The compiled model for images x (n, height, width, channels) of values 0 to 255."""
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            *augmentation(recipe, x.shape[1:3]),
            *first_layers(x[:WHITENED]),
            *(layer for width in recipe.widths for layer in group(width)),
            layers.MaxPooling2D(3),
            layers.Flatten(),
            layers.Dense(
                classes,
                activation="softmax",
                use_bias=False,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            ),
        ]
    )
    model.compile(
        optimizer(recipe, steps=recipe.epochs * -(-len(x) // recipe.batch_size)),
        keras.losses.SparseCategoricalCrossentropy(label_smoothing=recipe.smoothing),
        metrics=["accuracy"],
    )
    return model


def augmentation(recipe: Recipe, size: tuple[int, int]) -> list[layers.Layer]:
    """The layers that change images in training; `fit` mirrors them."""
    height, width = ((recipe.shift + 0.5) / side for side in size)  # each shift is as likely
    changes: list[layers.Layer] = []
    if recipe.shift:
        changes.append(layers.RandomTranslation(height, width, "reflect", "nearest"))
    if recipe.erased:
        scale = recipe.erased, recipe.erased
        changes.append(layers.RandomErasing((1.0, 1.0), scale, fill_value=0))
    return changes


def first_layers(x: NDArray) -> list[layers.Layer]:
    """The normalization of the pixels, and the whitening of patches of 2x2."""
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    filters = keras.utils.whitening_filters((x - mean) / np.sqrt(variance), 2)
    return [
        layers.Normalization(mean=mean.tolist(), variance=variance.tolist()),
        layers.Conv2D(
            filters.shape[-1],
            2,
            activation="relu",
            use_bias=False,
            kernel_initializer=keras.initializers.Constant(filters),
            trainable=False,
            name="whitening",
        ),
    ]


def group(width: int) -> list[layers.Layer]:
    """Two convolutions with batch normalization and relu; the first one halves the image."""
    return [
        convolution(width),
        layers.MaxPooling2D(2),
        layers.BatchNormalization(momentum=0.6, scale=False),
        layers.ReLU(),
        convolution(width),
        layers.BatchNormalization(momentum=0.6, scale=False),
        layers.ReLU(),
    ]


def convolution(width: int) -> layers.Layer:
    """A convolution that first copies its input channels, and whose filters have norm 1."""
    return layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.Dirac(remainder="he_uniform"),
        kernel_constraint=keras.constraints.UnitNorm(axis=[0, 1, 2]),
    )


def optimizer(recipe: Recipe, steps: int) -> optimizers.Optimizer:
    """Muon for the filters, SGD for the rest, with rates that fall linearly to 0."""
    muon = optimizers.Muon(
        optimizers.schedules.PolynomialDecay(recipe.muon_rate, steps, 0.0),
        momentum=0.6,
        ns_steps=3,
        rms_rate=None,
        weight_decay=None,
        filters=True,
    )
    sgd = optimizers.SGD(
        optimizers.schedules.PolynomialDecay(recipe.sgd_rate, steps, 0.0),
        momentum=0.85,
        nesterov=True,
    )
    by_path = optimizers.OptimizerMap(sgd, {".*conv2d.*/kernel": muon})
    return optimizers.MultiOptimizer(by_path)


def fit(
    model: keras.Sequential,
    recipe: Recipe,
    x: NDArray,
    y: NDArray,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
) -> None:
    """Train the model from `build`."""
    flip = keras.callbacks.AlternatingFlip(x)
    model.fit(
        flip.images,
        y,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        callbacks=[flip, *callbacks],
        verbose=verbose,
    )


def predict(model: keras.Sequential, x: NDArray) -> tuple[NDArray, NDArray]:
    """Probabilities of the images, and their mean with those of the mirror images."""
    plain = model.predict(x, batch_size=500, verbose=0)
    return plain, (plain + model.predict(x[:, :, ::-1], batch_size=500, verbose=0)) / 2
