"""`data.Dataset`: elements as recorded from TensorFlow in pipelines.json, order, threads, fit."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.data import AUTOTUNE, Dataset, TensorSpec
from fastcnn.data.index_feed import IndexFeed, selects_rows
from fastcnn.data.streams import feed_of
from tests.support.pieces import flat, small_data, small_net
from tests.support.pipelines import PIPELINES, RECORDS, facts

RECORDED = json.loads(RECORDS.read_text("utf-8"))


def values(data):
    return [element.tolist() for element in data.as_numpy_iterator()]


@pytest.mark.parametrize("name", PIPELINES)
def test_elements_are_those_of_tensorflow(name):
    wanted, data = RECORDED[name], PIPELINES[name](Dataset)
    found = json.loads(json.dumps(facts(data)))
    assert found["elements"] == wanted["elements"]
    if name != "unbatch":  # TensorFlow does not know it
        assert found["count"] == wanted["count"]
    assert facts(data)["elements"] == facts(data)["elements"]  # a second pass
    assert found["spec"] == wanted["spec"]


# ----------------------------------------------------------------------------- order and randomness


def rows(count=40):
    return Dataset.from_tensor_slices((np.arange(count), np.arange(count) % 3))


def floats():
    return Dataset.from_tensor_slices(np.zeros(3, np.float32))


def order(data):
    return [int(x) for x, _ in data.as_numpy_iterator()]


def generic(data):
    """The same elements, but not by index arithmetic."""
    return data.map(lambda *element: element)


@pytest.mark.parametrize("made", [lambda data: data, generic])
def test_shuffle(made):
    keras.utils.set_random_seed(0)
    data = made(rows()).shuffle(40)
    first, second = order(data), order(data)
    assert sorted(first) == sorted(second) == list(range(40))
    assert len({tuple(first), tuple(second), tuple(range(40))}) == 3
    keras.utils.set_random_seed(0)
    assert order(made(rows()).shuffle(40)) == first
    seeded = [order(made(rows()).shuffle(40, seed=7)) for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert seeded[0] != order(made(rows()).shuffle(40, seed=8))
    fixed = made(rows()).shuffle(40, reshuffle_each_iteration=False)
    assert order(fixed) == order(fixed)
    again = made(rows()).shuffle(40, seed=7).repeat(2)
    assert order(again)[:40] != order(again)[40:]


def test_shuffle_with_a_small_buffer():
    found = order(generic(rows()).shuffle(3, seed=1))
    assert sorted(found) == list(range(40))
    assert all(value <= position + 2 for position, value in enumerate(found))


def test_take_and_skip_of_one_shuffle_are_disjoint():
    keras.utils.set_random_seed(0)
    for settings in ({"seed": 3}, {"reshuffle_each_iteration": False}):
        data = rows().shuffle(40, **settings)
        train, test = data.take(30).map(lambda x, y: (x, y)), data.skip(30)
        assert sorted(order(train) + order(test)) == list(range(40))


def test_rows_of_repetitions_stay_together():
    found = order(rows().repeat(2).shuffle(10, seed=0))
    assert sorted(found[:40]) == list(range(40))


def test_cached_elements_are_made_once():
    calls = []
    data = rows().map(lambda x, y: (calls.append(int(x)) or x, y)).cache().shuffle(40)
    assert [sorted(order(data)) for _ in range(3)] == [list(range(40))] * 3
    assert len(calls) == 40
    random = rows().shuffle(40).map(lambda x, y: (x, y)).cache()
    assert order(random) == order(random)


@pytest.mark.parametrize("calls", [None, 1, 3, AUTOTUNE])
def test_random_numbers_of_functions_do_not_depend_on_threads(calls):
    flip = keras.layers.RandomFlip("horizontal", seed=4)

    def augment(x):
        noise = keras.random.generator().normal(size=3)
        return flip(np.arange(4.0).reshape(1, 1, 4, 1), training=True)[0, 0, 0, 0], noise + x

    keras.utils.set_random_seed(1)
    data = Dataset.range(30).map(augment, num_parallel_calls=calls)
    first, second = (list(data.as_numpy_iterator()) for _ in range(2))
    keras.utils.set_random_seed(1)
    wanted = list(Dataset.range(30).map(augment).as_numpy_iterator())
    assert str(first) == str(wanted)
    assert str(first) != str(second)
    assert len({tuple(noise) for _, noise in first}) == 30
    assert len({float(flipped) for flipped, _ in first}) == 2


# ------------------------------------------------------------------------------------------ threads


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "fastcnn-data"]


def test_functions_run_in_threads_and_results_stay_in_order():
    barrier, used = threading.Barrier(3), set()

    def slow(n):
        barrier.wait(10)  # three calls at a time, or none
        used.add(threading.current_thread().name)
        return n

    data = Dataset.range(12).map(slow, num_parallel_calls=3)
    assert values(data) == list(range(12))
    assert used == {"fastcnn-data"}
    assert threads() == []


def test_prefetch_runs_ahead():
    made = []
    data = Dataset.range(100).map(lambda n: made.append(int(n)) or n).prefetch(4)
    elements = iter(data)
    next(elements)
    deadline = time.monotonic() + 10
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.01)
    assert made == [0, 1, 2, 3, 4]
    elements.close()
    assert threads() == []


def test_errors_of_functions_have_their_traceback():
    def fail(n):
        if n == 5:
            raise ZeroDivisionError("five")
        return n

    for calls in (None, 2):
        data = Dataset.range(9).map(fail, num_parallel_calls=calls).batch(2).prefetch(2)
        found = []
        with pytest.raises(ZeroDivisionError, match="five") as caught:
            found.extend(batch.tolist() for batch in data)
        assert found == [[0, 1], [2, 3]]
        assert caught.traceback[-1].name == "fail"
        assert caught.value.__notes__ == ["In the function given to Dataset.map, for element 5."]
        del caught
        assert threads() == []


@pytest.mark.parametrize("ending", ["deleted", "closed", "error", "end"])
def test_no_thread_outlives_its_iterator(ending):
    data = Dataset.range(50).map(lambda n: n, num_parallel_calls=2).batch(2).prefetch(3)
    elements = iter(data)
    next(elements)
    assert len(threads()) >= 3
    if ending == "deleted":
        del elements
    elif ending == "closed":
        elements.close()
    elif ending == "end":
        assert len(list(elements)) == 24
    else:
        with contextlib.suppress(KeyError):
            for _ in elements:
                raise KeyError
        del elements
    assert threads() == []


def test_ctrl_c_while_waiting_for_an_element(tmp_path):
    code = """
