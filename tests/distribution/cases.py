"""`mpiexec -n N python -m tests.distribution.cases FILE`: trainings with the same bits for any N.

Each case returns plain values. The file gets a list with {name of the case: values} of each rank.
"""

import sys
import zlib

import numpy as np

import fastcnn as keras
from fastcnn import layers
from tests.distribution.launch import report
from tests.support import graph_nets

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def images(n=90, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    x = rng.integers(0, 100, (n, 10, 10, 1)) + 40 * y[:, None, None, None]
    return x.astype(np.uint8), y


def chain(**kwargs):
    """A chain with everything that is random, averaged or penalized."""
    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.GaussianNoise(0.1, seed=5),
            layers.Conv2D(6, 3, use_bias=False, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(9, activation="tanh", activity_regularizer="l2"),
            layers.Dropout(0.3),
            layers.Dense(4, activation="softmax"),
        ]
    )
    kwargs = {"optimizer": "adam", "metrics": ["accuracy"], **kwargs}
    model.compile(loss="sparse_categorical_crossentropy", **kwargs)
    return model


def bits(model):
    """Checksums of all weights and of the optimizer's state."""
    slots = [zlib.crc32(slot) for slot in model.optimizer.slots.values()]
    return [zlib.crc32(model.store.read()), *slots]


def digest(arrays):
    arrays = arrays if isinstance(arrays, (list, tuple)) else [arrays]
    return [zlib.crc32(np.ascontiguousarray(array)) for array in arrays]


@case
def a_chain():
    x, y = images()
    model = chain()
    history = model.fit(
        x, y, batch_size=32, epochs=3, validation_split=0.2, class_weight={0: 2.0}, verbose=0
    )
    return [
        history.history, bits(model), digest(model.predict(x, verbose=0)),
        model.evaluate(x, y, batch_size=40, verbose=0),
    ]  # fmt: skip


@case
def a_graph_with_two_outputs():
    x, y = graph_nets.data(45)
    weights = [np.linspace(0, 2, 45), np.linspace(1, 0, 45)]
    model = graph_nets.graph(keras)
    history = model.fit(x, y, sample_weight=weights, batch_size=16, epochs=2, verbose=0)
    values = model.evaluate(x, y, sample_weight=weights, verbose=0)
    return [history.history, bits(model), digest(model.predict(x, verbose=0)), values]


@case
def shared_layers():
    """Weights in two blocks of memory; the loss is a sum, the metric an area under a curve."""
    first = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu")])
    first.compile("sgd", "mse")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 6)).astype("f4"), rng.integers(0, 2, (50, 1))
    first.fit(x, np.zeros((50, 5)), verbose=0)
    model = keras.Sequential([keras.Input((6,)), *first.layers, layers.Dense(1, "sigmoid")])
    loss = keras.losses.BinaryCrossentropy(reduction="sum")
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, clipnorm=1.0, weight_decay=0.01)
    model.compile(optimizer, loss, metrics=[keras.metrics.AUC()])
    history = model.fit(x, y, batch_size=15, epochs=2, verbose=0, shuffle=False)
    return [history.history["loss"], bits(model), bits(first)]


class Counting(layers.Layer):
    """Adds a mean that it averages itself."""

    def build(self, input_shape):
        size = (input_shape[-1],)
        self.shift = self.add_weight(size, initializer="ones", name="shift")
        self.mean = self.add_weight(size, initializer="zeros", trainable=False, name="mean")

    def forward(self, x, training=False):
        if training:
            noise = keras.random.generator().normal(size=x.shape)
            self.mean.assign(0.9 * self.mean.value + 0.1 * x.mean(axis=0))
            x = x + noise.astype(x.dtype) * 0.1
        return x + self.shift.value

    def backward(self, dy):
        self.shift.gradient[...] = dy.sum(axis=0)
        return dy


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        size = (16, 7, 16, 3, 1)[index]  # also fewer samples than ranks
        x = rng.normal(size=(size, 6)).astype("f4")
        return x, x @ np.arange(12).reshape(6, 2), np.linspace(0, 1, size)


