"""Named runs of fit, evaluate and predict, for Keras or fastcnn.

tests/keras/golden/record_pieces.py records Keras's outcomes, test_fits.py compares.
"""

import contextlib
import io
import re

import numpy as np

from tests.support.pieces import flat, sample_weights, small_data, small_net
from tests.support.runs import Runs

FITS = Runs()
case = FITS.case


def compiled(keras, optimizer=None, loss="sparse_categorical_crossentropy", **settings):
    model = small_net(keras)
    settings.setdefault("metrics", ["accuracy"])
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss, **settings)
    return model


def fit(keras, *data, model=None, **settings):
    """History and weights of a fit without shuffling, by default on the small data."""
    model = model or compiled(keras)
    settings = {"shuffle": False, "verbose": 0, "batch_size": 8, **settings}
    history = model.fit(*(data or small_data()), **settings)
    return {"history": history.history, "epoch": history.epoch, "weights": flat(model)}


def batches(count=None, size=8, weights=False):
    """Generate `count` batches of the small data, starting over at its end."""
    x, y = small_data()
    w = sample_weights(len(x))
    index = 0
    while count is None or index < count:
        rows = slice(index % 5 * size, (index % 5 + 1) * size)
        yield (x[rows], y[rows], w[rows]) if weights else (x[rows], y[rows])
        index += 1


class Recorder:
    """A callback of either library that records the hooks called, with their indices and keys."""

    PAIRS = ("train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch")
    HOOKS = tuple(f"on_{name}_{when}" for name in PAIRS for when in ("begin", "end"))

    def __new__(cls, keras):
        calls = []

        def recording(hook):
            def method(self, *arguments, logs=None):
                *index, logs = (*arguments, logs) if logs is not None else arguments or (None,)
                calls.append([hook, *index, sorted(logs or {})])

            return method

        kind = type("Calls", (keras.callbacks.Callback,), {h: recording(h) for h in cls.HOOKS})
        callback = kind()
        callback.calls = calls
        return callback


# --------------------------------------------------------------------------------------- arguments


@case
def plain(keras, folder):
    return fit(keras, epochs=3)


@case
def last_batch_smaller(keras, folder):
    x, y = small_data(37)
    return fit(keras, x, y, epochs=2)


@case
def validation_split(keras, folder):
    return fit(keras, epochs=2, validation_split=0.3)


@case
def validation_data(keras, folder):
    x, y = small_data(12, seed=1)
    return fit(keras, epochs=2, validation_data=(x, y), validation_batch_size=5)


@case
def validation_data_with_weights(keras, folder):
    x, y = small_data(12, seed=1)
    return fit(keras, epochs=2, validation_data=(x, y, sample_weights(12)), class_weight={1: 3.0})


@case
def validation_freq(keras, folder):
    x, y = small_data(12, seed=1)
    every = fit(keras, epochs=5, validation_data=(x, y), validation_freq=2)
    return [every, fit(keras, epochs=4, validation_data=(x, y), validation_freq=[1, 4])]


@case
def validation_steps(keras, folder):
    x, y = small_data(30, seed=1)
    return fit(keras, epochs=3, validation_data=(x, y), validation_steps=2)


@case
def class_weight(keras, folder):
    return fit(keras, epochs=2, class_weight={0: 2.0, 2: 0.5})


@case
def class_weight_of_one_hot(keras, folder):
    x, y = small_data()
    model = compiled(keras, loss="categorical_crossentropy")
    return fit(keras, x, np.eye(3, dtype="f4")[y], model=model, class_weight={0: 2.0, 2: 0.5})


@case
def weighted_metrics(keras, folder):
    model = compiled(keras, weighted_metrics=["accuracy", "sparse_categorical_crossentropy"])
    return fit(keras, model=model, epochs=2, sample_weight=sample_weights(40))


@case
def column_of_labels_and_weights(keras, folder):
    x, y = small_data()
    return fit(keras, x, y[:, None], epochs=2, sample_weight=sample_weights(40)[:, None])


@case
def initial_epoch(keras, folder):
    return fit(keras, epochs=5, initial_epoch=3)


@case
def steps_per_epoch(keras, folder):
    model = compiled(keras)
    result = fit(keras, model=model, epochs=4, steps_per_epoch=3)
    return [result, fit(keras, model=model, epochs=2, steps_per_epoch=2, batch_size=None)]


@case
def generators(keras, folder):
    endless = fit(keras, batches(), epochs=3, steps_per_epoch=4, batch_size=None)
    finite = fit(keras, batches(5), epochs=1, batch_size=None)
    weighted = fit(keras, batches(weights=True), epochs=2, steps_per_epoch=5, batch_size=None)
    return [endless, finite, weighted]


