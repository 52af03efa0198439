"""Same bits after 100 steps with any thread count, in every repeat, alone or beside other runs.

Three networks: the tutorial's, one with augmentation, batch normalization, dropout and layers with
dedicated kernels, and a graph. This holds within an instruction set; between sets, results agree
within rounding.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import kernels, layers, random
from fastcnn.kernels import native
from tests.support import graph_nets
from tests.support.paths import ROOT
from tests.support.shapes import NETS
from tests.support.threads import run_in_threads

STEPS = 100
THREADS = (1, 2, 3, 4, 8)


@pytest.fixture(autouse=True)
def _share_small_work():
    before = native.set_work_per_thread(1)
    yield
    native.set_work_per_thread(before)


def tutorial(seed, n):
    """The tutorial's network and n images of its input size."""
    net = NETS["tutorial"]
    model = net.compile(net.build(keras), keras)
    model.set_weights(net.weights(seed))
    return model, *net.data(n, seed)


def regularized(seed, n):
    """A network with many kinds of layers, and n small images."""
    model = keras.Sequential(
        [
            keras.Input((12, 12, 2)),
            layers.RandomFlip(seed=seed),
            layers.RandomRotation(0.1, seed=seed + 1),
            layers.RandomTranslation(0.1, 0.1, seed=seed + 2),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.SpatialDropout2D(0.2, seed=seed + 3),
            layers.SeparableConv2D(20, 3, activation="elu"),
            layers.AveragePooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4, seed=seed + 4),
            layers.Dense(33, activation="tanh", kernel_regularizer="l2"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        values = rng.normal(0, 0.2, weight.shape)
        weight.assign(np.abs(values) if weight.name == "moving_variance" else values)
    x = rng.integers(0, 256, (n, 12, 12, 2)).astype("f4") / 255
    return model, x, rng.integers(0, 5, n)


def graph(seed, n):
    """A graph with two inputs and two outputs, and n samples."""
    keras.utils.set_random_seed(seed)
    return graph_nets.graph(keras, seed), *graph_nets.data(n, seed)


BUILDERS = {"tutorial": tutorial, "regularized": regularized, "graph": graph}


def trained(build, seed=0, batch_size=24):
    """All weights and optimizer slots after STEPS steps, and the loss, as bytes."""
    model, x, y = build(seed, STEPS * batch_size)
    history = model.fit(x, y, batch_size, shuffle=False, verbose=0)
    slots, logs = model.optimizer.slots.values(), history.history.values()
    first = [part[:9] for part in x] if isinstance(x, list) else x[:9]
    outputs = model.predict(first, verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    results = [*model.get_weights(), *slots, *logs, *outputs]
    assert all(np.isfinite(result).all() for result in results)
    return b"".join(np.asarray(result).tobytes() for result in results)


@pytest.fixture(scope="module")
def results():
    """Cache of each network's single-threaded result, per instruction set."""
    return {}


def alone(results, name):
    key = name, kernels.instruction_set()
    if key not in results:
        keras.config.set_num_threads(1)
        results[key] = trained(BUILDERS[name])
    return results[key]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("name", BUILDERS)
def test_any_number_of_threads_gives_the_same_bits(name, threads, instruction_set, results):
    expected = alone(results, name)
    keras.config.set_num_threads(threads)
    assert trained(BUILDERS[name]) == expected


@pytest.mark.parametrize("name", BUILDERS)
def test_ten_repeats_give_the_same_bits(name, results):
    expected = alone(results, name)
    for repeat in range(10):
        keras.config.set_num_threads(1 + repeat % 3)
        assert trained(BUILDERS[name]) == expected


@pytest.mark.parametrize("name", BUILDERS)
def test_eight_python_threads_match_sequential_training(name):
    keras.config.set_num_threads(2)
    expected = [trained(BUILDERS[name], seed, 8) for seed in range(8)]
    assert len(set(expected)) == 8
    found = [None] * 8

    def run(seed):
        found[seed] = trained(BUILDERS[name], seed, 8)

    run_in_threads(run, 8)
    assert found == expected


def test_other_processes_with_other_thread_counts_give_the_same_bits(results):
    """Separate processes with different OMP_NUM_THREADS, and all layers seeded."""
    program = (
        "import sys, hashlib, fastcnn\n"
        "from tests.training.test_same_bits import regularized, trained\n"
        "fastcnn.kernels.native.set_work_per_thread(1)\n"
        "print(hashlib.sha256(trained(regularized)).hexdigest(), fastcnn.config.num_threads())\n"
    )
    found = set()
    for count in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": count}, text=True,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.add(done.stdout.split()[0])
    assert len(found) == 1


def shuffled(seed):
    """The weights after a short `fit` that draws them, the order and dropout without seeds."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 8, 8, 1)).astype("f4"), rng.integers(0, 3, 64)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomFlip(),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    return b"".join(weight.tobytes() for weight in model.get_weights())


def test_one_seed_determines_a_complete_run():
    """`set_random_seed` determines initial weights, sample order and dropout."""
    assert shuffled(1) == shuffled(1) != shuffled(2)


def test_threads_that_shuffle_do_not_change_each_other():
    expected = [shuffled(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(shuffled, range(4))) == expected


def test_threads_without_a_seed_draw_different_numbers_from_that_of_the_main_thread():
    def draw():
        return random.generator().random()

    def drawn():
        keras.utils.set_random_seed(5)
        found = [draw()]
        for _ in range(2):
            with ThreadPoolExecutor(1) as pool:
                found.append(pool.submit(draw).result())
        return found

    assert drawn() == drawn()
    assert len(set(drawn())) == 3
