"""The scikit-learn wrappers: scikit-learn's own estimator checks, grid searches, pipelines."""

import pickle
from functools import partial

import numpy as np
import pytest

import fastcnn as keras

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits, make_classification, make_regression  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from fastcnn.wrappers import (  # noqa: E402
    SKLearnClassifier,
    SKLearnRegressor,
    SKLearnTransformer,
)


def classifier(X, y, units=20):  # noqa: N803
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return model


def regressor(X, y):  # noqa: N803
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(20, activation="relu"),
            keras.layers.Dense(y.shape[1]),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def embedding(X, y):  # noqa: N803
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def functional(X, y, units=20):  # noqa: N803
    """A graph with a skip connection."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(X.shape[1:])
    x = keras.layers.Dense(units, activation="relu")(inputs)
    x = keras.layers.add([x, keras.layers.Dense(units, activation="relu")(x)])
    model = keras.Model(inputs, keras.layers.Dense(y.shape[1], activation="softmax")(x))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return model


FIT = {"epochs": 30, "verbose": 0}
# As in Keras, `decision_function` returns the model's output, one column per class. For two classes
# scikit-learn expects a single value per sample, and aborts these checks.
COLUMNS = "decision_function has a column for each of two classes, as in Keras"
EXPECTED = {"check_classifiers_train": COLUMNS, "check_classifiers_classes": COLUMNS}
CHECKS = parametrize_with_checks(
    [
        SKLearnClassifier(classifier, fit_kwargs=FIT),
        SKLearnRegressor(regressor, fit_kwargs=FIT),
        SKLearnTransformer(embedding, fit_kwargs={"epochs": 1, "verbose": 0}),
    ],
    expected_failed_checks=lambda estimator: (
        EXPECTED if isinstance(estimator, SKLearnClassifier) else {}
    ),
)


def check_id(value):
    """The name of an estimator or a check; scikit-learn's ids contain the address of a function."""
    return value.func.__name__ if isinstance(value, partial) else type(value).__name__


@CHECKS.with_args(ids=check_id)  # the same in every process of pytest-xdist
@pytest.mark.filterwarnings("ignore")
def test_estimator_checks(estimator, check):
    check(estimator)