def py_dataset(keras):
    class Batches(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.calls = []

        def __len__(self):
            return 5

        def __getitem__(self, index):
            x, y = small_data()
            return x[8 * index : 8 * index + 8], y[8 * index : 8 * index + 8]

        def on_epoch_begin(self):
            self.calls.append("begin")

        def on_epoch_end(self):
            self.calls.append("end")

    return Batches()


@case
def py_datasets(keras, folder):
    data = py_dataset(keras)
    result = fit(keras, data, epochs=2, batch_size=None, validation_data=py_dataset(keras))
    weighted = fit(keras, py_dataset(keras), batch_size=None, class_weight={1: 2.0})
    cut = fit(keras, py_dataset(keras), epochs=3, steps_per_epoch=3, batch_size=None)
    return [result, data.calls, weighted, cut]


@case
def evaluate(keras, folder):
    x, y = small_data(37)
    model = compiled(keras, metrics=["sparse_categorical_crossentropy", "accuracy"])
    w = sample_weights(37)
    return [
        model.evaluate(x, y, verbose=0),
        model.evaluate(x, y, verbose=0, batch_size=10, sample_weight=w, return_dict=True),
        model.evaluate(x, y, verbose=0, steps=2),
        model.evaluate(x, y, verbose=0, steps=2, batch_size=8),
        model.evaluate(batches(3), verbose=0),
        model.evaluate(batches(), steps=2, verbose=0),
        model.evaluate(py_dataset(keras), verbose=0),
    ]


@case
def predict(keras, folder):
    x, _ = small_data(37)
    model = compiled(keras)
    return [
        model.predict(x, verbose=0),
        model.predict(x, verbose=0, steps=2, batch_size=8),
        model.predict(x, verbose=0, steps=3),
        model.predict(((x[i : i + 10],) for i in (0, 10, 20, 30)), verbose=0),
        model.predict(py_dataset(keras), verbose=0),
        model.predict_on_batch(x),
    ]


@case
def single_batches(keras, folder):
    x, y = small_data()
    model = compiled(keras)
    return [
        model.train_on_batch(x, y),
        model.train_on_batch(x, y, sample_weight=sample_weights(40), return_dict=True),
        model.train_on_batch(x, y, class_weight={0: 2.0}),
        model.test_on_batch(x, y),
        model.test_on_batch(x, y, sample_weight=sample_weights(40), return_dict=True),
        flat(model),
    ]


@case
def metrics_of_all_kinds(keras, folder):
    """Names, order and values, with two metrics of the same name."""
    x, y = small_data()
    model = compiled(
        keras,
        loss="categorical_crossentropy",
        metrics=[
            keras.metrics.CategoricalAccuracy("a"),
            "mse",
            keras.metrics.Precision(name="precision"),
            keras.metrics.MeanAbsoluteError("a"),
            "AUC",
            keras.metrics.F1Score(average="macro"),
        ],
        weighted_metrics=["mse", keras.metrics.Recall(name="recall", class_id=1)],
    )
    targets = np.eye(3, dtype="f4")[y]
    result = fit(keras, x, targets, model=model, epochs=2, sample_weight=sample_weights(40))
    return [result, model.evaluate(x, targets, verbose=0)]


@case
def average_of_weights(keras, folder):
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8)
    return fit(keras, model=compiled(keras, optimizer), epochs=2)


@case
def learning_rate_schedule(keras, folder):
    schedule = keras.optimizers.schedules.CosineDecay(0.2, 12, warmup_target=0.5, warmup_steps=4)
    return fit(keras, model=compiled(keras, keras.optimizers.SGD(schedule)), epochs=3)


