"""Generators, data sets and other iterables of batches as x. fits.py has what Keras does."""

import threading
import time

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.data.streams import Epochs, Stream, is_indexed, makes_batches
from tests.support.pieces import flat, small_data, small_net

X, Y = small_data()


def model(optimizer="sgd", **settings):
    net = small_net(keras)
    net.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **settings)
    return net


def cut(size=8, x=X, y=Y):
    return [(x[begin : begin + size], y[begin : begin + size]) for begin in range(0, len(x), size)]


class Iterable:
    """Gone through once in each epoch, like a PyTorch DataLoader."""

    def __init__(self, batches):
        self.batches = batches
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return iter(self.batches)


class DataSet(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__(workers=2)
        self.batches = batches
        self.asked = []

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        self.asked.append(index)
        return self.batches[index]


def test_what_counts_as_batches():
    for arrays in (X, X.tolist(), (X,), None, memoryview(X)):
        assert not makes_batches(np.asarray(arrays) if isinstance(arrays, memoryview) else arrays)
    for batches in (iter([]), (n for n in ()), Iterable([]), DataSet([])):
        assert makes_batches(batches)
    assert is_indexed(DataSet([]))
    assert not is_indexed(Iterable([]))


def test_batches_train_like_arrays():
    wanted = model()
    history = wanted.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history
    for source in (Iterable(cut()), DataSet(cut()), iter(cut() * 3)):
        net = model()
        steps = 5 if hasattr(source, "__next__") else None
        got = net.fit(source, epochs=3, shuffle=False, verbose=0, steps_per_epoch=steps)
        assert got.history == history
        np.testing.assert_array_equal(flat(net), flat(wanted))


def test_data_sets_are_shuffled_by_batches():
    keras.utils.set_random_seed(0)
    source = DataSet(cut())
    model().fit(source, epochs=3, verbose=0)
    first = source.asked[0:1]  # to see what batches are like
    epochs = [tuple(source.asked[begin : begin + 5]) for begin in range(1, 16, 5)]
    assert first == [0]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len(set(epochs)) == 3


def test_batches_of_any_size_and_kind():
    """Uint8 images, lists, columns of labels, float64, batches of one: whatever arrays would do."""
    x = np.arange(240).reshape(40, 6).astype(np.uint8) % 7
    kinds = [
        (x[:5], Y[:5]),
        (x[5:6].tolist(), Y[5:6, None]),
        (x[6:20].astype("f8"), Y[6:20].astype("f4")),
        [x[20:], Y[20:].astype(np.uint8)],
    ]
    wanted = model(keras.optimizers.SGD(0.0)).evaluate(x, Y, verbose=0)
    assert model().evaluate(Iterable(kinds), verbose=0) == pytest.approx(wanted, rel=1e-6)


def test_many_batch_sizes_do_not_accumulate_buffers():
    net = model()
    batches = [(X[:n], Y[:n]) for n in range(1, 40)]
    stream = Stream(Iterable(batches), net, net.objectives.of_outputs)
    for batch in stream:
        batch.load()
    assert len(stream._buffers._batches) <= 4
    net.fit(Iterable(batches), verbose=0)
    assert len(net._inputs) <= 4


def test_weights_in_some_batches_only():
    w = np.linspace(0, 2, 40).astype("f4")
    batches = [(x, y, w[8 * i : 8 * i + 8]) if i % 2 else (x, y) for i, (x, y) in enumerate(cut())]
    net = model(keras.optimizers.SGD(0.0))
    all_weights = np.concatenate([w[8 * i : 8 * i + 8] if i % 2 else np.ones(8) for i in range(5)])
    wanted = net.evaluate(X, Y, sample_weight=all_weights, verbose=0)
    assert net.evaluate(Iterable(batches), verbose=0) == pytest.approx(wanted, rel=1e-6)


def test_first_batch_builds_the_model():
    net = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    net.compile("sgd", "sparse_categorical_crossentropy")
    net.fit(Iterable(cut()), verbose=0)
    assert net.input_shape == (None, 6)
    other = keras.Sequential([keras.layers.Dense(3)])
    assert other.predict(DataSet(cut()), verbose=0).shape == (40, 3)


def test_exhausted_generator():
    net = model()
    with pytest.warns(UserWarning, match="ran out in the middle of an epoch") as warned:
        history = net.fit(iter(cut()), epochs=3, steps_per_epoch=3, verbose=0)
    assert history.epoch == [0, 1]
    assert net.optimizer.iterations == 5
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="There are no data left for epoch 2: training stops"):
        history = net.fit(iter(cut()), epochs=3, verbose=0)
    assert history.epoch == [0]


def test_iterable_of_unknown_length_is_counted_once():
    net = model()
    epochs = Epochs(Stream(Iterable(cut()), net, net.objectives.of_outputs))
    assert epochs.steps is None
    assert sum(1 for _ in epochs.epoch()) == 5
    assert epochs.steps == 5


def test_progress_of_endless_batches(capsys):
    model().fit(iter(cut()), verbose=1)
    assert "5/5" in capsys.readouterr().out
    model().evaluate(iter(cut()), verbose=2)
    assert capsys.readouterr().out.startswith("5/5 - 0s - ")


def test_callback_stops_in_the_middle_of_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    net = model()
    assert net.predict(iter(cut()), verbose=0, callbacks=[Stop()]).shape == (16, 3)
    assert net.predict(X, batch_size=8, verbose=0, callbacks=[Stop()]).shape == (16, 3)
    first = net.evaluate(X[:16], Y[:16], verbose=0)
    assert net.evaluate(DataSet(cut()), verbose=0, callbacks=[Stop()]) == pytest.approx(first)


