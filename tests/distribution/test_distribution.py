"""The names of `fastcnn.distribution`, and programs of one process."""

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.core import ranks
from fastcnn.data.samples import Samples
from fastcnn.distribution import batches
from tests.distribution.launch import needs_mpi
from tests.support.paths import ROOT

distribution = keras.distribution


def run(code, **environment):
    """What a process of its own prints: MPI can be started only once in a process."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_signatures_are_those_of_keras():
    parameters = list(inspect.signature(distribution.DataParallel).parameters.values())
    assert [p.name for p in parameters[:3]] == ["device_mesh", "devices", "auto_shard_dataset"]
    assert [p.default for p in parameters[:3]] == [None, None, True]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[3:])
    assert list(inspect.signature(distribution.set_distribution).parameters) == ["value"]
    assert list(inspect.signature(distribution.list_devices).parameters) == ["device_type"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ModelParallel", "only data parallelism is supported"),
        ("TensorLayout", "only data parallelism is supported"),
        ("initialize", "start the program with `mpiexec`"),
        ("DeviceMesh", "start the program with `mpiexec`"),
    ],
)
def test_other_names_of_keras_say_what_to_use(name, hint):
    with pytest.raises(AttributeError, match=re.escape(hint)):
        getattr(distribution, name)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"device_mesh": 1}, "The argument `device_mesh` is not supported"),
        ({"auto_shard_dataset": False}, "The argument `auto_shard_dataset` must be True"),
        ({"reduction": "ring"}, "`reduction` must be one of 'ordered', 'allreduce'"),
        ({"slice_size": 0}, "`slice_size` must be a positive integer"),
        ({"timeout": 0}, "`timeout` must be positive"),
        ({"timeout": "long"}, "`timeout`"),
    ],
)
def test_invalid_arguments_are_named(arguments, error):
    with pytest.raises((ValueError, NotImplementedError), match=re.escape(error)):
        distribution.DataParallel(**arguments)


def test_only_a_distribution_can_be_set():
    with pytest.raises(ValueError, match=r"must be a `DataParallel` or None\. Received 4"):
        distribution.set_distribution(4)
    distribution.set_distribution(None)
    assert distribution.distribution() is None
    assert ranks.current is None


def test_without_mpi4py_one_sentence():
    code = """
import sys
sys.modules["mpi4py"] = None
import fastcnn
for make in (fastcnn.distribution.DataParallel, fastcnn.distribution.list_devices):
    try:
        make()
    except ModuleNotFoundError as error:
        print(error)
from fastcnn import fashion
print(fashion.main(["--distributed"]))
"""
    first, second, third = run(code).splitlines()
    assert first == second
    assert (
        "Distributed training needs mpi4py and an MPI library: pip install 'fastcnn[mpi]'" in first
    )
    assert third == "1"


def test_training_without_a_distribution_imports_nothing_of_it():
    code = """
import sys
import numpy as np
import fastcnn as keras
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.ones((8, 2), "f4")
model.fit(x, x[:, :1], verbose=0, validation_split=0.5)
model.predict(x, verbose=0)
print([name for name in sys.modules if "fastcnn.distribution" in name or "mpi4py" in name])
"""
    assert run(code) == "[]"


@needs_mpi
def test_one_process_without_mpiexec():
    code = """
import numpy as np
import fastcnn as keras
D = keras.distribution
one = D.DataParallel(devices=D.list_devices())
print(one, one.num_processes, one.num_model_replicas, one.data_shard_id, D.get_device_count("cpu"))
print(D.list_devices("gpu"), keras.config.threads_were_set())
with one.scope():
    assert D.distribution() is one
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((9, 2), "f4")
    model.fit(x, x[:, :1], verbose=0, batch_size=4, epochs=2)
    values = model.predict(x, verbose=0)
assert D.distribution() is None
model.fit(x, x[:, :1], verbose=0)
"""
    expected = "<DataParallel over 1 ranks, reduction='ordered'> 1 1 0 1\n[] False"
    assert run(code) == expected


@needs_mpi
def test_a_plan_is_used_with_and_without_a_distribution():
    """The same model changes between both: gradients are those of the batch it gets."""
    code = """
import numpy as np
import fastcnn as keras
D = keras.distribution
rng = np.random.default_rng(0)
x = rng.normal(size=(12, 3)).astype("f4")
y = rng.normal(size=(12, 1)).astype("f4")

def train(settings):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    for distributed in settings:
        D.set_distribution(D.DataParallel(slice_size=3) if distributed else None)
        model.train_on_batch(x, y)
        model.fit(x, y, shuffle=False, verbose=0)
    return model.layers[0].kernel.numpy()

plain = train([False] * 4)
for settings in ([True] * 4, [True, False, True, False], [False, True, True, False]):
    assert np.allclose(train(settings), plain, rtol=1e-5), settings
print("equal")
"""
    assert run(code) == "equal"


def test_digest_depends_on_every_row_or_on_a_sample_of_large_arrays(monkeypatch):
    x, y = np.zeros((1000, 10), "f4"), np.zeros(1000)

    def digest(row):
        x[row, 3] = 1
        value = batches.digest_of(Samples(x, y))
        x[row, 3] = 0
        return value

    assert len({digest(row) for row in range(1000)}) == 1000
    monkeypatch.setattr(batches, "SAMPLED", x.nbytes // 10)
    assert len({digest(row) for row in range(1000)}) == 101