import os, time
from fastcnn.data import Dataset

def wait(n):
    os.write(1, b"waiting\\n")
    time.sleep(0.2 if n else 0)
    return n

try:
    for _ in Dataset.range(1000).map(wait, num_parallel_calls=2).prefetch(2):
        pass
except KeyboardInterrupt:
    os.write(1, b"stopped\\n")
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(3):
            assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0].endswith("stopped\n")
        assert process.returncode == 0


# ----------------------------------------------------------------------------------------- fit etc.

X, Y = small_data()


def model(optimizer="sgd"):
    net = small_net(keras)
    net.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


def pairs():
    return Dataset.from_tensor_slices((X, Y))


@pytest.mark.parametrize("made", [lambda data: data, generic, lambda data: data.prefetch(2)])
def test_training_as_on_arrays(made):
    wanted = model()
    history = wanted.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history
    net, data = model(), made(pairs().batch(8))
    assert net.fit(data, epochs=3, verbose=0).history == history
    np.testing.assert_array_equal(flat(net), flat(wanted))
    assert net.evaluate(data, verbose=0) == wanted.evaluate(X, Y, batch_size=8, verbose=0)
    np.testing.assert_array_equal(net.predict(data, verbose=0), wanted.predict(X, 8, verbose=0))
    net.fit(X, Y, validation_data=data, verbose=0)
    assert threads() == []


