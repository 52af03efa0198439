"""Which algorithm computes a convolution: the lists of choice.py, its choice, and `forced`."""

import numpy as np
import pytest

from fastcnn import kernels
from fastcnn.kernels import choice
from tests.support.random_calls import algorithms, draw


@pytest.mark.parametrize("kernel", choice.ALGORITHMS)
def test_random_shapes_reach_every_algorithm(kernel):
    """Each is the best for some shape that is drawn, or can at least be forced."""
    names = {name for name, _, _ in choice.ALGORITHMS[kernel]}
    orders = [algorithms(draw(kernel, number)) for number in range(60)]
    assert {algorithm for order in orders for algorithm in order} == names
    for order in orders:
        assert set(order) <= names
        assert len(set(order)) == len(order)


def test_forced_applies_to_one_kernel_and_only_inside_the_block():
    with pytest.raises(ValueError, match=r"`dense_forward` are \(\)"):
        choice.forced("dense_forward", "winograd").__enter__()
    with pytest.raises(ValueError, match="Received 'fast'"):
        choice.forced("conv2d_forward", "fast").__enter__()
    x, w, y = np.ones((1, 5, 5, 2), "f4"), np.ones((2, 2, 2, 3), "f4"), np.ones((1, 4, 4, 3), "f4")
    config = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1), "relu": False}
    with choice.forced("conv2d_forward", "winograd"), pytest.raises(ValueError, match="cannot run"):
        kernels.bind("conv2d_forward", x, w, None, y, **config)
    assert kernels.bind("conv2d_forward", x, w, None, y, **config).algorithm == "direct"


@pytest.mark.parametrize(
    ("kernel_size", "channels", "y_size", "wanted"),
    [
        ((3, 3), (64, 64), (32, 14, 14), ("winograd", "winograd", "winograd")),
        ((3, 3), (64, 64), (1, 14, 14), ("winograd", "winograd", "taps")),
        ((5, 5), (64, 12), (32, 14, 14), ("winograd", "winograd", "rows")),
        ((7, 5), (32, 32), (32, 20, 14), ("winograd", "winograd", "winograd")),
        ((5, 5), (32, 32), (32, 3, 3), ("direct", "direct", "rows")),  # 4x4 in tiles
        ((5, 5), (1, 64), (32, 14, 14), ("direct", "columns", "rows")),
        ((4, 4), (64, 64), (32, 14, 14), ("direct", "direct", "rows")),
    ],
)
def test_winograd_is_chosen_where_it_saves_products(kernel_size, channels, y_size, wanted):
    (kh, kw), (ic, oc), (n, oh, ow) = kernel_size, channels, y_size
    x_shape, y_shape = (n, oh + kh - 1, ow + kw - 1, ic), (n, oh, ow, oc)
    shape = (kernel_size + channels, x_shape, y_shape, (1, 1), (1, 1))
    kinds = ("forward", "backward_data", "backward_weights")
    assert tuple(choice.choose(f"conv2d_{kind}", *shape) for kind in kinds) == wanted


@pytest.mark.parametrize(
    ("images", "channels", "wanted"),
    [
        (1, 1, "taps"),
        (2, 16384, "rows"),
        (3, 16385, "taps"),
        (4, 262144, "rows"),
        (63, 262145, "taps"),
        (64, 262145, "rows"),
        (None, 262145, "rows"),
    ],
)
def test_filter_gradients_by_rows_or_taps(images, channels, wanted):
    """Small filters and many images: partial sums; large filters: each task owns some taps."""
    image = (images, 4, 4, channels)
    shape = ((1, 1, channels, 1), image, (images, 4, 4, 1), (1, 1), (1, 1))
    assert choice.choose("conv2d_backward_weights", *shape) == wanted
