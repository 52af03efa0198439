"""Losses with masks, of regions and of pairs: values and gradients against recorded Keras.

tests/keras/golden/record_losses.py recorded what loss_calls.py lists. Gradients are those of the
end of a training step (`LossHead`).
"""

import json

import numpy as np
import pytest

from fastcnn import config, losses
from fastcnn.plan.head import LossHead
from tests.support import loss_calls
from tests.support.paths import ROOT

RECORD = json.loads((ROOT / "tests/keras/golden/losses.json").read_text())
TOLERANCES = {
    "float32": {"rtol": 2e-5, "atol": 1e-6},
    "float64": {"rtol": 1e-7, "atol": 1e-9},
}


def head_of(name, dtype, weights):
    """A `LossHead` after one step, and the step's gradient."""
    y_true, y_pred, _ = loss_calls.arguments(name)
    loss = losses.get_instance(loss_calls.CALLS[name][1](losses))
    z = np.ascontiguousarray(y_pred, dtype)
    targets = np.ascontiguousarray(loss.prepare(y_true, (None, *z.shape[1:])))
    if targets.dtype.kind == "f":
        targets = targets.astype(dtype)
    head = LossHead(loss)
    gradient = head.step(z, targets, None if weights is None else weights.astype(dtype))
    return head, np.array(gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", loss_calls.CALLS)
def test_calls_match_keras(name, dtype):
    y_true, y_pred, _ = loss_calls.arguments(name)
    loss = loss_calls.CALLS[name][1](losses)
    weights = None, loss_calls.weights_of_call(name)
    for given, (recorded, _) in zip(weights, RECORD[name][0], strict=False):
        value = loss(y_true, y_pred.astype(dtype), sample_weight=given)
        assert value.dtype == dtype
        np.testing.assert_allclose(value, recorded, **TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", loss_calls.CALLS)
def test_gradients_of_a_step_match_keras(name, dtype):
    if dtype == "float64":
        config.set_backend("reference")
    _, y_pred, weights = loss_calls.arguments(name)
    for given, (recorded, slopes) in zip((None, weights), RECORD[name][0], strict=False):
        head, gradient = head_of(name, dtype, given)
        np.testing.assert_allclose(gradient, slopes, **TOLERANCES[dtype])
        if head.loss.reduction is not None:
            total = (head.losses * (1 if given is None else given)).sum()
            total = total if head.loss.reduction == "sum" else total / len(y_pred)
            np.testing.assert_allclose(total, recorded, **TOLERANCES[dtype])


@pytest.mark.parametrize("name", loss_calls.CALLS)
def test_configs_match_keras(name):
    loss = loss_calls.CALLS[name][1](losses)
    recorded = RECORD[name][1]
    config = json.loads(json.dumps(losses.serialize(loss)))
    recorded["config"].pop("dtype", None)
    assert config == recorded
    assert losses.deserialize(recorded).get_config() == loss.get_config()