def test_selections_of_rows_are_not_copied_to_batches_in_python():
    data = pairs().shuffle(10).repeat(2).cache().batch(8).take(7).prefetch(AUTOTUNE)
    assert selects_rows(data)
    net = model()
    assert isinstance(feed_of(data, net, net.objectives.of_outputs), IndexFeed)
    assert not selects_rows(generic(data))
    assert not selects_rows(pairs())
    assert not selects_rows(pairs().batch(2).batch(2))
    assert not selects_rows(Dataset.from_tensor_slices(["a"]).batch(1))


def test_row_selections_give_the_batches_of_the_iterator():
    keras.utils.set_random_seed(2)
    data = pairs().shuffle(40, seed=3).repeat(2).skip(3).batch(7).shard(2, 1)
    net = model(keras.optimizers.SGD(0.0))
    feed = feed_of(data, net, net.objectives.of_outputs, trains=True)
    found = []
    for batch in feed:
        batch.load()
        found.append((batch.inputs[0].copy(), batch.targets[0].copy()))
    again = pairs().shuffle(40, seed=3).repeat(2).skip(3).batch(7).shard(2, 1)
    wanted = list(again.as_numpy_iterator())
    assert len(found) == len(wanted) == feed.steps
    for (x, y), (other_x, other_y) in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)


def test_endless_data_need_steps():
    net = model()
    net.fit(pairs().repeat().batch(8), steps_per_epoch=3, epochs=2, verbose=0)
    assert net.optimizer.iterations == 6
    for data in (pairs().repeat().batch(8), generic(pairs()).repeat().batch(8)):
        with pytest.raises(ValueError, match=r"`steps_per_epoch`.*endless"):
            net.fit(data, verbose=0)
        with pytest.raises(ValueError, match=r"`steps`.*endless"):
            net.predict(data, verbose=0)


def test_class_weights_and_sample_weights():
    weights = np.linspace(0, 2, 40).astype("f4")
    net = model(keras.optimizers.SGD(0.0))
    wanted = net.evaluate(X, Y, sample_weight=weights, batch_size=8, verbose=0)
    data = Dataset.from_tensor_slices((X, Y, weights)).batch(8)
    assert net.evaluate(data, verbose=0) == wanted
    assert net.evaluate(generic(data), verbose=0) == wanted
    by_class = {0: 2.0, 1: 0.5}
    history = net.fit(X, Y, 8, class_weight=by_class, shuffle=False, verbose=0).history
    assert net.fit(pairs().batch(8), class_weight=by_class, verbose=0).history == history


def test_normalization_adapts_to_a_data_set():
    arrays, data = keras.layers.Normalization(), keras.layers.Normalization()
    arrays.adapt(X)
    data.adapt(pairs().batch(7).map(lambda x, y: x))
    np.testing.assert_allclose(data.mean, arrays.mean, rtol=1e-6)


class StoppedError(Exception):
    pass


class StopAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left < 0:
            raise StoppedError


RESUMED = {
    "rows": lambda: pairs().shuffle(40).repeat(2).batch(8),
    "rows with a seed": lambda: pairs().shuffle(40, seed=5).repeat(2).batch(8),
    "fixed order": lambda: pairs().shuffle(40, reshuffle_each_iteration=False).repeat(2).batch(8),
    "functions": lambda: (
        pairs()
        .shuffle(40)
        .map(lambda x, y: (x + keras.random.generator().normal(size=6), y), num_parallel_calls=2)
        .repeat(2)
        .batch(8)
        .prefetch(2)
    ),
    "cached": lambda: generic(pairs().shuffle(40)).cache().repeat(2).batch(8),
    "buffer": lambda: generic(pairs()).shuffle(7, seed=1).repeat().batch(8).take(6),
}


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("steps", [None, 3])
def test_resumed_runs_end_with_the_same_bits(name, steps, tmp_path):
    def run(*callbacks):
        keras.utils.set_random_seed(3)
        net, data = model("adam"), RESUMED[name]()
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1)
        validation = generic(pairs().shuffle(40)).batch(9)
        history = net.fit(
            data,
            epochs=3,
            steps_per_epoch=steps,
            validation_data=validation,
            callbacks=[*callbacks, backup] if callbacks else [],
            verbose=0,
        )
        return flat(net), history.history

    wanted, history = run()
    for step in (1, 2, 3):
        with pytest.raises(StoppedError):
            run(StopAt(step))
    found, resumed = run(StopAt(10**9))
    np.testing.assert_array_equal(found, wanted)
    assert resumed == history


