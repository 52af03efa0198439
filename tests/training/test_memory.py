"""Arrays and models are freed as soon as they are no longer used, without the garbage collector."""

import gc
import pickle
import weakref

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.core.steps import MAX_BUFFERS, MAX_CALLS


@pytest.fixture(autouse=True)
def _without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def make_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def generate(x, y):
    for _ in range(2):
        yield x, y


def fail(model, x, y):
    """A `fit` that ends with an error."""

    class Failing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError

    with pytest.raises(KeyError):
        model.fit(x, y, verbose=0, callbacks=[Failing()])


USES = {
    "fit": lambda m, x, y: m.fit(x, y, verbose=0, sample_weight=np.ones(64)),
    "fit with a split": lambda m, x, y: m.fit(x, y, verbose=0, validation_split=0.25),
    "fit with validation": lambda m, x, y: m.fit(x, y, verbose=0, validation_data=(x, y)),
    "fit on a generator": lambda m, x, y: m.fit(generate(x, y), verbose=0),
    "fit that fails": fail,
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "predict": lambda m, x, y: m.predict(x, verbose=0),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
    "predict_on_batch": lambda m, x, y: m.predict_on_batch(x),
    "call": lambda m, x, y: m(x),
    "call in training": lambda m, x, y: m(x, training=True),
    "call of a layer": lambda m, x, y: m.layers[0](x),
}


@pytest.mark.parametrize("use", USES)
def test_arrays_are_freed(use):
    model = make_model()
    x, y = np.ones((64, 8, 8, 1), np.float32), np.zeros(64, np.int64)
    references = weakref.ref(x), weakref.ref(y)
    USES[use](model, x, y)
    del x, y
    assert [reference() for reference in references] == [None, None]


@pytest.mark.parametrize("use", USES)
def test_models_are_freed(use):
    model = make_model()
    reference = weakref.ref(model)
    kept = USES[use](model, np.ones((64, 8, 8, 1), np.float32), np.zeros(64, np.int64))
    del model
    assert reference() is None
    del kept


def test_history_knows_its_model_as_long_as_it_exists():
    model = make_model()
    history = model.fit(np.ones((8, 8, 8, 1)), np.zeros(8), verbose=0)
    assert history.model is model
    assert model.history is history
    copy = pickle.loads(pickle.dumps(history))
    assert copy.history == history.history
    assert copy.model is None
    del model
    assert history.model is None


def test_buffers_of_many_image_sizes_are_bounded():
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    for size in range(20, 120):
        model.predict(np.zeros((1, size, 24, 3), np.float32), verbose=0)
    model.compile("sgd", "mse")
    for size in range(20, 120):
        model.train_on_batch(np.zeros((1, size, 24, 3), np.float32), np.zeros((1, 4)))
    counts = [len(step._buffers) for step in model._plan.training.steps]
    assert 0 < max(counts) <= MAX_BUFFERS
    assert len(model._inputs) <= MAX_CALLS
    assert not model.layers[0]._buffers