@case
def regularized_convolutions(keras, folder):
    """Penalties on layers that would be fused into one step without them."""
    layers, regularizers = keras.layers, keras.regularizers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(
                4,
                3,
                activation="relu",
                kernel_regularizer=regularizers.L1L2(1e-2, 2e-2),
                activity_regularizer=regularizers.L2(0.01),
            ),
            layers.MaxPooling2D(),
            layers.BatchNormalization(
                gamma_regularizer="l2", activity_regularizer=regularizers.L1(0.02)
            ),
            layers.Activation("relu"),
            layers.Conv2D(3, 2, bias_regularizer="l1"),
            layers.Activation("relu", activity_regularizer="l2"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", activity_regularizer=regularizers.L2(0.1)),
        ]
    )
    rng = np.random.default_rng(3)
    model.set_weights([np.abs(rng.normal(0, 0.3, w.shape)) for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(30, 8, 8, 2)).astype("f4"), rng.integers(0, 3, 30)
    return fit(keras, x, y, model=model, epochs=3, validation_split=0.3)


# --------------------------------------------------------------------------------------- callbacks


@case
def hooks(keras, folder):
    recorder = Recorder(keras)
    x, y = small_data(20)
    model = compiled(keras)
    fit(keras, x, y, model=model, epochs=2, validation_split=0.5, callbacks=[recorder])
    model.evaluate(x, y, batch_size=10, verbose=0, callbacks=[recorder])
    model.predict(x, batch_size=10, verbose=0, callbacks=[recorder])
    return [recorder.calls, recorder.params]


@case
def early_stopping(keras, folder):
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", patience=2, min_delta=0.02, restore_best_weights=True
    )
    optimizer = keras.optimizers.SGD(1.5)
    result = fit(keras, model=compiled(keras, optimizer), epochs=20, callbacks=[stop])
    return [result, stop.stopped_epoch, stop.best_epoch, stop.best, stop.wait]


@case
def early_stopping_on_accuracy(keras, folder):
    stop = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=1, baseline=0.9, start_from_epoch=2, restore_best_weights=True
    )
    result = fit(keras, epochs=12, validation_split=0.3, callbacks=[stop])
    return [result, stop.stopped_epoch, stop.best_epoch]


@case
def reduce_lr_on_plateau(keras, folder):
    reduce = keras.callbacks.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, min_delta=0.05, cooldown=1, min_lr=0.01
    )
    return fit(keras, epochs=12, callbacks=[reduce])


@case
def learning_rate_scheduler(keras, folder):
    by_both = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    by_epoch = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    return [fit(keras, epochs=3, callbacks=[schedule]) for schedule in (by_both, by_epoch)]


@case
def csv_logger(keras, folder):
    path = folder / "log.csv"
    model = compiled(keras)
    for append in (False, True):
        logger = keras.callbacks.CSVLogger(str(path), separator=";", append=append)
        fit(
            keras,
            model=model,
            epochs=3,
            validation_split=0.3,
            validation_freq=2,
            callbacks=[logger],
        )
    return [[parsed(cell) for cell in line.split(";")] for line in path.read_text().splitlines()]


def parsed(text):
    try:
        return float(text)
    except ValueError:
        return text


@case
def model_checkpoint(keras, folder):
    checkpoint = keras.callbacks.ModelCheckpoint
    name = "{epoch:02d}-{loss:.3f}"
    callbacks = [
        checkpoint(str(folder / f"all-{name}.weights.h5"), save_weights_only=True),
        checkpoint(str(folder / "best-{epoch}.keras"), "loss", save_best_only=True),
        checkpoint(
            str(folder / "max-{epoch}.weights.h5"),
            "loss",
            save_best_only=True,
            save_weights_only=True,
            mode="max",
        ),
        checkpoint(
            str(folder / "step-{epoch}-{batch}.weights.h5"), save_weights_only=True, save_freq=3
        ),
        checkpoint(
            str(folder / "below-{epoch}.weights.h5"),
            "loss",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=1.1,
        ),
    ]
    fit(keras, epochs=4, callbacks=callbacks)
    return sorted(path.name for path in folder.iterdir())


@case
def terminate_on_nan(keras, folder):
    x, y = small_data()
    x[17] = np.nan
    recorder = Recorder(keras)
    result = fit(keras, x, y, epochs=3, callbacks=[keras.callbacks.TerminateOnNaN(), recorder])
    return [len(result["history"]["loss"]), [c for c in recorder.calls if "batch_end" in c[0]]]


@case
def lambda_callback(keras, folder):
    calls = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: calls.append([epoch, sorted(logs)]),
        on_train_batch_begin=lambda batch, logs: calls.append(batch),
    )
    fit(keras, epochs=2, callbacks=callback)
    return calls


@case
def what_callbacks_print(keras, folder):
    """Lines that callbacks print, without the digits that rounding could change."""
    callbacks = [
        keras.callbacks.EarlyStopping("loss", patience=2, verbose=1, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, verbose=1),
        keras.callbacks.LearningRateScheduler(lambda epoch: [0.1, 2.0, 4.0][epoch % 3], verbose=1),
        keras.callbacks.ModelCheckpoint(
            str(folder / "x.weights.h5"),
            "loss",
            verbose=1,
            save_best_only=True,
            save_weights_only=True,
        ),
    ]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        fit(keras, epochs=8, callbacks=callbacks)
    text = out.getvalue().replace(str(folder), "")
    return re.sub(r"(\d+\.\d{3})\d+", r"\1", text).splitlines()
