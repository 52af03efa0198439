"""`add_backward`: the gradient of an input that several layers read is added to an array."""

import numpy as np
import pytest

import fastcnn
from fastcnn import layers

LAYERS = {
    "conv2d": (lambda: layers.Conv2D(16, 3, padding="same"), (7, 6, 16)),
    "conv2d with strides": (lambda: layers.Conv2D(5, 3, strides=2, activation="relu"), (7, 6, 9)),
    "conv2d of one channel": (lambda: layers.Conv2D(7, 3, activation="tanh"), (7, 6, 1)),
    "conv2d 1x1": (lambda: layers.Conv2D(7, 1, use_bias=False), (4, 5, 6)),
    "dense": (lambda: layers.Dense(9, activation="sigmoid"), (11,)),
    "max_pool": (lambda: layers.MaxPooling2D(2), (7, 6, 9)),
    "max_pool with overlap": (lambda: layers.MaxPooling2D(3, 1, padding="same"), (7, 6, 20)),
    "dense of several rows": (lambda: layers.Dense(9), (3, 11)),
}


def some_step(name):
    """(a step, its input, a gradient of its output), in small integers."""
    make, shape = LAYERS[name]
    layer, rng = make(), np.random.default_rng(0)
    x = rng.integers(-3, 4, (4, *shape)).astype("f4")
    dy = rng.integers(-3, 4, np.shape(layer(x))).astype("f4")
    layer.set_weights([rng.integers(-2, 3, w.shape) for w in layer.get_weights()])
    return layer.make_step(), x, dy


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("name", LAYERS)
def test_add_backward_adds_what_backward_returns(name, backend):
    fastcnn.config.set_backend(backend)
    step, x, dy = some_step(name)
    assert step.adds_gradient
    step.forward(x, training=True)
    gradient = step.backward(dy).copy()
    weights = [w.gradient.copy() for w in step.trainable_weights]
    dx, other = np.ones_like(x), np.full_like(x, 2)
    for target in (dx, dx, other, dx):
        wanted = target + gradient
        for w in step.trainable_weights:
            w.gradient[...] = np.nan
        step.forward(x, training=True)
        step.add_backward(dy, target)
        np.testing.assert_allclose(target, wanted, rtol=1e-6, atol=1e-5)
        for w, expected in zip(step.trainable_weights, weights, strict=True):
            np.testing.assert_array_equal(w.gradient, expected)
        np.testing.assert_array_equal(step.backward(dy), gradient)
        assert step.backward(dy) is step.backward(dy)


def test_layers_whose_kernels_only_store_do_not_offer_it():
    for layer in (layers.Conv2D(8, 3, groups=2), layers.DepthwiseConv2D(3), layers.ReLU()):
        layer(np.zeros((1, 6, 6, 4)))
        assert not layer.make_step().adds_gradient


def test_add_backward_uses_the_current_weights_and_follows_trainable():
    step, x, dy = some_step("conv2d")
    kernel = step.layer.kernel
    step.forward(x, training=True)
    dx = np.zeros_like(x)
    step.add_backward(dy, dx)
    kernel.assign(-kernel.value)
    step.add_backward(dy, dx)
    assert not dx.any()
    step.release()
    step.layer.trainable = False
    step.forward(x, training=True)
    step.add_backward(dy, dx)
    assert dx.any()


def test_add_backward_needs_a_forward_in_training_mode():
    step, x, dy = some_step("dense")
    step.forward(x)
    with pytest.raises(RuntimeError, match="needs a forward"):
        step.add_backward(dy, np.zeros_like(x))
