"""Record real Keras's results for loss_calls.py: `python -m tests.keras.golden.record_losses`.

Requires Keras with TensorFlow. Writes losses.json next to this file, for test_loss_calls.py: for
each call the reduced loss and its gradient with respect to the predictions, in float64, first
without and then with a weight for each sample, and the loss's config.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf

from tests.keras.golden.record_pieces import config_of, rounded
from tests.support import loss_calls

HERE = Path(__file__).resolve().parent


def call(name, weights):
    y_true, y_pred, _ = loss_calls.arguments(name)
    loss = loss_calls.CALLS[name][1](keras.losses)
    x = tf.Variable(y_pred)
    with tf.GradientTape() as tape:
        value = loss(y_true, x, sample_weight=weights)
    return [value.numpy(), tape.gradient(value, x).numpy()]


def calls_of(name):
    weights = loss_calls.weights_of_call(name)
    return [call(name, None), *([] if weights is None else [call(name, weights)])]


def main():
    keras.config.set_floatx("float64")
    calls = {name: calls_of(name) for name in loss_calls.CALLS}
    configs = {n: config_of(make(keras.losses)) for n, (_, make) in loss_calls.CALLS.items()}
    entries = {name: [rounded(results), configs[name]] for name, results in calls.items()}
    texts = [f'"{name}": {json.dumps(e, separators=(",", ":"))}' for name, e in entries.items()]
    (HERE / "losses.json").write_text("{\n" + ",\n".join(texts) + "\n}\n")


if __name__ == "__main__":
    main()