def test_endless_data_set():
    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return cut()[index % 5]

    net = model()
    net.fit(Endless(), steps_per_epoch=7, epochs=2, shuffle=False, verbose=0)
    assert net.optimizer.iterations == 14


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"y": Y}, "`y` and `sample_weight` must be None"),
            ({"sample_weight": np.ones(40)}, "`y` and `sample_weight` must be None"),
            ({"validation_split": 0.2}, "`validation_split` is only for arrays"),
            ({"class_weight": {0: 1.0}}, "`class_weight` is not supported for gen"),
            ({"steps_per_epoch": 0}, "`steps_per_epoch` must be a positive integer"),
            ({"validation_data": X}, r"`validation_data` must be \(x, y\)"),
            ({"validation_data": (X,)}, "`y` is missing"),
            (
                {"validation_data": (X, Y, Y, Y)},
                r"`validation_data` must be x, \(x,\), \(x, y\) or",
            ),
        ],
    )
    def test_fit(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            model().fit(iter(cut()), verbose=0, **arguments)

    @pytest.mark.parametrize(
        ("batch", "message"),
        [
            ((X, Y, Y, Y), r"A batch must be x, \(x,\), \(x, y\) or .* Received a tuple of 4"),
            ((X[:, :5], Y), r"The model takes inputs of shape \(n, 6\)"),
            ((X, Y + 1), r"Labels must be in \[0, 3\)"),
            ((X, Y[1:]), "must have the same number of samples"),
            ((X,), "`y` is missing"),
            (X, "`y` is missing"),
        ],
    )
    def test_batches(self, batch, message):
        for batches in ([batch], [(X, Y), batch]):
            with pytest.raises(ValueError, match=message):
                model().fit(iter(batches), verbose=0)

    def test_no_batches(self):
        for source in (iter([]), Iterable([])):
            with pytest.raises(ValueError, match="There are no batches"):
                model().fit(source, verbose=0)

    def test_weights_and_class_weights(self):
        source = DataSet([(X, Y, np.ones(40))])
        with pytest.raises(ValueError, match="either `class_weight` or sample weights"):
            model().fit(source, class_weight={0: 1.0}, verbose=0)

    def test_tf_data(self):
        class Dataset:
            element_spec = None

            def __iter__(self):
                return iter(cut())

        for call in (model().fit, model().evaluate, model().predict):
            with pytest.raises(NotImplementedError, match=r"tf.data .* `dataset.as_numpy_iterator"):
                call(Dataset())
        with pytest.raises(NotImplementedError, match=r"tf.data data sets are not supported"):
            model().fit(X, Y, validation_data=Dataset())

    def test_batches_instead_of_arrays_are_rejected(self):
        with pytest.raises(ValueError, match="`x` must be an array here"):
            model().train_on_batch(iter(cut()))

    def test_data_set_must_implement_getitem(self):
        class Nothing(keras.utils.Sequence):
            def __len__(self):
                return 1

        with pytest.raises(NotImplementedError, match=r"Nothing must implement __getitem__"):
            model().fit(Nothing())


# ------------------------------------------------------------------------------------ reading ahead


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "fastcnn-data"]


class Random(DataSet):
    """Noise from the package's generator in each batch."""

    def __init__(self, **settings):
        keras.utils.PyDataset.__init__(self, **settings)
        self.batches = cut()

    def __getitem__(self, index):
        x, y = self.batches[index]
        return x + keras.random.generator().normal(size=x.shape), y


@pytest.mark.parametrize(
    "settings",
    [
        {"workers": 0},
        {"workers": 3},
        {"workers": 2, "max_queue_size": 1},
        {"workers": 2, "use_multiprocessing": True},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_results_do_not_depend_on_workers(settings):
    def run(**settings):
        keras.utils.set_random_seed(0)
        net = model()
        net.fit(Random(**settings), epochs=2, verbose=0)
        return flat(net)

    np.testing.assert_array_equal(run(**settings), run())
    assert threads() == []


def test_batches_are_made_while_the_step_before_runs():
    main, used = threading.current_thread(), set()
    made, ahead = [], []

    def batches():
        for batch in cut() * 3:
            used.add(threading.current_thread() is main)
            made.append(batch)
            yield batch

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            deadline = time.monotonic() + 10
            wanted = min(batch + 3, 5) + 5 * self.epoch
            while len(made) < wanted and time.monotonic() < deadline:
                time.sleep(0.001)
            ahead.append(len(made) - (batch + 1) - 5 * self.epoch)

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    model().fit(batches(), epochs=2, steps_per_epoch=5, callbacks=[Watch()], verbose=0)
    assert used == {False}
    assert ahead == [2, 2, 2, 1, 0] * 2  # nothing is lost at the end of an epoch
    assert len(made) == 10
    assert threads() == []


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_errors_of_workers_stop_the_training():
    class Failing(DataSet):
        def __getitem__(self, index):
            if index == 3:
                raise ZeroDivisionError("three")
            return super().__getitem__(index)

    for settings in ({}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}):
        source = Failing(cut())
        keras.utils.PyDataset.__init__(source, **settings)
        net = model()
        with pytest.raises(ZeroDivisionError, match="three"):
            net.fit(source, shuffle=False, verbose=0)
        assert net.optimizer.iterations == 3
        assert threads() == []


@pytest.mark.parametrize("argument", ["workers", "max_queue_size"])
def test_wrong_numbers_of_workers(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be"):
        keras.utils.PyDataset(**{argument: -1})
