"""Depthwise convolution kernels: native against the reference, as in test_kernels.py."""

import dataclasses
import math

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import spec
from tests.kernels.test_kernels import assert_close, assert_exact, seed_of
from tests.support.kernel_cases import Call, integers, reals
from tests.support.random_calls import algorithms, taking
from tests.support.shapes import CHANNELS, Conv2DCase


def _cases():
    """name -> (Conv2DCase, depth); the case's oc is not used."""
    for channels in CHANNELS:
        yield f"c{channels}", (Conv2DCase(2, (6, 7), channels, 0), 1)
        yield f"c{channels}-depth2", (Conv2DCase(2, (5, 6), channels, 0), 2)
    for kernel in ((1, 1), (2, 3), (3, 2), (4, 4), (5, 5), (7, 1), (1, 7)):
        for strides in ((1, 1), (2, 2), (1, 2), (3, 2)):
            for padding in ("valid", "same"):
                name = f"kernel{kernel}-strides{strides}-{padding}".replace(" ", "")
                case = Conv2DCase(2, (9, 20), 9, 0, kernel, strides, padding)
                yield name, (case, 1 + len(name) % 3)
    for kernel in ((3, 3), (5, 5), (2, 3), (1, 5), (7, 3)):  # those that go row by row
        for strides in ((1, 1), (2, 2), (1, 2), (3, 1)):
            for padding in ("valid", "same"):
                name = f"rows-kernel{kernel}-strides{strides}-{padding}".replace(" ", "")
                width = 7 + len(name) % 5
                yield name, (Conv2DCase(2, (8, width), 19, 0, kernel, strides, padding), 1)
    for width in range(1, 15):  # every remainder of a block, and images narrower than the filter
        for size in (3, 5):
            for stride in (1, 2):
                case = Conv2DCase(1, (4, width), 16, 0, (size, size), (stride, stride), "same")
                yield f"rows-width{width}-kernel{size}-stride{stride}", (case, 1)
    for channels in (16, 17, 24, 33, 40):
        yield f"rows-c{channels}", (Conv2DCase(2, (5, 7), channels, 0, padding="same"), 1)
    for dilation in ((2, 2), (1, 3)):
        for padding in ("valid", "same"):
            case = Conv2DCase(2, (11, 13), 5, 0, (3, 3), (1, 1), padding, dilation)
            yield f"dilation{dilation}-{padding}".replace(" ", ""), (case, 2)
    for n in (0, 1, 5):
        yield f"batch{n}", (Conv2DCase(n, (8, 8), 8, 0, padding="same"), 1)
    yield "many-images", (Conv2DCase(16, (28, 28), 32, 0, padding="same"), 1)
    yield "one-pixel", (Conv2DCase(3, (1, 1), 9, 0, padding="same"), 1)


CASES = dict(_cases())


def depthwise_calls(case, depth, rng, draw, relu, bias):
    config = {"strides": case.strides, "pads": case.pads, "dilation": case.dilation}
    case = dataclasses.replace(case, oc=case.ic * depth)
    w_shape = (*case.kernel_size, case.ic, depth)
    x, w, y = draw(rng, *case.x_shape), draw(rng, *w_shape), draw(rng, *case.y_shape)
    b = draw(rng, case.oc) if bias else None
    positions, taps = math.prod(case.y_shape[:3]), math.prod(case.kernel_size)
    name = "depthwise_conv2d"
    yield Call(f"{name}_forward", [x, w, b, y], {**config, "relu": relu}, taps + 1)
    if relu:
        config_of_relu = {**config, "relu": True, "relu_max": 6.0}
        yield Call(f"{name}_forward", [x, w, b, y], config_of_relu, taps + 1)
    yield Call(f"{name}_backward_data", [y, w, x], config, taps * depth)
    yield Call(f"{name}_backward_weights", [x, y, w, b], config, max(positions, 1))


@pytest.mark.parametrize("name", CASES)
def test_depthwise_conv2d(name, instruction_set):
    rng, (case, depth) = seed_of(name), CASES[name]
    for bias in (True, False):
        for call in depthwise_calls(case, depth, rng, integers, bias, bias):
            for algorithm in algorithms(call):
                with taking(call.kernel, algorithm):
                    assert_exact(call)
    for call in depthwise_calls(case, depth, rng, reals, True, True):
        for algorithm in algorithms(call):
            with taking(call.kernel, algorithm):
                assert_close(call)


def test_filters_of_three_and_five_columns_go_row_by_row():
    for columns, channels, depth, wanted in (
        (3, 16, 1, "rows"), (5, 33, 1, "rows"), (3, 15, 1, "taps"), (3, 16, 2, "taps"),
        (4, 16, 1, "taps"),
    ):  # fmt: skip
        case = Conv2DCase(2, (6, 7), channels, 0, (3, columns), padding="same")
        for call in depthwise_calls(case, depth, np.random.default_rng(0), integers, False, False):
            assert kernels.bind(call.kernel, *call.arrays, **call.config).algorithm == wanted


def test_depthwise_equals_separate_convolutions_of_each_channel(instruction_set):
    rng = np.random.default_rng(0)
    x, w = integers(rng, 2, 6, 5, 3), integers(rng, 3, 3, 3, 2)
    y = np.empty((2, 4, 3, 6), np.float32)
    config = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1)}
    kernels.bind("depthwise_conv2d_forward", x, w, None, y, relu=False, **config)()
    for c in range(3):
        one = kernels.conv2d_forward(x[..., c : c + 1], w[:, :, c : c + 1])
        np.testing.assert_array_equal(y[..., 2 * c : 2 * c + 2], one)


def test_channels_must_match():
    config = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1)}
    shapes = (1, 3, 3, 2), (3, 3, 2, 2), (1, 1, 1, 3)
    x, w, y = (np.ones(shape, np.float32) for shape in shapes)
    with pytest.raises(ValueError, match=r"o must be i \* m = 4 with i = 2, m = 2. Received o = 3"):
        kernels.bind("depthwise_conv2d_forward", x, w, None, y, relu=False, **config)
    assert fastcnn.config.backend() == "native"
    assert "depthwise_conv2d_forward" in spec.ARRAYS


@pytest.mark.parametrize("images", [1, 15, 16, 17])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_separable_kernels_give_the_same_bits_as_both(images, strides, instruction_set):
    rng = np.random.default_rng(images)
    case = Conv2DCase(images, (19, 40), 17, 17, strides=strides, padding="same")
    x, middle = reals(rng, *case.x_shape), reals(rng, *case.y_shape)
    w, v, b = reals(rng, 3, 3, 17, 1), reals(rng, 1, 1, 17, 24), reals(rng, 24)
    config = {"strides": strides, "pads": case.pads, "dilation": (1, 1)}
    one = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1)}
    results = []
    for join in (kernels.Sequence, kernels.native.separable_conv2d_forward):
        for threads in (1, 2, 3):
            kernels.native.set_num_threads(threads, True)
            y = np.full((*case.y_shape[:3], 24), np.nan, np.float32)
            middle[...] = np.nan
            call = join(
                kernels.bind("depthwise_conv2d_forward", x, w, None, middle, relu=False, **config),
                kernels.bind("conv2d_forward", middle, v, b, y, relu=True, **one),
            )
            call()
            results.append((middle.copy(), y))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0][0], other[0])
        np.testing.assert_array_equal(results[0][1], other[1])
