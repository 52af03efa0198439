"""Kernels of light layers: what random shapes (test_exactness.py) do not draw."""

from statistics import NormalDist

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import native
from fastcnn.kernels.reference.noise import normals
from fastcnn.kernels.reference.regularization import hashes


@pytest.fixture(autouse=True)
def _small_work_is_shared_too():
    before = native.set_work_per_thread(1)
    yield
    native.set_work_per_thread(before)


def random_view(rng, shape):
    """(an array, a view of it of this shape): its axes permuted, flipped, cut or strided."""
    order = rng.permutation(len(shape))
    base = rng.standard_normal([2 * shape[axis] + 1 for axis in order]).astype(np.float32)
    view = base.transpose(np.argsort(order))
    for axis, size in enumerate(shape):
        start = int(rng.integers(0, 2))
        stop, step = ((start + size, 1), (start + 2 * size, 2))[int(rng.random() < 0.2)]
        view = np.moveaxis(np.moveaxis(view, axis, 0)[start:stop:step], 0, axis)
        if rng.random() < 0.2:
            view = np.flip(view, axis)
    return base, view


@pytest.mark.parametrize("threads", [1, 3])
def test_views_are_copied_and_gaps_are_left_alone(threads, instruction_set):
    fastcnn.config.set_num_threads(threads)
    rng = np.random.default_rng(threads)
    for _ in range(300):
        rank = int(rng.integers(1, 6))
        shape = rng.integers(1, (3000, 120, 24, 10, 7)[rank - 1], rank)
        (_, x), (base, y) = random_view(rng, shape), random_view(rng, shape)
        if rng.random() < 0.3:  # a stride of 0
            x = np.broadcast_to(np.take(x, [0], int(rng.integers(rank))), y.shape)
        expected = base.copy()
        offset = y.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        np.ndarray(y.shape, np.float32, expected, offset, y.strides)[...] = x
        kernels.bind("copy", x, y)()
        np.testing.assert_array_equal(base, expected)


def test_copies_of_other_shapes_are_refused():
    x = np.ones((3, 4), np.float32)
    with pytest.raises(ValueError, match="`copy`: `y` must have the shape"):
        kernels.bind("copy", x, np.ones((4, 3), np.float32))
    with pytest.raises(TypeError, match="`x` must be float32"):
        kernels.bind("copy", x.astype("f8"), x)


def test_noise_is_the_inverse_of_the_normal_distribution_function():
    key = np.array([3, 5])
    h = hashes(20_000, key)
    exact = NormalDist()
    p = ((h & np.uint32(0x7FFFFFFF)) + 0.5) * 2.0**-32
    expected = np.array([exact.inv_cdf(value) for value in p]) * np.where(h >> 31, 1, -1)
    found = normals(len(h), key, np.dtype("f8"))
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


def test_noise_is_normal(instruction_set):
    x = np.zeros(1_000_000, np.float32)
    y, other = np.empty((2, x.size), np.float32)
    for key, out in ((1, y), (2, other)):
        settings = {"stddev": 1.0, "multiplies": False}
        kernels.bind("gaussian_noise", x, np.array([key, 0]), out, **settings)()
    n = len(x)
    moments = [float((y.astype("f8") ** k).mean()) for k in (1, 2, 3, 4)]
    deviations = np.sqrt(np.array([1, 2, 15, 96]) / n)  # of the means of the powers
    assert np.all(np.abs(np.array(moments) - (0, 1, 0, 3)) < 5 * deviations)
    for correlation in (np.mean(y * other), np.mean(y[1:] * y[:-1])):
        assert abs(correlation) < 5 / np.sqrt(n)
    assert 4.5 < np.abs(y).max() < 6.4


def test_bytes_are_resized_without_a_copy(instruction_set):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (2, 9, 7, 3), np.uint8)
    taps = np.array([[0, 1], [3, 8]], np.int32), np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
    columns = np.arange(7, dtype=np.int32)[:, None], np.ones((7, 1), np.float32)
    found, expected = np.full((2, 2, 2, 7, 3), np.nan, np.float32)
    kernels.bind("resample", x, *taps, *columns, found)()
    kernels.bind("resample", x.astype(np.float32), *taps, *columns, expected)()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[:, 0], (x[:, 0].astype("f4") + x[:, 1]) / 2)