@case
def batches_of_a_data_set():
    model = keras.Sequential([keras.Input((6,)), Counting(), layers.Dense(2)])
    model.compile("rmsprop", "mse", weighted_metrics=["mae"])
    history = model.fit(Batches(), epochs=3, verbose=0)
    generator = (Batches()[index % 5] for index in range(100))
    model.fit(generator, epochs=2, steps_per_epoch=7, verbose=0)
    values = model.evaluate(Batches(), verbose=0)
    return [history.history, bits(model), values, digest(model.predict(Batches(), verbose=0))]


@case
def a_dataset():
    """One that selects rows of arrays, and one that also calls a function."""
    x, y = images(70)
    rows = keras.data.Dataset.from_tensor_slices((x, y)).shuffle(70).batch(16)
    mapped = rows.map(lambda x, y: (x[:, ::-1], y))
    found = []
    for data in (rows, mapped):
        model = chain(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
        history = model.fit(data, epochs=2, validation_data=mapped, verbose=0)
        found.append([history.history, bits(model), model.evaluate(data, verbose=0)])
    return found


@case
def single_batches():
    x, y = images(40)
    model = chain()
    logs = [model.train_on_batch(x[:n], y[:n], return_dict=True) for n in (40, 40, 9, 2)]
    return [logs, bits(model), model.test_on_batch(x, y)]


@case
def images_of_several_sizes():
    """The shape of the output is known only once a batch is there."""
    model = keras.Sequential([keras.Input((None, None, 2)), layers.Conv2D(3, 3)])
    model.compile("sgd", "mse", metrics=["mae"])
    rng = np.random.default_rng(3)
    batches = [
        (rng.normal(size=(n, side, side, 2)).astype("f4"), rng.normal(size=(n, *[side - 2] * 2, 3)))
        for n, side in ((8, 6), (3, 8), (1, 5), (8, 6))
    ]
    logs = [model.train_on_batch(x, y) for x, y in batches]
    outputs = [digest(model.predict(x, verbose=0)) for x, _ in batches]
    return [[list(map(float, pair)) for pair in logs], bits(model), outputs]


class Log(keras.callbacks.Callback):
    """Keeps the logs of each batch; stops on the last rank only."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(logs)
        distribution = keras.distribution.distribution()
        is_last = distribution.data_shard_id == distribution.num_processes - 1
        if is_last and len(self.seen) == 5:
            self.model.stop_training = True


@case
def callbacks_see_the_same_on_all_ranks():
    x, y = images(64)
    model, log = chain(), Log()
    model.fit(x, y, batch_size=16, epochs=3, callbacks=[log], verbose=0)
    other, stopping = chain(), keras.callbacks.EarlyStopping("loss", min_delta=10, patience=1)
    history = other.fit(x, y, epochs=9, callbacks=[stopping], verbose=0)
    return [log.seen, bits(model), len(history.epoch), bits(other)]


@case
def a_frozen_normalization():
    x, y = images(33)
    model = chain(optimizer=keras.optimizers.AdamW(use_ema=True))
    model.layers[4].trainable = False
    model.fit(x, y, epochs=2, batch_size=11, verbose=0)
    return bits(model)


@case
def like_without_a_distribution():
    """Apart from rounding, if nothing is random or normalized."""
    x, y = images(50)
    distribution = keras.distribution.distribution()

    def train():
        model = keras.Sequential(
            [
                keras.Input((10, 10, 1)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(6, 3, activation="relu", kernel_regularizer="l2"),
                layers.Flatten(),
                layers.Dense(4, activity_regularizer=keras.regularizers.L2(0.1)),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=["accuracy"])
        keras.utils.set_random_seed(3)
        model.set_weights([np.full(w.shape, 0.01 * i) for i, w in enumerate(model.get_weights())])
        history = model.fit(x, y, batch_size=20, epochs=3, validation_split=0.1, verbose=0)
        values = list(history.history.values())
        return np.concatenate([np.ravel(values), *map(np.ravel, model.get_weights())])

    together = train()
    keras.distribution.set_distribution(None)
    alone = train()
    keras.distribution.set_distribution(distribution)
    return bool(np.allclose(together, alone, rtol=1e-5, atol=1e-6))


def main(path, reduction="ordered", *names):
    keras.distribution.set_distribution(keras.distribution.DataParallel(reduction=reduction))
    values = {}
    for name in names or CASES:
        keras.utils.clear_session()
        keras.utils.set_random_seed(7)
        values[name] = CASES[name]()
    report(path, values)


if __name__ == "__main__":
    main(*sys.argv[1:])
