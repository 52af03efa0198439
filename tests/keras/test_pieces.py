"""Losses, metrics, optimizers, schedules, regularizers and constraints against recorded Keras.

tests/keras/golden/record_pieces.py recorded Keras's values from the same tables (pieces.py).
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import constraints, initializers, losses, metrics, optimizers, regularizers
from tests.support import pieces

GOLDEN = json.loads((Path(__file__).parent / "golden/pieces.json").read_text())

# After ten steps, float32 differs from float64 by about 1e-6, in Keras as well: Adam and RMSprop
# divide small gradients by their magnitude. Even in float64, Keras rounds beta_2 to float32 before
# it computes 1 - beta_2^t, which changes Adam's first steps by a relative 6e-6. In float64, fastcnn
# does not round it.
AFTER_TEN_STEPS = {"rtol": 1e-5, "atol": 5e-6}
FLOAT64 = {"rtol": 3e-7, "atol": 2e-8}
FLOAT32 = {"rtol": 1e-5, "atol": 2e-6}


@pytest.fixture(params=["native", "reference"])
def tolerance(request):
    """Runs the test in float32 on native kernels, and in float64 on the reference."""
    keras.config.set_backend(request.param)
    if request.param == "reference":
        keras.config.set_floatx("float64")
    yield FLOAT64 if request.param == "reference" else FLOAT32
    keras.config.set_floatx("float32")


# Keras on TensorFlow does not compute what it documents, see `ScheduleFreeAdamW`.
RECORDED = [name for name in pieces.OPTIMIZERS if not name.startswith("schedule free")]


@pytest.mark.parametrize("name", RECORDED)
def test_optimizers_match_keras(name, tolerance):
    for result, wanted in zip(
        pieces.run_optimizer(keras, name), GOLDEN["optimizers"][name], strict=True
    ):
        np.testing.assert_allclose(result, wanted, **AFTER_TEN_STEPS)


@pytest.mark.parametrize("name", pieces.SCHEDULES)
def test_schedules_match_keras(name):
    schedule = pieces.SCHEDULES[name](optimizers.schedules)
    rates = [schedule(step) for step in pieces.SCHEDULE_STEPS]
    np.testing.assert_allclose(rates, GOLDEN["schedules"][name], rtol=2e-6, atol=1e-9)
    again = optimizers.schedules.deserialize(optimizers.schedules.serialize(schedule))
    assert [again(step) for step in pieces.SCHEDULE_STEPS] == rates


@pytest.mark.parametrize("name", pieces.LOSSES)
def test_losses_match_keras(name, tolerance):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*has from_logits=True")
        results, weights = pieces.run_loss(keras, name)
    wanted_results, wanted_weights = GOLDEN["losses"][name]
    np.testing.assert_allclose(results, wanted_results, **tolerance)
    np.testing.assert_allclose(weights, wanted_weights, **tolerance)


@pytest.mark.parametrize("name", pieces.METRICS)
@pytest.mark.filterwarnings("ignore:The sample weights of the metric .* are floats")
def test_metrics_match_keras(name, tolerance):
    for result, wanted in zip(pieces.run_metric(keras, name), GOLDEN["metrics"][name], strict=True):
        np.testing.assert_allclose(result, wanted, **tolerance)


@pytest.mark.parametrize(("where", "name"), pieces.REGULARIZED)
def test_regularizers_and_constraints_match_keras(where, name):
    wanted_history, wanted_weights = next(
        entry[2:] for entry in GOLDEN["regularized"] if entry[:2] == [where, name]
    )
    history, weights = pieces.run_regularized(keras, where, name)
    assert list(history) == list(wanted_history)
    for key, values in history.items():
        np.testing.assert_allclose(values, wanted_history[key], **FLOAT32)
    np.testing.assert_allclose(weights, wanted_weights, **FLOAT32)


# ----------------------------------------------------------------------------------------- configs

TABLES = {
    **{name: (optimizers, make(keras)) for name, make in pieces.OPTIMIZERS.items()},
    **{
        name: (optimizers.schedules, make(optimizers.schedules))
        for name, make in pieces.SCHEDULES.items()
    },
    **{f"loss {name}": (losses, make(keras)) for name, (*_, make) in pieces.LOSSES.items()},
    **{f"metric {name}": (metrics, make(metrics)) for name, (*_, make) in pieces.METRICS.items()},
    **{f"regularizer {n}": (regularizers, make(keras)) for n, make in pieces.REGULARIZERS.items()},
    **{
        f"initializer {name}": (initializers, make(initializers))
        for name, make in pieces.INITIALIZERS.items()
    },
    **{f"constraint {n}": (constraints, make(keras)) for n, make in pieces.CONSTRAINTS.items()},
}


@pytest.mark.parametrize("name", TABLES)
def test_configs_match_keras(name):
    module, thing = TABLES[name]
    if isinstance(thing, str):
        thing = module.get(thing)
    config = json.loads(json.dumps(module.serialize(thing)))
    recorded = GOLDEN["configs"][name]
    again = module.deserialize(config)
    assert json.loads(json.dumps(module.serialize(again))) == config
    if isinstance(recorded, str):
        return
    assert config["module"] == recorded["module"]
    assert config["class_name"] == recorded["class_name"]
    assert config["registered_name"] == recorded["registered_name"]
    ours, theirs = config["config"], recorded["config"]
    for given in (ours, theirs):
        if module in (optimizers, metrics):
            without_names(given)  # Keras counts the objects of a process
        given.pop("dtype", None)
        given.pop("label_weights", None)  # Keras writes the repr of a tensor
        given.pop("delta", None)  # Keras omits Huber's delta, and Identity's gain
        if recorded["class_name"] == "Identity":
            given.pop("gain", None)
        for axes in ("input_axes", "output_axes"):  # new in Keras: older versions reject them
            assert given.pop(axes, None) is None
    assert plain(ours) == plain(theirs)
    again = module.deserialize(GOLDEN["configs"][name])
    assert again.get_config().keys() == thing.get_config().keys()


HUGE = pytest.param(10**400, id="huge")
CHECKED = (optimizers, optimizers.schedules, regularizers, initializers, constraints)
FLOATS = [
    (name, key)
    for name, (module, thing) in TABLES.items()
    if module in CHECKED and not isinstance(thing, str)
    for key, value in thing.get_config().items()
    if isinstance(value, float) and name != "initializer constant"  # it accepts arrays and NaN
]


@pytest.mark.parametrize("value", [{}, "a", float("nan"), float("inf"), HUGE])
@pytest.mark.parametrize(("name", "key"), FLOATS)
def test_non_finite_settings_are_rejected(name, key, value):
    """A file can contain anything: reject it when it is read, not in the middle of a step."""
    module, thing = TABLES[name]
    config = module.serialize(thing)
    config["config"][key] = value
    with pytest.raises(ValueError, match=f"{key}|class_name"):
        module.deserialize(config)


def without_names(config):
    """Remove the names of optimizers and metrics, and of optimizers inside of optimizers."""
    if isinstance(config, dict) and config.get("module") != "keras.optimizers.schedules":
        config.pop("name", None)
        for value in config.values():
            without_names(value)


def plain(config):
    """A config with floats rounded as Keras's float32 variables round them."""
    if isinstance(config, dict):
        return {key: plain(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [plain(value) for value in config]
    if isinstance(config, (int, float)) and not isinstance(config, bool):
        return float(f"{config:.6g}")
    return config


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (optimizers, pieces.OPTIMIZERS),
        (losses, pieces.LOSSES),
        (metrics, pieces.METRICS),
        (regularizers, pieces.REGULARIZERS),
        (constraints, pieces.CONSTRAINTS),
        (initializers, pieces.INITIALIZERS),
    ],
)
def test_everything_registered_is_in_the_tables(module, names):
    get = getattr(module, "get_instance", module.get)  # for losses, `get` may return a function
    tested = {type(get(thing)) for owner, thing in TABLES.values() if owner is module}
    registered = {module.registry.lookup(name) for name in module.registry.names()}
    plain = {metrics.Mean, metrics.Sum, constraints.Constraint}  # which do nothing of their own
    ours = {initializers.Dirac}  # Keras has none
    assert registered - tested <= plain | ours
