"""`utils.whitening_filters`: uncorrelated outputs of variance 1, in both signs."""

import numpy as np
import pytest

from fastcnn import initializers, layers, utils


@pytest.mark.parametrize(("size", "channels"), [(2, 1), (3, 1), (2, 3), ((1, 2), 3)])
def test_outputs_are_white(size, channels):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((300, 9, 9, channels)).astype(np.float32)
    images = noise[:, 1:, 1:] + 0.7 * noise[:, :-1, 1:] + 0.4 * noise[:, 1:, :-1]
    filters = utils.whitening_filters(images, size, epsilon=0)
    count = filters.shape[-1]
    height, width = size if isinstance(size, tuple) else (size, size)
    assert filters.shape == (height, width, channels, 2 * height * width * channels)
    conv = layers.Conv2D(count, size, kernel_initializer=initializers.Constant(filters))
    y = np.asarray(conv(images))
    np.testing.assert_allclose(y[..., count // 2 :], -y[..., : count // 2], atol=1e-5)
    rows = y[..., : count // 2].reshape(-1, count // 2)
    np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(count // 2), atol=1e-3)


def test_filters_fall_in_variance_and_epsilon_bounds_them():
    images = np.ones((4, 5, 5, 1), np.float32)  # one direction has all the variance
    filters = utils.whitening_filters(images, 2, epsilon=0.01)
    np.testing.assert_allclose(abs(filters[..., 0]), 0.5 / np.sqrt(4 + 0.01), rtol=1e-5)
    assert abs(filters).max() <= 1 / np.sqrt(0.01) + 1e-6


@pytest.mark.parametrize("shape", [(3, 4, 4), (0, 4, 4, 1), (3, 1, 4, 1)])
def test_invalid_images_are_rejected(shape):
    with pytest.raises(ValueError, match="`images` must be at least one image"):
        utils.whitening_filters(np.zeros(shape))


@pytest.mark.parametrize("size", [0, 2.5, "2", (2,), (0, 2), [[2, 2]]])
def test_invalid_kernel_sizes_are_rejected(size):
    with pytest.raises(ValueError, match="The argument `kernel_size`"):
        utils.whitening_filters(np.zeros((3, 8, 8, 1)), size)


def test_kernel_size_may_be_a_list():
    images = np.random.default_rng(0).random((3, 8, 8, 1))
    expected = utils.whitening_filters(images, (1, 2))
    np.testing.assert_array_equal(utils.whitening_filters(images, [1, 2]), expected)
