"""Samples and batches: everything arrives, in the right order, without copies of a whole set."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import losses
from fastcnn.data.arrays import gatherable
from fastcnn.data.feed import Feed
from fastcnn.data.samples import Samples, class_weights
from fastcnn.data.structure import Structure
from fastcnn.training.objectives import Objectives

LABELS = losses.SparseCategoricalCrossentropy()


def feed(n=10, batch_size=4, shuffle=False, y=None, loss=LABELS, outputs=(None, 100), **more):
    x = np.arange(2 * n).reshape(n, 2).astype(np.uint8)
    samples = Samples(x, np.arange(n) if y is None else y, **more)
    samples.prepare([(None, 2)]).prepare_targets(Objectives(loss=loss).of_outputs, [outputs])
    buffer = lambda size, shape, index: np.empty((size, *shape), "f4")  # noqa: E731
    return Feed(samples, batch_size, buffer, shuffle)


def test_batches_in_order():
    batches = []
    for batch in feed():
        batch.load()
        batches.append((batch.inputs[0].copy(), batch.targets[0].tolist()))
    assert [targets for _, targets in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches])[:, 0], range(0, 20, 2))


def test_shuffled_batches_hold_every_sample_once_and_keep_images_with_labels():
    keras.utils.set_random_seed(0)
    weights = np.arange(10) + 0.5
    source = feed(shuffle=True, sample_weight=weights)
    orders = []
    for _ in range(2):
        order = []
        for batch in source:
            batch.load()
            order += batch.targets[0].tolist()
            np.testing.assert_array_equal(batch.inputs[0][:, 0], 2 * batch.targets[0])
            np.testing.assert_array_equal(batch.weights[0], batch.targets[0] + 0.5)
        orders.append(order)
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))


def test_all_inputs_targets_and_weights_have_one_order():
    keras.utils.set_random_seed(0)
    n = np.arange(10)
    takes = Structure([0, 1], ["bytes", "floats"])
    gives = Structure({"label": 0, "value": 1, "unused": 2}, ["label", "value", "unused"], "output")
    samples = Samples(
        {"floats": np.stack([n, n], 1) / 2, "bytes": n[:, None].astype(np.uint8)},
        {"label": n, "value": n[:, None] + 0.5},
        {"label": n + 1, "value": None},
        takes,
        gives,
        optional=[2],
    )
    losses = {"label": LABELS, "value": "mse", "unused": None}
    samples.prepare([(None, 1), (None, 2)])
    samples.prepare_targets(
        Objectives(gives, losses).of_outputs, [(None, 20), (None, 1), (None, 1)]
    )
    source = Feed(samples, 4, lambda size, shape, index: np.empty((size, *shape), "f4"), True)
    seen = []
    for batch in source:
        batch.load()
        labels = batch.targets[0]
        seen += labels.tolist()
        np.testing.assert_array_equal(batch.inputs[0][:, 0], labels)
        np.testing.assert_array_equal(batch.inputs[1][:, 1], labels / 2)
        np.testing.assert_array_equal(batch.targets[1][:, 0], labels + 0.5)
        np.testing.assert_array_equal(batch.weights[0], labels + 1)
        assert (batch.targets[2], *batch.weights[1:]) == (None, None, None)
    assert sorted(seen) == n.tolist() != seen


def test_parts_of_several_arrays_are_views():
    takes = Structure([0, 1], ["a", "b"])
    samples = Samples([np.zeros((10, 2)), np.arange(10)[:, None]], takes=takes)
    first, last = samples.split(0.2)
    assert (len(first), len(last)) == (8, 2)
    assert last.inputs[1].tolist() == [[8], [9]]
    assert np.shares_memory(last.inputs[1], samples.inputs[1])


def test_float_targets_stay_with_their_images():
    y = np.arange(30.0).reshape(10, 3)
    for batch in feed(shuffle=True, y=y, loss=losses.MeanSquaredError(), outputs=(None, 3)):
        batch.load()
        np.testing.assert_array_equal(batch.targets[0][:, 0] * 2 / 3, batch.inputs[0][:, 0])


def test_buffers_are_reused():
    source = feed(n=8)
    assert len({id(batch) for batch in source} | {id(batch) for batch in source}) == 1


def test_batch_size_larger_than_the_set():
    source = feed(n=3, batch_size=32)
    assert source.steps == 1
    assert [batch.size for batch in source] == [3]


@pytest.mark.parametrize(
    ("dtype", "same"),
    [("uint8", True), ("float32", True), ("float64", True), ("int32", False), (">f4", False)],
)
def test_only_unsupported_dtypes_are_copied(dtype, same):
    array = np.ones((3, 2), dtype)
    ready = gatherable(array, "x")
    assert (ready is array) == same
    assert ready.dtype.isnative
    assert gatherable(array[:, ::-1], "x").flags.c_contiguous


def test_split_returns_views():
    samples = Samples(np.arange(20).reshape(10, 2), np.arange(10), sample_weight=np.arange(10))
    first, last = samples.split(0.25)
    assert (len(first), len(last)) == (7, 3)
    assert np.shares_memory(last.inputs[0], samples.inputs[0])
    np.testing.assert_array_equal(last.targets[0], [7, 8, 9])
    np.testing.assert_array_equal(last.weights[0], [7, 8, 9])


def test_class_weights():
    table = {0: 2.0, 2: 0.5}
    wanted = [2, 1, 0.5, 2]
    np.testing.assert_array_equal(class_weights(np.array([0, 1, 2, 0]), table), wanted)
    np.testing.assert_array_equal(class_weights(np.array([[0], [1], [2], [0]]), table), wanted)
    np.testing.assert_array_equal(class_weights(np.eye(3)[[0, 1, 2, 0]], table), wanted)
    for one in (True, 1.0, np.int64(1), np.float32(1)):
        np.testing.assert_array_equal(class_weights(np.array([0, 1]), {one: 3}), [1, 3])
    with pytest.raises(ValueError, match="requires `y`"):
        class_weights(None, table)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"0": 1.0}, "keys of `class_weight` must be labels, which are integers. Received '0'"),
        ({0.5: 1.0}, "Received 0.5"),
        ({None: 1.0}, "Received None"),
        ({0: None}, r"`class_weight\[0\]` must be a float. Received class_weight\[0\]=None"),
        ({0: "a"}, r"`class_weight\[0\]` must be a float"),
        ({1: np.nan}, r"`class_weight\[1\]` must be a float"),
    ],
)
def test_class_weights_that_are_not_numbers_are_rejected(class_weight, message):
    with pytest.raises(ValueError, match=message):
        class_weights(np.array([0, 1]), class_weight)


@pytest.mark.parametrize("key", [-1, 3])
@pytest.mark.parametrize("y", [np.arange(3), np.eye(3)], ids=["labels", "one-hot"])
def test_class_weights_of_labels_that_cannot_occur_are_rejected(key, y):
    loss = losses.get_instance(f"{'sparse_' if y.ndim == 1 else ''}categorical_crossentropy")
    samples = Samples(np.zeros((3, 2)), y).weigh_classes({0: 2.0, key: 1.0})
    with pytest.raises(ValueError, match=rf"must be labels from 0 to 2. Received \[{key}\]"):
        samples.prepare_targets(Objectives(loss=loss).of_outputs, [(None, 3)])
    signs = Samples(np.zeros((2, 2)), np.array([-1, 1])).weigh_classes({-1: 2.0})
    signs.prepare_targets(Objectives(loss=losses.Hinge()).of_outputs, [(None, 1)])
    assert signs.weights[0].tolist() == [2, 1]
