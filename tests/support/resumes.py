"""Kill a training run at random points, resume it, and compare with one that was never killed.

`python -m tests.support.resumes 50` does that 50 times (see docs/trust.md for the last result).
Each attempt is a separate process that ends with SIGKILL: in the middle of an epoch or of a
validation, between two epochs, or while the backup is being written; most runs are killed more than
once. The models cover everything that is random or has state: random layers with and without their
own seed, batch normalization, shuffling, optimizers with slots and averages, schedules and
callbacks that change the learning rate, early stopping, metrics, and a graph with two inputs and
two outputs.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import fastcnn as keras
from fastcnn import layers
from fastcnn.callbacks import Callback
from fastcnn.callbacks.backup import FILE

EPOCHS = 4
KINDS = ("schedule", "steps", "callbacks", "generator", "graph")
HOOKS = ("train_batch_begin", "train_batch_end", "test_batch_end", "epoch_begin", "epoch_end")
NEVER = 10**9


def graph():
    """Two inputs and two outputs, each with metrics, one of them with a weighted loss."""
    image, row = keras.Input((6, 6, 1), name="image"), keras.Input((6,), name="row")
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(image))
    x = layers.Add()([layers.Dense(8)(layers.Dropout(0.2)(x)), layers.Dense(8)(row)])
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    kind = layers.Dense(3, activation="softmax", name="kind")(layers.Dropout(0.2, seed=3)(x))
    net = keras.Model([image, row], {"kind": kind, "sum": layers.Dense(1, name="sum")(x)})
    net.compile(
        "adam",
        {"kind": "sparse_categorical_crossentropy", "sum": "mse"},
        loss_weights={"kind": 1.0, "sum": 0.3},
        metrics={"kind": "accuracy", "sum": ["mae", "r2_score"]},
        weighted_metrics={"kind": ["accuracy"]},
    )
    return net


def model(kind):
    if kind == "graph":
        return graph()
    net = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.2, seed=4),
            layers.RandomBrightness(0.1, (-3, 3), seed=5),
            layers.GaussianNoise(0.1, seed=6),
            layers.Conv2D(4, 3, use_bias=False, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.2, seed=3),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ]
    )
    optimizers, rate = keras.optimizers, 0.01
    schedule = optimizers.schedules.CosineDecay(0.02, 40)
    optimizer = {
        "schedule": lambda: optimizers.Adam(schedule, use_ema=True, global_clipnorm=1.0),
        "steps": lambda: optimizers.Nadam(rate),
        "callbacks": lambda: optimizers.SGD(rate, momentum=0.9, nesterov=True),
        "generator": lambda: optimizers.RMSprop(rate, centered=True),
    }[kind]()
    metrics = ["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="ce")]
    net.compile(optimizer, "sparse_categorical_crossentropy", metrics=metrics)
    return net


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(86, 6, 6, 1)).astype("f4"), rng.integers(0, 3, 86)


def batches(x, y):
    while True:
        for begin in range(0, 80, 8):
            yield x[begin : begin + 8], y[begin : begin + 8]


class Killed(Exception):  # noqa: N818
    """Raised instead of a real kill."""


class Killer(Callback):
    """Kills the process, or raises `Killed`, at call `number` of a hook; "save": while saving."""

    def __init__(self, hook="epoch_begin", number=NEVER, really=False):
        super().__init__()
        self.number = number
        self.really = really
        if hook == "save":
            self._replace, os.replace = os.replace, self._while_saving
        else:
            setattr(self, f"on_{hook}", self._count)

    def _while_saving(self, *paths):
        self._count()
        self._replace(*paths)

    def _count(self, *_, **__):
        self.number -= 1
        if self.number < 0:
            if not self.really:
                raise Killed
            os.kill(os.getpid(), signal.SIGKILL)


def run(kind, backup=None, save_freq="epoch", kill=(), really=False):
    """Train or resume training; return the final weights, history and random state as bytes.

    `kill` is (hook, number of its call) at which the run is killed.
    """
    keras.utils.set_random_seed(1)
    net = model(kind)
    x, y = data()
    callbacks = [
        Killer(*kill, really=really),
        keras.callbacks.EarlyStopping(
            "val_loss", patience=1, min_delta=0.1, start_from_epoch=1, restore_best_weights=True
        ),
    ]
    if backup is not None:
        if (backup / FILE).exists():  # everything relevant must come from the backup
            keras.utils.set_random_seed(2)
            net.set_weights([weight + 1 for weight in net.get_weights()])
        restore = keras.callbacks.BackupAndRestore(backup, save_freq, delete_checkpoint=False)
        callbacks.insert(0, restore)
    if kind == "callbacks":
        callbacks += [
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1.0),
        ]
    settings = {"epochs": EPOCHS, "verbose": 0, "callbacks": callbacks}
    if kind == "generator":
        data_of_fit, held_back = (batches(x, y),), {"validation_data": (x[80:], y[80:])}
    else:
        data_of_fit, held_back = (x, y), {"validation_split": 0.1, "batch_size": 7}
    if kind == "graph":
        row = x[:, 0, :, 0]
        data_of_fit = {"image": x, "row": row}, {"kind": y, "sum": row.sum(1)}
        settings["sample_weight"] = {"kind": np.linspace(0.1, 2, len(y)), "sum": None}
    if kind in ("steps", "generator"):
        settings["steps_per_epoch"] = 8
    history = net.fit(*data_of_fit, **settings, **held_back)
    weights = b"".join(weight.tobytes() for weight in net.get_weights())
    rest = [history.history, history.epoch, keras.random.get_state(), net.optimizer.iterations]
    return weights + json.dumps(rest).encode()


def in_process(path, *arguments):
    """Run in a new process that writes its result to `path`; return whether it finished."""
    pid = os.fork()
    if not pid:
        try:
            path.write_bytes(run(*arguments))
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a run failed")
    return os.WIFEXITED(status)


def main(count):
    chance, begin, kills = random.Random(0), time.perf_counter(), dict.fromkeys([*HOOKS, "save"], 0)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result"
        wanted = {}
        for kind in KINDS:
            in_process(result, kind)
            wanted[kind] = result.read_bytes()
        for trial in range(count):
            kind, save_freq = KINDS[trial % len(KINDS)], chance.choice(["epoch", 1, 3, 10])
            backup = Path(folder) / f"backup {trial}"
            for _ in range(3):
                hook = chance.choice(list(kills))
                number = chance.randrange(EPOCHS if "epoch" in hook else 8 * EPOCHS)
                if in_process(result, kind, backup, save_freq, (hook, number), True):
                    break
                kills[hook] += 1
            else:
                in_process(result, kind, backup, save_freq)
            if result.read_bytes() != wanted[kind]:
                raise SystemExit(f"run {trial} ({kind}, saved every {save_freq}) differs")
    print(
        f"{count} runs, {sum(kills.values())} kills in {time.perf_counter() - begin:.0f} s: {kills}"
    )
    print("every resumed run ended with the same bits as one that was never killed")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
