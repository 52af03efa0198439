"""Callbacks that monitor, save and log a graph with two outputs; test_backup.py resumes one."""

import csv

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from tests.support.pieces import flat

BEST = {"val_loss": 0, "val_size_mae": 2, "kind_accuracy": 4, "size_loss": 5}  # epochs
EPOCHS = 6


def net():
    keras.utils.set_random_seed(3)
    image, row = keras.Input((5, 5, 1), name="image"), keras.Input((4,), name="row")
    x = layers.Flatten()(layers.BatchNormalization()(layers.Conv2D(3, 3)(image)))
    x = layers.ReLU()(layers.add([layers.Dense(6)(x), layers.Dense(6)(row)]))
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    model = keras.Model([image, row], [kind, layers.Dense(1, name="size")(x)])
    model.compile(
        keras.optimizers.Adam(0.1),
        ["sparse_categorical_crossentropy", "mse"],
        metrics={"kind": "accuracy", "size": "mae"},
    )
    return model


def data():
    rng = np.random.default_rng(2)
    x = [rng.normal(size=(30, *shape)).astype(np.float32) for shape in ((5, 5, 1), (4,))]
    return x, [rng.integers(0, 3, 30), rng.normal(size=30)]


X, Y = data()


class Recorder(keras.callbacks.Callback):
    """The weights after each epoch."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(flat(self.model))


def fit(model, *callbacks):
    """(logs, weights) of each epoch."""
    recorder = Recorder()
    settings = {"epochs": EPOCHS, "batch_size": 8, "validation_split": 0.3, "verbose": 0}
    history = model.fit(X, Y, callbacks=[recorder, *callbacks], **settings).history
    return history, recorder.weights


@pytest.mark.parametrize("monitor", BEST)
def test_checkpoint_of_the_best_model(monitor, tmp_path):
    """The mode of each value is known, and both files continue with the same bits."""
    paths = tmp_path / "best.keras", tmp_path / "best.weights.h5"
    checkpoints = [
        keras.callbacks.ModelCheckpoint(
            path, monitor, save_best_only=True, save_weights_only=path.suffix == ".h5"
        )
        for path in paths
    ]
    history, weights = fit(net(), *checkpoints)
    better = np.argmax if "accuracy" in monitor else np.argmin
    assert better(history[monitor]) == BEST[monitor]
    models = keras.models.load_model(paths[0]), net()
    models[1].load_weights(paths[1])
    continued = []
    for model in models:
        np.testing.assert_array_equal(flat(model), weights[BEST[monitor]])
        keras.utils.set_random_seed(4)
        continued.append(fit(model)[0])
    assert continued[0] == continued[1]


def test_checkpoints_are_named_after_values_of_outputs(tmp_path):
    path = tmp_path / "{epoch}-{val_kind_loss:.3f}-{size_mae:.3f}.weights.h5"
    save = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    history, weights = fit(net(), save)
    model = net()
    for epoch, wanted in enumerate(weights):
        values = {name: history[name][epoch] for name in ("val_kind_loss", "size_mae")}
        model.load_weights(str(path).format(epoch=epoch + 1, **values))
        np.testing.assert_array_equal(flat(model), wanted)


def test_early_stopping_restores_the_best_weights():
    stop = keras.callbacks.EarlyStopping("val_size_mae", patience=2, restore_best_weights=True)
    model = net()
    history, weights = fit(model, stop)
    assert (stop.best_epoch, stop.stopped_epoch, len(history["loss"])) == (2, 4, 5)
    np.testing.assert_array_equal(flat(model), weights[2])
    predictions = model.predict(X, verbose=0)
    error = np.abs(predictions[1][21:, 0] - Y[1][21:]).mean()
    assert error == pytest.approx(history["val_size_mae"][2])


def test_csv_has_a_column_for_each_value(tmp_path):
    path = tmp_path / "log.csv"
    history, _ = fit(net(), keras.callbacks.CSVLogger(path))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"epoch", *history}
    assert len(rows) == EPOCHS
    for name, values in history.items():
        assert [float(row[name]) for row in rows] == pytest.approx(values)
