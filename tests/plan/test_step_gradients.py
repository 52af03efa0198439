"""A step of plain gradient descent matches finite differences of the loss.

End to end: layers, fused steps, loss, sample weights and optimizer, in float64 on the reference
backend, with torch.autograd.gradcheck's tolerances.
"""

import numpy as np
import pytest

import fastcnn as keras
from tests.support import graph_nets, pieces
from tests.support.shapes import NETS


@pytest.fixture(autouse=True)
def _float64():
    keras.config.set_backend("reference")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def check(model, x, y, weights, count=12):
    """Compare the update of some elements of each weight with differences of the loss."""
    before = model.get_weights()
    model.train_on_batch(x, y, sample_weight=weights)
    steps = [old - new for old, new in zip(before, model.get_weights(), strict=True)]
    model.set_weights(before)
    rng = np.random.default_rng(0)
    for variable, step in zip(model.weights, steps, strict=True):
        values = variable.numpy()
        if not variable.trainable:
            assert not step.any()
            continue
        for index in rng.choice(values.size, min(values.size, count), replace=False):
            sides = []
            for change in (1e-6, -1e-6):
                near = values.copy()
                near.flat[index] += change
                variable.assign(near)
                sides.append(model.test_on_batch(x, y, weights, return_dict=True)["loss"])
            variable.assign(values)
            slope = (sides[0] - sides[1]) / 2e-6
            error = abs(step.flat[index] - slope)
            assert error <= 1e-5 + 1e-3 * abs(slope), (variable.path, index, slope)


@pytest.mark.filterwarnings("ignore:The loss .* has from_logits=True")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", pieces.LOSSES)
def test_steps_match_differences_for_every_loss(name, weighted):
    kind, activation, loss = pieces.LOSSES[name]
    model = pieces.small_net(keras, activation=activation)
    model.compile(keras.optimizers.SGD(1.0), loss(keras))
    x, _ = pieces.small_data(8)
    weights = pieces.sample_weights(8) if weighted else None
    check(model, x, pieces.targets(kind, 8), weights)


@pytest.mark.parametrize("name", ["tutorial", "dnn", "lenet5", "cifar10"])
def test_steps_match_differences_for_networks(name):
    net = NETS[name]
    model = net.build(keras)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=net.from_logits)
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.set_weights(net.weights())
    x, y = net.data(3)
    check(model, x, y, None, count=4)


def test_steps_match_differences_for_a_graph():
    model = graph_nets.graph(keras, activation="tanh")
    model.get_layer("dropout").rate = 0.0
    losses = {"label": "sparse_categorical_crossentropy", "score": "mse"}
    for layer in model.layers:  # the differences are those of the loss in inference
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    model.compile(keras.optimizers.SGD(1.0), losses, loss_weights={"label": 1.0, "score": 0.5})
    x, y = graph_nets.data(6)
    check(model, x, y, None, count=6)
