"""Losses: the functions that training minimizes, with their gradients.

    >>> import numpy as np
    >>> from fastcnn import losses
    >>> loss = losses.SparseCategoricalCrossentropy()
    >>> round(float(loss([1, 0], np.array([[0.25, 0.75], [0.5, 0.5]]))), 4)
    0.4904

A loss has one value per sample (or per position, if the output has more axes), the mean over the
last axis. Calling it on arrays reduces these values as Keras does: "sum_over_batch_size" is the
mean of value * weight over all samples.

A custom loss implements `values` and `gradient`:

    >>> class MeanFourthPower(losses.Loss):
    ...     def values(self, y_true, y_pred):
    ...         return ((y_pred - y_true) ** 4).mean(axis=-1)
    ...     def gradient(self, y_true, y_pred):
    ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.lazy import OLD_NAMES, attach
from fastcnn.losses.base import Loss, registry
from fastcnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from fastcnn.core.types import Config, CustomObjects
    from fastcnn.losses.focal import (
        BinaryFocalCrossentropy as BinaryFocalCrossentropy,
        CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
        binary_focal_crossentropy as binary_focal_crossentropy,
        categorical_focal_crossentropy as categorical_focal_crossentropy,
        categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
    )
    from fastcnn.losses.margins import (
        CategoricalHinge as CategoricalHinge,
        Hinge as Hinge,
        SquaredHinge as SquaredHinge,
        categorical_hinge as categorical_hinge,
        hinge as hinge,
        squared_hinge as squared_hinge,
    )
    from fastcnn.losses.overlap import (
        Dice as Dice,
        Tversky as Tversky,
        dice as dice,
        tversky as tversky,
    )
    from fastcnn.losses.regression import (
        CosineSimilarity as CosineSimilarity,
        Huber as Huber,
        KLDivergence as KLDivergence,
        LogCosh as LogCosh,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanAbsolutePercentageError as MeanAbsolutePercentageError,
        MeanSquaredError as MeanSquaredError,
        MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
        Poisson as Poisson,
        cosine_similarity as cosine_similarity,
        huber as huber,
        kl_divergence as kl_divergence,
        log_cosh as log_cosh,
        mean_absolute_error as mean_absolute_error,
        mean_absolute_percentage_error as mean_absolute_percentage_error,
        mean_squared_error as mean_squared_error,
        mean_squared_logarithmic_error as mean_squared_logarithmic_error,
        poisson as poisson,
    )
    from fastcnn.losses.similarity import (
        Circle as Circle,
        circle as circle,
    )

    # The names of `lazy.OLD_NAMES`.
    kld: Callable[..., NDArray]
    KLD: Callable[..., NDArray]
    kullback_leibler_divergence: Callable[..., NDArray]
    mae: Callable[..., NDArray]
    MAE: Callable[..., NDArray]
    mape: Callable[..., NDArray]
    MAPE: Callable[..., NDArray]
    mse: Callable[..., NDArray]
    MSE: Callable[..., NDArray]
    msle: Callable[..., NDArray]
    MSLE: Callable[..., NDArray]
    logcosh: Callable[..., NDArray]


if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(
        __name__,
        {
            "regression": (
                "CosineSimilarity",
                "Huber",
                "KLDivergence",
                "LogCosh",
                "MeanAbsoluteError",
                "MeanAbsolutePercentageError",
                "MeanSquaredError",
                "MeanSquaredLogarithmicError",
                "Poisson",
                "cosine_similarity",
                "huber",
                "kl_divergence",
                "log_cosh",
                "mean_absolute_error",
                "mean_absolute_percentage_error",
                "mean_squared_error",
                "mean_squared_logarithmic_error",
                "poisson",
            ),
            "margins": (
                "CategoricalHinge",
                "Hinge",
                "SquaredHinge",
                "categorical_hinge",
                "hinge",
                "squared_hinge",
            ),
            "focal": (
                "BinaryFocalCrossentropy",
                "CategoricalFocalCrossentropy",
                "CategoricalGeneralizedCrossEntropy",
                "binary_focal_crossentropy",
                "categorical_focal_crossentropy",
                "categorical_generalized_cross_entropy",
            ),
            "overlap": (
                "Dice",
                "Tversky",
                "dice",
                "tversky",
            ),
            "similarity": (
                "Circle",
                "circle",
            ),
        },
        OLD_NAMES,
    )

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "registry",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def get(identifier: Any) -> Loss | Callable[..., NDArray] | None:
    """A loss from a name, config, class, instance or function, as in Keras.

    The name of a class, such as "MeanSquaredError", gives an instance; every other name, such as
    "mse", gives the function, which returns one loss per sample.

    Raises:
        ValueError: an unknown name (the error lists the valid ones) or a function that is not one
            of this module's, and so has no gradient.
    """
    if isinstance(identifier, str):
        loss_class = registry.lookup(identifier)
        if identifier != loss_class.__name__ and loss_class.as_function is not None:
            return loss_class.as_function
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        if not hasattr(identifier, "loss_class"):
            raise ValueError(
                "A loss needs a gradient: subclass `fastcnn.losses.Loss` instead of passing the "
                f"function {identifier!r}."
            )
        return identifier
    return registry.get(identifier, Loss)


def get_instance(identifier: Any) -> Loss | None:
    """What `get` returns as a `Loss`, which training needs: an instance for each function."""
    loss: Any = get(identifier)
    return getattr(loss, "loss_class", lambda: loss)()


def serialize(loss: Loss | Callable[..., NDArray]) -> Config | None:
    """A loss as a dictionary in the format of Keras."""
    name = getattr(loss, "__name__", None)
    if name is not None:
        function = {"module": "builtins", "class_name": "function", "registered_name": "function"}
        return {**function, "config": name}
    return registry.serialize(loss)


def deserialize(
    name: str | Config, custom_objects: CustomObjects = None
) -> Loss | Callable[..., NDArray] | None:
    """The loss described by a dictionary from `serialize`, or by its name."""
    if isinstance(name, str):
        return get(name)
    if name.get("class_name") == "function":
        return get(name.get("config"))
    return registry.deserialize(name, custom_objects)