def test_state_of_other_data_is_rejected():
    net = model()
    feed = feed_of(pairs().shuffle(40).batch(8), net, net.objectives.of_outputs, trains=True)
    next(iter(feed))
    good = feed.get_state()
    for change in (
        {"entropy": [1, 2, 3]},
        {"entropy": [0, 0, 0, 2**32]},
        {"number": -1},
        {"number": 0.0},
        {"fixed": [None]},
        {"fixed": [[1, 2, 3, 4]] * len(good["order"]["fixed"])},
        {"more": 1},
    ):
        with pytest.raises(ValueError, match="belongs to other data"):
            feed.set_state({**good, "order": good["order"] | change})
    with pytest.raises(ValueError, match="belongs to other data"):
        feed.set_state({**good, "order": None})
    feed.set_state(good)


def test_samples_that_are_not_batched():
    with pytest.raises(ValueError, match="must have a batch axis") as caught:
        model().fit(pairs(), verbose=0)
    assert "call `.batch(batch_size)` on it" in caught.value.__notes__[0]
    batches = Dataset.from_tensor_slices((X.reshape(5, 8, 6), Y.reshape(5, 8)))
    wanted = model().evaluate(X, Y, batch_size=8, verbose=0)
    assert model().evaluate(batches, verbose=0) == wanted  # rows that are batches


# ------------------------------------------------------------------------------ sources and results


def test_files(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text(name)
    data = Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False)
    assert [os.path.basename(path) for path in data.as_numpy_iterator()] == [b"a.txt", b"b.txt"]
    assert next(iter(data)).numpy() == str(tmp_path / "a.txt").encode()
    assert values_of_files(data) == ["a.txt", "b.txt"]
    several = Dataset.list_files([tmp_path / "*.txt", str(tmp_path / "*.csv")], seed=1)
    assert len(several) == 3
    with pytest.raises(FileNotFoundError, match=r"No files match .*\*\.jpg"):
        Dataset.list_files(str(tmp_path / "*.jpg"))


def values_of_files(data):
    def read(path):
        with open(path.item()) as file:
            return file.read()

    return [text.decode() for text in data.map(read).as_numpy_iterator()]


def test_generators():
    def count(end):
        for n in range(int(end)):
            yield n, [n] * 2

    signature = (TensorSpec((), "int32"), TensorSpec((None,), np.float32))
    data = Dataset.from_generator(count, args=(3,), output_signature=signature)
    assert data.element_spec == signature
    assert [y.tolist() for _, y in data] == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    assert data.batch(2).element_spec[1] == TensorSpec((None, None), "float32")
    old = Dataset.from_generator(lambda: count(2), (np.int64, np.float64), ((), (2,)))
    assert next(iter(old))[1].dtype == np.float64
    wrong = Dataset.from_generator(lambda: iter([[1, 2]]), output_signature=TensorSpec((3,), "f4"))
    with pytest.raises(TypeError, match=r"must yield arrays of TensorSpec.*Received shape \(2,\)"):
        list(wrong)


def test_results():
    data = rows(5)
    assert data.reduce(np.int64(0), lambda total, pair: total + pair[0]).item() == 10
    assert rows(1).get_single_element()[0].item() == 0
    assert len(data) == 5
    assert bool(rows(5).take(0))
    assert "Batch" in repr(data.batch(2)) or "batch" in repr(data.batch(2))
    assert iter(data).get_next()[0] == 0


def test_bytes_and_strings_reach_functions():
    data = Dataset.from_tensor_slices(["a", "bc"]).map(lambda text: text.item().encode() + b"\0")
    assert list(data.as_numpy_iterator()) == [b"a\0", b"bc\0"]


