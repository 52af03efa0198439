"""Optimizers, losses, metrics and histories: copies, pickles, JSON, and variables as in Keras."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import losses, metrics, optimizers

HOW = {"deepcopy": copy.deepcopy, "pickle": lambda thing: pickle.loads(pickle.dumps(thing))}
X = np.random.default_rng(0).random((32, 4), np.float32)
Y = np.arange(32) % 3


def network(optimizer):
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(5, "relu", kernel_constraint="max_norm")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(3, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("settings", [{}, {"use_ema": True}, {"weight_decay": 0.1}], ids=str)
@pytest.mark.parametrize("name", optimizers.registry.names())
def test_a_copy_of_an_optimizer_continues_with_the_same_bits(name, settings, how):
    optimizer = optimizers.registry.lookup(name)(learning_rate=0.01, **settings)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = network(optimizer)
    model.fit(X, Y, verbose=0, shuffle=False)
    again = network("sgd")
    again.set_weights(model.get_weights())
    again.compile(HOW[how](optimizer), model.loss)
    assert again.optimizer.iterations == 1
    for each in (model, again):
        each.fit(X, Y, verbose=0, shuffle=False, epochs=2)
    assert again.optimizer.get_config() == optimizer.get_config()
    assert model.optimizer.iterations == again.optimizer.iterations == 3
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_copy_is_not_bound_to_its_original():
    model = network("adam")
    model.fit(X, Y, verbose=0)
    copied = copy.deepcopy(model.optimizer)
    model.fit(X, Y, verbose=0)
    assert (copied.iterations, model.optimizer.iterations) == (1, 2)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    other.compile(copied, "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="belongs to another model"):
        other.fit(X, Y, verbose=0)
    rate = copy.copy(model.optimizer.learning_rate)
    assert (type(rate), type(copy.copy(copied.iterations))) == (float, int)


NEEDED = {  # arguments of metrics that have no default
    "io_u": (2, [0]),
    "mean_io_u": (2,),
    "mean_metric_wrapper": (losses.mean_squared_error,),
    "one_hot_io_u": (2, [0]),
    "one_hot_mean_io_u": (2,),
}


@pytest.mark.parametrize("how", HOW)
def test_losses_metrics_functions_and_histories(how):
    p = np.array([[0.2, 0.8], [0.7, 0.3]])
    for name in losses.registry.names():
        loss = HOW[how](losses.get_instance(name))
        assert loss.get_config() == losses.get_instance(name).get_config()
        assert HOW[how](losses.get(name)) is losses.get(name)
    for name in metrics.registry.names():
        metric_class = metrics.registry.lookup(name)
        given = (0.5,) if hasattr(metric_class, "argument") else NEEDED.get(name, ())
        metric = metric_class(*given)
        labels = [1, 1] if name.startswith("sparse") else np.eye(2)
        metric.update_state(*((labels, p) if name not in ("mean", "sum") else (p,)))
        assert np.array_equal(HOW[how](metric).result(), metric.result()), name
    assert HOW[how](metrics.binary_accuracy) is metrics.binary_accuracy
    wrapped = HOW[how](metrics.get(losses.mean_squared_error))
    assert wrapped([[0.0, 2.0]], [[0.0, 0.0]]) == 2
    history = network("sgd").fit(X, Y, epochs=2, verbose=0)
    again = HOW[how](history)
    assert (again.history, again.epoch) == (history.history, [0, 1])


NUMPY = [np.float32(0.5), np.float64(0.5), np.int64(2), np.bool_(True), np.array([0.25, 0.5])]


@pytest.mark.parametrize("module", [losses, metrics, optimizers, optimizers.schedules])
@pytest.mark.parametrize("value", NUMPY, ids=str)
def test_configs_of_numpy_arguments_are_json(module, value):
    for name in module.registry.names():
        entry = module.registry.lookup(name)
        parameters = inspect.signature(entry).parameters.values()
        needed = {
            p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD
        }
        settings = dict.fromkeys(needed, 0.5)
        if "boundaries" in needed:
            settings = {"boundaries": [1], "values": [0.5, 0.25]}
        for parameter in parameters:
            if parameter.name in ("name", "kwargs"):
                continue
            try:
                thing = entry(**{**settings, parameter.name: value})
            except (ValueError, NotImplementedError):
                continue
            json.dumps(thing.get_config())


def test_variables_of_an_optimizer():
    """In Keras's order, and assigning to them changes the optimizer."""
    optimizer = optimizers.Adam(0.25, name="adam")
    assert [variable.path for variable in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
    ]
    model = network(optimizer)
    model.fit(X, Y, verbose=0)
    names = [variable.name.rpartition("_")[2] for variable in optimizer.variables]
    assert names == ["iteration", "rate", *["momentum", "velocity"] * 4]
    iteration, rate, momentum, *_ = optimizer.variables
    assert (int(iteration), float(rate), momentum.shape) == (1, 0.25, (4, 5))
    weights = model.trainable_weights[0]
    momentum.assign(np.ones((4, 5)))
    assert (optimizer.slot("momentum", weights) == 1).all()
    iteration.assign(7)
    rate.assign(0.5)
    assert (optimizer.iterations, optimizer.learning_rate) == (7, 0.5)
    assert optimizer.learning_rate.value == rate.numpy() == 0.5
    optimizer.iterations.assign(9)
    assert optimizer.iterations.value == 9


def test_get_and_set_value():
    model = network("sgd")
    rate = model.optimizer.learning_rate
    keras.backend.set_value(rate, 0.5)
    assert keras.backend.get_value(model.optimizer.learning_rate) == 0.5
    bias = model.layers[0].bias
    keras.backend.set_value(bias, np.ones(5))
    assert keras.backend.get_value(bias).tolist() == [1] * 5
    assert keras.backend.get_value([1, 2]).tolist() == [1, 2]


@pytest.mark.parametrize("name", optimizers.registry.names())
def test_decay_warns_and_is_ignored(name):
    optimizer_class = optimizers.registry.lookup(name)
    with pytest.warns(UserWarning, match="`decay` is no longer supported") as warned:
        optimizer = optimizer_class(learning_rate=0.5, decay=1e-6)
    assert warned[0].filename == __file__
    assert "decay" not in optimizer.get_config()
    optimizer_class(decay=None)
    with pytest.raises(ValueError, match=r"Unrecognized argument of .*: lr=0.1"):
        optimizer_class(lr=0.1)
