"""relu with an upper bound, as in `ReLU(max_value=6)` and "relu6": fused like relu."""

import numpy as np
import pytest

import fastcnn
from fastcnn import activations, layers
from fastcnn.plan.normalized import FoldedStep

POINTS = [-1, -0.0, 0, 1e-30, 3, 5.5, 6, 7, np.inf]


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(
    ("make", "points", "gradient"),
    [
        (lambda: layers.ReLU(6), POINTS, [0, 0, 0, 1, 1, 1, 0, 0, 0]),
        (lambda: layers.Activation("relu6"), POINTS, [0, 0, 0, 1, 1, 1, 0, 0, 0]),
        (lambda: layers.ReLU(5.5), POINTS, [0, 0, 0, 1, 1, 1, 0, 0, 0]),
        (lambda: layers.ReLU(6, threshold=1), POINTS, [0, 0, 0, 0, 1, 1, 1, 0, 0]),
        (lambda: layers.ReLU(6, 0.5), POINTS[3:], [1, 1, 1, 0, 0, 0]),
    ],
)
def test_gradient_at_the_bounds_is_that_of_keras(make, points, gradient, backend):
    """Recorded from Keras: 0 where x is 6, but 1 at any other bound and behind a threshold."""
    fastcnn.config.set_backend(backend)
    step, x = make().make_step(), np.array([points], np.float32)
    step.forward(x, training=True)
    np.testing.assert_array_equal(step.backward(np.ones_like(x))[0], gradient)


def net(bounded, *parts):
    """A model that ends in a relu with a bound of 6, which is fused or in NumPy."""
    relu = layers.ReLU(6) if bounded else layers.ReLU(6.000001)
    model = fastcnn.Sequential([fastcnn.Input((8, 7, 16)), *(part() for part in parts), relu])
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="relu6" if bounded else None))
    if not bounded:
        model.add(layers.ReLU(6.000001))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(-1, 1, w.shape) + 2 * (w.ndim == 1) for w in model.weights])
    model.compile("sgd", "mse")
    return model


PARTS = {
    "normalization": [layers.BatchNormalization],
    "convolution, normalization": [lambda: layers.Conv2D(16, 3), layers.BatchNormalization],
    "depthwise, normalization": [lambda: layers.DepthwiseConv2D(3), layers.BatchNormalization],
}


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("name", PARTS)
def test_fused_results_equal_those_of_separate_layers(name, backend):
    fastcnn.config.set_backend(backend)
    fused, separate = net(True, *PARTS[name]), net(False, *PARTS[name])
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 8, 7, 16)), rng.normal(size=(8, 3))
    for _ in range(2):
        np.testing.assert_allclose(fused(x), separate(x), rtol=1e-4, atol=1e-4)
        for model in (fused, separate):
            model.fit(x, y, verbose=0)
        for w, other in zip(fused.get_weights(), separate.get_weights(), strict=True):
            np.testing.assert_allclose(w, other, rtol=1e-3, atol=1e-4)


def test_names_and_number_of_steps():
    model = net(True, *PARTS["convolution, normalization"])
    model.plan()
    steps = model._plan.inference.steps
    assert isinstance(steps[0], FoldedStep)
    assert len(steps) == 3
    assert steps[0].name.endswith(" + relu(6)")
    assert activations.get("relu6").relu_max == 6
    assert activations.relu.relu_max == np.inf
    assert type(activations.relu)(0.1, 6).relu_max is None
