"""Variables, their blocks and a model's store."""

import copy
import pickle

import numpy as np
import pytest

from fastcnn.core.memory import aligned
from fastcnn.core.store import Store
from fastcnn.core.variables import Variable


def test_aligned():
    for shape in ((), (3,), (5, 7, 3)):
        for dtype in ("float32", "uint8", "float64"):
            array = aligned(shape, dtype, zero=True)
            assert array.shape == shape
            assert array.dtype == dtype
            assert array.ctypes.data % 64 == 0
            assert (array == 0).all()
            assert array.flags.c_contiguous
            assert array.flags.writeable


def variables():
    return [
        Variable(np.full((2, 3), 1, np.float32), name="a"),
        Variable(np.full(4, 2, np.float32), name="b", trainable=False),
        Variable(np.full((), 3, np.float32), name="c"),
    ]


def test_new_variables_share_one_block_trainable_first():
    a, b, c = variables()
    store = Store([a, b, c])
    assert [variable.name for variable, _ in store.slices] == ["a", "c", "b"]
    assert store.trainable_size == 32
    assert store.read().size == 48
    assert store.gradients.size == 32
    (block,) = store.blocks
    for array in (store.weights, store.read(), a.value, b.value, c.value):
        assert np.shares_memory(array, block.values)
    assert (a.value == 1).all()
    assert (b.value == 2).all()
    assert c.value == 3
    assert b.gradient is None
    a.gradient[...] = 5
    assert (store.gradients[:6] == 5).all()
    assert (store.gradients[6:] == 0).all()


def test_writing_bumps_the_version():
    a, b, _ = variables()
    store = Store([a, b])
    version = a.block.version
    a.assign(np.zeros((2, 3)))
    assert a.block.version > version
    assert (store.read()[:6] == 0).all()
    version = a.block.version
    store.touch()
    assert a.block.version > version
    with pytest.raises(ValueError, match="read-only"):
        a.value[...] = 1
    with pytest.raises(ValueError, match=r"Expected \(2, 3\), received \(3, 2\)"):
        a.assign(np.zeros((3, 2)))


def test_variables_never_move():
    a, b, c = variables()
    first = Store([a])
    value, gradient = a.value, a.gradient
    second = Store([c, a, b])
    assert a.value is value
    assert a.gradient is gradient
    assert first.blocks == [a.block]
    assert second.blocks == [a.block, c.block]
    assert b.block is c.block is not a.block
    assert Store([a, b, c]).blocks == second.blocks


def test_a_store_of_several_blocks_is_read_and_written_as_a_whole():
    a, b, c = variables()
    Store([c])
    store = Store([a, b, c])
    values = store.read()
    assert [values[part].tolist() for _, part in store.slices] == [[1] * 6, [3], [2] * 4]
    version = c.block.version
    store.write(values * 2)
    assert c.value == 6
    assert (b.value == 4).all()
    assert c.block.version > version


def test_an_update_reaches_every_block():
    a, b, c = variables()
    Store([c])
    store = Store([a, b, c])
    a.gradient[...] = 10
    c.gradient[...] = 20
    store.gather()
    store.weights -= store.gradients
    store.scatter()
    assert (a.value == -9).all()
    assert c.value == -17
    assert (b.value == 2).all()


def test_freezing_makes_a_store_outdated():
    a, b, c = variables()
    store = Store([a, b, c])
    assert store.is_current
    a.trainable = False
    assert not store.is_current
    store = Store([a, b, c])
    assert store.trainable_size == 16
    assert np.shares_memory(store.weights, c.block.values)
    b.trainable = True
    assert b.gradient.shape == (4,)


def test_a_gradient_can_be_assigned():
    a, _, _ = variables()
    Store([a])
    gradient = a.gradient
    a.gradient = np.full((2, 3), 4)
    a.gradient += 1
    assert a.gradient is gradient
    assert (gradient == 5).all()


def test_one_writer_at_a_time():
    a, b, c = variables()
    Store([c])
    store = Store([a, b, c])
    with store.lock:
        assert all(block.lock._is_owned() for block in store.blocks)
    assert not any(block.lock._is_owned() for block in store.blocks)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_is_a_variable_of_its_own(copied):
    a, b, _ = variables()
    Store([a, b])
    again = copied(a)
    assert again.block is None
    np.testing.assert_array_equal(again.value, a.value)
    again.assign(np.zeros((2, 3)))
    assert (a.value == 1).all()
    assert not again.value.flags.writeable


def test_a_variable_is_an_array():
    a = Variable(np.ones((2, 3), np.float32), name="a")
    assert a.shape == (2, 3)
    assert a.ndim == 2
    assert a.size == 6
    assert a.dtype == "float32"
    copy = a.numpy()
    copy[...] = 7
    np.testing.assert_array_equal(np.asarray(a), np.ones((2, 3)))
    assert np.asarray(a, np.float64).dtype == np.float64
    assert repr(a) == "<Variable path=a, shape=(2, 3), dtype=float32>"


def test_one_dtype():
    with pytest.raises(
        ValueError, match=r"must have one dtype. Expected float32, received float64"
    ):
        Store([Variable(np.ones(2, np.float32)), Variable(np.ones(2))])
