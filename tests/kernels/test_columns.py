"""Arrays that are columns of a wider array: the bits of arrays of their own, and no others written.

Which arrays of which kernels may be such columns is in the table of kernels/spec.py.
"""

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import choice, spec
from fastcnn.kernels.checks import is_columns
from tests.support.random_calls import algorithms, draw, taking

CALLS = 60  # of each kernel
KERNELS = [name for name in spec.ARRAYS if spec.columns_of(name)]


def wide(array, before=3, after=2):
    """A copy as columns of another array, whose other columns are 55."""
    shape = (*array.shape[:-1], before + array.shape[-1] + after)
    whole = np.full(shape, 55, array.dtype)
    columns = whole[..., before : before + array.shape[-1]]
    columns[...] = array
    return whole, columns


@pytest.mark.parametrize("kernel", KERNELS)
def test_columns_of_a_wider_array(kernel, instruction_set):
    labels, used = [label for label, *_ in spec.arrays_of(kernel)], set()
    for number in range(CALLS):
        call = draw(kernel, number)
        for algorithm in algorithms(call):
            used.add(algorithm)
            with taking(kernel, algorithm):
                expected = call.fresh()
                kernels.bind(kernel, *expected, **call.config)()
                for threads in (1, 3):
                    fastcnn.config.set_num_threads(threads)
                    arrays, wholes = call.fresh(), []
                    for index, label in enumerate(labels):
                        if label in spec.columns_of(kernel) and arrays[index] is not None:
                            whole, arrays[index] = wide(arrays[index])
                            wholes.append((whole, expected[index]))
                    kernels.bind(kernel, *arrays, **call.config)()
                    for found, wanted in zip(arrays, expected, strict=True):
                        np.testing.assert_array_equal(found, wanted)
                    for whole, columns in wholes:
                        assert (whole[..., :3] == 55).all()
                        assert (whole[..., 3 + columns.shape[-1] :] == 55).all()
    assert used == {name for name, *_ in choice.ALGORITHMS.get(kernel, [(None,)])}


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 1, 1, 5), (1, 3, 1, 5), (1, 1, 1, 1), (3, 4)])
def test_columns_are_recognized(shape):
    whole, columns = wide(np.zeros(shape, np.float32))
    assert is_columns(columns)
    assert is_columns(whole)


def test_other_strides_are_refused():
    whole = np.zeros((4, 6, 8, 10), np.float32)
    for array in (whole[..., ::2], whole[:, :5, :, :4], whole[:, :, ::3, :4], whole[..., ::-1]):
        assert not is_columns(array)
    overlapping = np.lib.stride_tricks.as_strided(whole, (1, 4, 4, 4), (64, 48, 12, 4))
    assert not is_columns(overlapping)
    x, w = np.zeros((1, 4, 4, 3), np.float32), np.zeros((1, 1, 3, 4), np.float32)
    settings = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1), "relu": False}
    with pytest.raises(ValueError, match="`y` must be C-contiguous"):
        kernels.bind("conv2d_forward", x, w, None, overlapping, **settings)


def test_a_residual_has_the_strides_of_the_result():
    x, w = np.zeros((1, 4, 4, 3), np.float32), np.zeros((1, 1, 3, 4), np.float32)
    _, y = wide(np.zeros((1, 4, 4, 4), np.float32))
    settings = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1), "relu": False}
    with pytest.raises(ValueError, match="the same strides"):
        kernels.bind("conv2d_forward", x, w, None, y, y.copy(), **settings)
    kernels.bind("conv2d_forward", x, w, None, y, y, **settings)()
