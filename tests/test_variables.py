"""Variables and their store."""

import numpy as np
import pytest

from fastcnn.core.variables import Store, Variable, aligned


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


def test_store_adopts_values_trainable_first():
    a, b, c = variables()
    store = Store([a, b, c])
    assert [variable.name for variable, _ in store.slices] == ["a", "c", "b"]
    assert store.trainable_size == 32
    assert store.values.size == 48
    assert store.gradients.size == 32
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
    version = store.version
    a.assign(np.zeros((2, 3)))
    assert store.version > version
    assert (store.values[:6] == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        a.value[...] = 1
    with pytest.raises(ValueError, match=r"Expected \(2, 3\), received \(3, 2\)"):
        a.assign(np.zeros((3, 2)))


def test_another_store_takes_over():
    a, b, c = variables()
    first = Store([a, b, c])
    second = Store([c, a])
    assert first.stale
    assert not second.stale
    assert a.store is second
    a.assign(np.full((2, 3), 9))
    assert (first.values[:6] == 1).all()
    third = Store([a, b, c])
    assert (a.value == 9).all()
    assert third.values.size == 48


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
