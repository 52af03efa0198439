"""Models as scikit-learn estimators, like `keras.wrappers`. Requires scikit-learn.

import fastcnn as keras
from sklearn.model_selection import GridSearchCV

def build(X, y, units=32):
    model = keras.Sequential([
        keras.Input((X.shape[1],)),
        keras.layers.Dense(units, activation="relu"),
        keras.layers.Dense(y.shape[1], activation="softmax"),
    ])
    model.compile("adam", "categorical_crossentropy")
    return model

estimator = keras.wrappers.SKLearnClassifier(build, fit_kwargs={"epochs": 5, "verbose": 0})
search = GridSearchCV(estimator, {"model_kwargs": [{"units": 16}, {"units": 64}]})
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError(
        "`fastcnn.wrappers` requires scikit-learn 1.6 or later: pip install 'fastcnn[sklearn]'."
    ) from None

from fastcnn.core.lazy import explain_missing
from fastcnn.models import Model, clone_model

if TYPE_CHECKING:
    from typing import Any, Self

    from numpy.typing import ArrayLike, NDArray


__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class _Estimator(BaseEstimator):
    """Base class of the classifier, the regressor and the transformer.

    Args:
        model: a compiled model with one input and one output, or a function of X, y and
            `model_kwargs` that returns one.
        warm_start: whether `fit` continues with the model of the previous `fit`.
        model_kwargs: dictionary of additional arguments for the function.
        fit_kwargs: dictionary of arguments for the model's `fit`; `batch_size` and `verbose` also
            apply to `predict`.

    Attributes, after `fit`:
        model_: the trained model.
        history_: the result of the model's `fit`.
    """

    def __init__(
        self,
        model: Model,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: ArrayLike, y: ArrayLike, **kwargs: Any) -> Self:  # noqa: N803 - sklearn's name
        """Train on X (n, features) and y (n,); `kwargs` are passed to the model's `fit`."""
        settings = {**self._accepts, "multi_output": self._multi_output}
        X, y = validate_data(self, X, y, **settings)  # noqa: N806
        targets = self._prepare(y)
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._new_model(X, targets)
        settings = {**(self.fit_kwargs or {}), **kwargs}
        self.history_ = self.model_.fit(X, targets, **settings)
        return self

    def _new_model(self, X, y):  # noqa: N803
        if isinstance(self.model, Model):
            model = clone_model(self.model)
            if self.model.compiled:
                model.compile_from_config(self.model.get_compile_config())
        else:
            model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not model.compiled or model.loss is None:
            raise RuntimeError("The model must be compiled, with an optimizer and a loss.")
        return model

    def _output(self, X):  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._accepts)  # noqa: N806
        settings = self.fit_kwargs or {}
        return self.model_.predict(
            X, **{key: settings[key] for key in ("batch_size", "verbose") if key in settings}
        )

    _multi_output = False
    # X may also be images (n, height, width, channels)
    _accepts = {"allow_nd": True, "dtype": "numeric"}  # noqa: RUF012 - never changed

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier. The model receives y as one-hot rows (n, classes).

    Attributes, after `fit`:
        classes_: the labels, sorted.
    """

    __doc__ += str(_Estimator.__doc__).split("\n", 1)[1]

    def decision_function(self, X: ArrayLike) -> NDArray:  # noqa: N803
        """The model's output for X: (n, classes)."""
        return self._output(X)

    def predict(self, X: ArrayLike) -> NDArray:  # noqa: N803
        """The label of the largest output for each row of X."""
        indices = self._output(X).argmax(axis=-1)
        return self.classes_[indices]

    def _prepare(self, y):
        kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"Unknown label type: {kind}. Only binary and multiclass targets are supported."
            )
        classes, indices = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        before = getattr(self, "classes_", classes) if self.warm_start else classes
        if not np.array_equal(classes, before):
            raise ValueError(f"The classes were {before}. Received {classes}.")
        self.classes_ = classes
        return np.eye(len(classes), dtype=np.float32)[indices.reshape(-1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A regressor. The model receives y as (n, outputs)."""

    __doc__ += str(_Estimator.__doc__).split("\n", 1)[1]
    _multi_output = True

    def predict(self, X: ArrayLike) -> NDArray:  # noqa: N803
        """The model's output for X as float64, with as many axes as y had in `fit`."""
        output = self._output(X).astype(np.float64)
        return output[:, 0] if self._y_ndim == 1 else output

    def _prepare(self, y):
        if type_of_target(y) == "unknown":
            raise ValueError(f"Unknown label type: {y.dtype}.")
        self._y_ndim = y.ndim
        return y.reshape(len(y), -1).astype(np.float32)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A transformer: the model's output, such as an embedding, as features of the next step.

    The model receives y as it is given to `fit`. `sklearn.frozen.FrozenEstimator` keeps a pipeline
    from training it again.
    """

    __doc__ += str(_Estimator.__doc__).split("\n", 1)[1]
    _multi_output = True

    def transform(self, X: ArrayLike) -> NDArray:  # noqa: N803
        """The model's output for X."""
        return self._output(X)

    def _prepare(self, y):
        if type_of_target(y) == "unknown":
            raise ValueError(f"Unknown label type: {y.dtype}.")
        return y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


explain_missing(sys.modules[__name__])