def test_arrays_of_the_numpy_iterator_are_read_only():
    x, lines = np.zeros((4, 3), np.float32), np.array([["a", "b"], ["c", "d"]])
    whole = Dataset.from_tensors(x)
    for data in (whole, whole.cache(), Dataset.from_tensor_slices(x), Dataset.from_tensors(lines)):
        array = next(data.as_numpy_iterator())
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
    x[...] = 2  # still the user's
    assert (next(whole.as_numpy_iterator()) == 2).all()


def test_functions_that_change_their_arguments_do_not_change_the_data():
    x, y = np.full((4, 2), 8, np.float32), np.arange(4)

    def halve(image, label):
        image /= 2
        label += 1
        return image, label

    data = Dataset.from_tensor_slices((x, y)).cache().map(halve)
    for _ in range(2):
        images, labels = zip(*data.as_numpy_iterator(), strict=True)
        assert (np.array(images) == 4).all()
        assert labels == (1, 2, 3, 4)
    assert (x == 8).all()
    assert (y == np.arange(4)).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pairs().batch(0), ValueError, "`batch_size` must be a positive integer"),
        (lambda: pairs().shuffle(0), ValueError, "`buffer_size` must be a positive integer"),
        (lambda: pairs().map(3), TypeError, "`map_func` must be a function"),
        (lambda: pairs().map(len, num_parallel_calls=0), ValueError, "`num_parallel_calls`"),
        (lambda: pairs().shard(2, 2), ValueError, "`index` must be less than num_shards=2"),
        (lambda: pairs().cache("file"), NotImplementedError, "`filename` is not supported"),
        (lambda: Dataset.from_tensor_slices(3), ValueError, "at least one axis can be sliced"),
        (lambda: Dataset.from_tensor_slices((X, Y[1:])), ValueError, r"lengths \[40, 39\]"),
        (lambda: Dataset.from_tensor_slices({}), ValueError, "at least one array"),
        (lambda: Dataset.from_tensor_slices([object()]), ValueError, "`tensors` must be an array"),
        (lambda: Dataset(3), TypeError, "from_tensor_slices"),
        (lambda: Dataset.zip(pairs(), 3), TypeError, r"Dataset.zip` takes Datasets. Received 3"),
        (lambda: Dataset.from_generator(3), TypeError, "`generator` must be a function"),
        (lambda: Dataset.from_generator(list), TypeError, "`output_signature` or `output_types`"),
        (lambda: len(pairs().repeat()), TypeError, "infinite"),
        (lambda: len(pairs().filter(lambda x, y: True)), TypeError, "unknown"),
        (lambda: list(pairs().filter(lambda x, y: x)), ValueError, "must return one boolean"),
        (lambda: list(pairs().map(lambda x, y: None)), ValueError, "given to `map` returns must"),
        (lambda: list(pairs().flat_map(lambda x, y: x)), TypeError, "must return a Dataset"),
        (lambda: pairs().concatenate(Dataset.range(3)), TypeError, "same structure"),
        (lambda: floats().concatenate(Dataset.range(3)), TypeError, "float32.* and .*int64"),
        (lambda: floats().concatenate(Dataset.from_tensors("a")), TypeError, "float32.*string"),
        (lambda: rows(3).get_single_element(), ValueError, "It has several"),
        (lambda: pairs().snapshot, AttributeError, "`Dataset.snapshot` is not supported"),
        (lambda: pairs().nothing, AttributeError, "has no attribute 'nothing'"),
        (lambda: Dataset.sample_from_datasets, AttributeError, "sample_from_datasets` is not supp"),
        (lambda: Dataset.nothing, AttributeError, "'Dataset' object has no attribute 'nothing'"),
        (lambda: rows(3).apply(len), TypeError, "`transformation_func` must return a Dataset"),
        (
            lambda: list(Dataset.range(1, 3).map(lambda n: np.zeros(int(n))).batch(2)),
            ValueError,
            r"component 0 the first element has shape \(1,\) and element 1 has shape \(2,\)",
        ),
        (lambda: model().fit(pairs(), verbose=0), ValueError, "must have a batch axis"),
        (lambda: model().fit(pairs().batch(8), Y), ValueError, "`y` and `sample_weight` must be"),
        (lambda: model().fit(pairs().take(0).batch(8)), ValueError, "There are no batches"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
