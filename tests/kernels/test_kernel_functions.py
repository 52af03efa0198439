"""The kernels as functions: one for each kernel, with the results of the reference."""

import importlib

import numpy as np
import pytest

import fastcnn
from fastcnn import kernels
from fastcnn.kernels import functions, spec
from fastcnn.kernels.spec import FAMILIES, INTERNAL
from tests.support.random_calls import public_call

IMAGES, ROWS = (2, 7, 6, 4), (6, 4)


def integers(*shape, seed=0):
    """Small integers as float64: sums of their products are exact."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def positive(*shape):
    return np.random.default_rng(1).uniform(0.5, 2, shape)


POOL = {"padding": "same", "pool_size": 3, "pool_strides": 2}
WINDOW = {"strides": 2, "padding": "same"}
ARGMAX = np.random.default_rng(2).integers(0, 9, (2, 3, 2, 5)).astype(np.uint8)
CALLS = {
    "conv2d_max_pool2d_forward": lambda k: k.conv2d_max_pool2d_forward(
        integers(*IMAGES), integers(3, 2, 4, 5), integers(5), relu=True, **POOL
    ),
    "conv2d_max_pool2d_backward_data": lambda k: k.conv2d_max_pool2d_backward_data(
        integers(2, 3, 2, 5), ARGMAX, integers(3, 2, 4, 5), (7, 6), **POOL
    ),
    "conv2d_max_pool2d_backward_weights": lambda k: k.conv2d_max_pool2d_backward_weights(
        integers(*IMAGES), integers(2, 3, 2, 5), ARGMAX, (3, 2), **POOL
    ),
    "depthwise_conv2d_forward": lambda k: k.depthwise_conv2d_forward(
        integers(*IMAGES), integers(3, 2, 4, 2), integers(8), **WINDOW
    ),
    "depthwise_conv2d_backward_data": lambda k: k.depthwise_conv2d_backward_data(
        integers(2, 4, 3, 8), integers(3, 2, 4, 2), (7, 6), **WINDOW
    ),
    "depthwise_conv2d_backward_weights": lambda k: k.depthwise_conv2d_backward_weights(
        integers(*IMAGES), integers(2, 4, 3, 8), (3, 2), **WINDOW
    ),
    "tanh_forward": lambda k: k.tanh_forward(integers(3, 4, 5)),
    "tanh_backward": lambda k: k.tanh_backward(integers(*ROWS), positive(*ROWS)),
    "sigmoid_forward": lambda k: k.sigmoid_forward(integers(3, 4, 5)),
    "sigmoid_backward": lambda k: k.sigmoid_backward(integers(*ROWS), positive(*ROWS)),
    "elu_forward": lambda k: k.elu_forward(integers(3, 4, 5), alpha=0.5),
    "elu_backward": lambda k: k.elu_backward(integers(*ROWS), integers(*ROWS, seed=3)),
    "batch_norm_forward": lambda k: k.batch_norm_forward(
        integers(*ROWS), None, integers(4), integers(4), positive(4), relu=True
    ),
    "batch_norm_forward_training": lambda k: k.batch_norm_forward_training(
        integers(*ROWS), integers(4), epsilon=0.1
    ),
    "batch_norm_backward": lambda k: k.batch_norm_backward(
        integers(*ROWS), integers(*ROWS), integers(4), integers(4), positive(4), y=integers(*ROWS)
    ),
    "affine_transform_forward": lambda k: k.affine_transform_forward(
        integers(*IMAGES), integers(2, 8) / 8, fill_mode="constant", fill_value=0.5
    ),
    "affine_transform_backward": lambda k: k.affine_transform_backward(
        integers(*IMAGES), integers(2, 8) / 8, interpolation="nearest"
    ),
    "dropout": lambda k: k.dropout(integers(30, 40), [3, 2**32 - 1], rate=0.3),
}


def test_every_kernel_has_a_family_and_a_function():
    internal = {name for names in INTERNAL.values() for name in names}
    assert set(functions.__all__) == set(spec.ARRAYS) - internal
    for families, package in ((FAMILIES, "functions"), ({**FAMILIES, **INTERNAL}, "reference")):
        for family, names in families.items():
            module = importlib.import_module(f"fastcnn.kernels.{package}.{family}")
            defined = {
                name
                for name in spec.ARRAYS
                if getattr(vars(module).get(name), "__module__", None) == module.__name__
            }
            assert set(names) == defined, module
            if package == "functions":
                assert set(names) == set(module.__all__)
                assert all(getattr(kernels, name) is getattr(module, name) for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = kernels.nonsense


@pytest.mark.parametrize("name", functions.__all__)
def test_results_equal_those_of_the_reference(name):
    if name in CALLS:
        call = CALLS[name]
    else:
        function, inputs, others = public_call(name)
        wide = {
            key: array.astype("f8") if array.dtype == "f4" else array
            for key, array in inputs.items()
        }

        def call(_):
            return function(**wide, **others)

    results = {}
    for backend in ("native", "reference"):
        fastcnn.config.set_backend(backend)
        found = call(kernels)
        results[backend] = found if isinstance(found, tuple) else (found,)
    for native, reference in zip(*results.values(), strict=True):
        assert native.dtype in (np.float32, np.uint8)
        assert reference.dtype in (np.float64, np.uint8)
        bound = 1e-6 * np.abs(reference).max()
        np.testing.assert_allclose(native, reference, rtol=1e-6, atol=bound)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: k.depthwise_conv2d_forward(integers(2, 3), 1.0), "`x` must have 4 axes"),
        (
            lambda k: k.depthwise_conv2d_backward_data(
                integers(1, 2, 2, 3), integers(2, 2, 3, 1), (9, 9)
            ),
            "`dy` must have 8 rows",
        ),
        (
            lambda k: k.depthwise_conv2d_backward_weights(
                integers(1, 4, 4, 3), integers(1, 3, 3, 4), 2
            ),
            r"o must be i \* m = 3 with i = 3, m = 1. Received o = 4",
        ),
        (
            lambda k: k.conv2d_max_pool2d_forward(
                integers(1, 4, 4, 1), integers(3, 3, 1, 1), pool_size=4
            ),
            "does not fit into an image",
        ),
        (lambda k: k.tanh_backward(integers(2, 3), integers(3, 2)), "must have the shape"),
        (
            lambda k: k.elu_backward(integers(3), integers(3), alpha=-0.5),
            "elu_backward takes an alpha >= 0. Received alpha=-0.5",
        ),
        (lambda k: k.dropout(integers(3), [1.0, 2.0], rate=0.5), "`key` must be 2 integers"),
        (lambda k: k.dropout(integers(3), [1, 2], rate=1.5), r"`rate` must be in \[0, 1\]"),
        (
            lambda k: k.affine_transform_forward(integers(*IMAGES), integers(2, 8), fill_mode="x"),
            "`fill_mode` must be one of 'reflect', 'wrap'",
        ),
        (
            lambda k: k.affine_transform_forward(integers(*IMAGES), integers(2, 6)),
            r"`transforms` must have the shape \(n, 8\)",
        ),
        (lambda k: k.batch_norm_forward_training(integers(4)), "`x` must have 2 axes"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(kernels)


def test_no_module_has_the_name_of_a_kernel():
    """An import of the module would hide the function of that name in the package."""
    families = {**FAMILIES, **INTERNAL}
    assert families.keys().isdisjoint(name for names in families.values() for name in names)
