"""The networks with forks and merges that the benchmarks compare with other frameworks."""

import numpy as np
import pytest

import fastcnn
from tests.support.graphs import GRAPHS

PARAMETERS = {  # of the same definitions in real Keras
    "resnet20": 274_042,
    "resnet8": 78_666,
    "unet": 482_067,
    "inception": 229_370,
    "mobilenet": 64_362,
    "siamese": 224_002,
}


def rows(inputs, count):
    return [array[:count] for array in inputs] if isinstance(inputs, list) else inputs[:count]


@pytest.mark.parametrize("name", GRAPHS)
def test_recorded_nodes_describe_the_model(name):
    net = GRAPHS[name]
    model, nodes = net.build(fastcnn), net.nodes()
    assert model.count_params() == PARAMETERS[name]
    net.set_weights(model)
    weights = sum(array.size for arrays in net.named_weights().values() for array in arrays)
    assert weights == PARAMETERS[name]
    inputs, labels = net.data(3)
    scores = model(inputs)
    assert scores.shape == (3, *nodes[-1].shape)
    assert labels.shape == scores.shape[:-1]


@pytest.mark.parametrize("name", GRAPHS)
def test_training_learns(name):
    net = GRAPHS[name]
    fastcnn.utils.set_random_seed(0)
    model = net.compile(net.build(fastcnn), fastcnn)
    inputs, labels = net.data(16)
    losses = [model.train_on_batch(inputs, labels)[0] for _ in range(6)]
    assert np.isfinite(losses).all()
    model.reset_metrics()
    assert losses[-1] < losses[0]


def test_flops_count_every_use_of_a_shared_layer():
    siamese = GRAPHS["siamese"]
    tower = 2 * (26 * 26 * 9 * 32 + 11 * 11 * 9 * 32 * 64 + 5 * 5 * 64 * 128)
    first = 2 * 26 * 26 * 9 * 32
    assert siamese.flops(1, training=False) == 2 * tower + 2 * 128 * 2
    assert siamese.flops(5, training=True) == 5 * (3 * siamese.flops(1, False) - 2 * first)