class TestClassifier:
    def test_digits_in_a_grid_search(self):
        X, y = load_digits(n_class=4, return_X_y=True)  # noqa: N806
        search = GridSearchCV(
            make_pipeline(StandardScaler(), SKLearnClassifier(classifier, fit_kwargs=FIT)),
            {"sklearnclassifier__model_kwargs": [{"units": 2}, {"units": 32}]},
            cv=2,
        )
        search.fit(X[:200], y[:200])
        assert search.best_params_ == {"sklearnclassifier__model_kwargs": {"units": 32}}
        assert search.score(X[200:], y[200:]) > 0.9

    def test_graphs(self):
        X, y = load_digits(n_class=4, return_X_y=True)  # noqa: N806
        X = X / 16  # noqa: N806
        estimator = SKLearnClassifier(functional, fit_kwargs=FIT)
        settings = {"model_kwargs": [{"units": 1}, {"units": 16}]}
        search = GridSearchCV(estimator, settings, cv=2).fit(X[:200], y[:200])
        assert search.best_params_ == {"model_kwargs": {"units": 16}}
        assert search.score(X[200:], y[200:]) > 0.9
        model = functional(X, np.eye(4))  # a model instead of a function
        before = model.get_weights()
        again = clone(SKLearnClassifier(model, fit_kwargs=FIT)).fit(X[:200], y[:200])
        assert again.score(X[200:], y[200:]) > 0.9
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)
        copy = pickle.loads(pickle.dumps(again))
        np.testing.assert_array_equal(copy.predict(X), again.predict(X))

    def test_parallel_cross_validation(self):
        X, y = make_classification(80, random_state=0)  # noqa: N806
        scores = cross_val_score(
            SKLearnClassifier(classifier, fit_kwargs=FIT), X, y, cv=2, n_jobs=2
        )
        assert scores.min() > 0.6

    def test_labels_may_be_strings(self):
        X, y = make_classification(60, n_classes=3, n_informative=5, random_state=0)  # noqa: N806
        words = np.array(["cat", "dog", "eel"])[y]
        estimator = SKLearnClassifier(classifier, fit_kwargs=FIT).fit(X, words)
        assert estimator.classes_.tolist() == ["cat", "dog", "eel"]
        assert set(estimator.predict(X)) <= set(words)
        assert estimator.decision_function(X).shape == (60, 3)
        assert estimator.history_.history["accuracy"][-1] > 0.8

    def test_images(self):
        X, y = load_digits(n_class=3, return_X_y=True)  # noqa: N806
        X = X.reshape(-1, 8, 8, 1) / 16  # noqa: N806
        estimator = SKLearnClassifier(classifier, fit_kwargs=FIT).fit(X, y, epochs=20)
        assert estimator.score(X, y) > 0.9

    def test_model_is_cloned(self):
        X, y = make_classification(40, random_state=0)  # noqa: N806
        model = classifier(X, np.eye(2))
        before = model.get_weights()
        estimator = SKLearnClassifier(model, fit_kwargs=FIT)
        clone(estimator).fit(X, y)
        estimator.fit(X, y)
        assert estimator.model_ is not model
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)

    def test_warm_start(self):
        X, y = make_classification(40, random_state=0)  # noqa: N806
        estimator = SKLearnClassifier(classifier, warm_start=True, fit_kwargs=FIT).fit(X, y)
        model, steps = estimator.model_, estimator.model_.optimizer.iterations
        estimator.fit(X, y)
        assert estimator.model_ is model
        assert model.optimizer.iterations == 2 * steps
        with pytest.raises(ValueError, match="The classes were"):
            estimator.fit(X, y + 1)

    def test_errors(self):
        X, y = make_classification(40, random_state=0)  # noqa: N806
        with pytest.raises(NotFittedError):
            SKLearnClassifier(classifier).predict(X)
        with pytest.raises(ValueError, match="only one class is present"):
            SKLearnClassifier(classifier).fit(X, np.zeros(40))
        with pytest.raises(ValueError, match="Unknown label type"):
            SKLearnClassifier(classifier).fit(X, X[:, 0])
        uncompiled = keras.Sequential([keras.Input((20,)), keras.layers.Dense(2)])
        with pytest.raises(RuntimeError, match="must be compiled"):
            SKLearnClassifier(uncompiled).fit(X, y)


def test_regressor_of_a_graph():
    def build(X, y):  # noqa: N803
        keras.utils.set_random_seed(0)
        inputs = keras.Input((X.shape[1],), name="x")
        x = keras.layers.Dense(20, activation="relu")(inputs)
        outputs = keras.layers.Dense(y.shape[1])(keras.layers.concatenate([inputs, x]))
        model = keras.Model({"x": inputs}, [outputs])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        return model

    X, y = make_regression(60, 5, n_targets=2, random_state=0)  # noqa: N806
    y = (y - y.mean(0)) / y.std(0)
    for targets in (y, y[:, 0]):
        estimator = SKLearnRegressor(build, fit_kwargs={"epochs": 60, "verbose": 0}).fit(X, targets)
        assert estimator.predict(X).shape == targets.shape
        assert estimator.score(X, targets) > 0.9


def test_regressor_with_two_outputs():
    X, y = make_regression(60, 5, n_targets=2, random_state=0)  # noqa: N806
    y = (y - y.mean(0)) / y.std(0)
    estimator = SKLearnRegressor(regressor, fit_kwargs={"epochs": 100, "verbose": 0}).fit(X, y)
    assert estimator.predict(X).shape == (60, 2)
    assert estimator.score(X, y) > 0.9
    with pytest.raises(ValueError, match="Unknown label type"):
        estimator.fit(X, np.array([object()] * 60))


def test_transformer_is_a_step_of_a_pipeline():
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    X, y = make_classification(60, random_state=0)  # noqa: N806
    transformer = SKLearnTransformer(embedding, fit_kwargs={"epochs": 2, "verbose": 0})
    features = transformer.fit(X, y).transform(X)
    assert features.shape == (60, 1)
    pipe = make_pipeline(FrozenEstimator(transformer), LogisticRegression()).fit(X, y)
    np.testing.assert_array_equal(transformer.transform(X), features)
    assert pipe.score(X, y) > 0.5
    with pytest.raises(NotFittedError):
        SKLearnTransformer(embedding).transform(X)
