"""Record real Keras's results for pieces.py: `python -m tests.keras.golden.record_pieces`.

Requires Keras with TensorFlow. Writes pieces.json next to this file, for test_pieces.py. Losses,
metrics and optimizers run in float64, so that the record reflects the formula and not one library's
rounding. What Keras cannot run in float64 (regularizers, `fit`) runs in float32.
"""

import json
import os
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from tests.support import fits, pieces

HERE = Path(__file__).resolve().parent


def rounded(value, digits=9):
    """Convert arrays to lists and round floats to `digits` significant digits."""
    if isinstance(value, dict):
        return {key: rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry, digits) for entry in value]
    if isinstance(value, np.ndarray):
        return rounded(value.tolist(), digits)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{digits}g}")
    return value


def run_fit(name):
    with tempfile.TemporaryDirectory() as folder:
        return fits.FITS.run(keras, name, Path(folder))


def config_of(thing):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(thing), default=list))


def main():
    warnings.simplefilter("ignore")
    schedules = keras.optimizers.schedules
    keras.config.set_floatx("float64")
    doubles = {
        "optimizers": {name: pieces.run_optimizer(keras, name) for name in pieces.OPTIMIZERS},
        "schedules": {
            name: [float(make(schedules)(step)) for step in pieces.SCHEDULE_STEPS]
            for name, make in pieces.SCHEDULES.items()
        },
        "losses": {name: pieces.run_loss(keras, name) for name in pieces.LOSSES},
        "metrics": {name: pieces.run_metric(keras, name) for name in pieces.METRICS},
    }
    keras.config.set_floatx("float32")
    golden = {
        "keras": keras.__version__,
        **doubles,
        "regularized": [
            (where, name, *pieces.run_regularized(keras, where, name))
            for where, name in pieces.REGULARIZED
        ],
        "fits": {name: run_fit(name) for name in fits.FITS},
        "configs": {
            **{name: config_of(make(keras)) for name, make in pieces.OPTIMIZERS.items()},
            **{name: config_of(make(schedules)) for name, make in pieces.SCHEDULES.items()},
            **{f"loss {n}": config_of(make(keras)) for n, (_, _, make) in pieces.LOSSES.items()},
            **{
                f"metric {name}": config_of(make(keras.metrics))
                for name, (_, _, make) in pieces.METRICS.items()
            },
            **{f"regularizer {n}": config_of(m(keras)) for n, m in pieces.REGULARIZERS.items()},
            **{
                f"initializer {name}": config_of(make(keras.initializers))
                for name, make in pieces.INITIALIZERS.items()
            },
            **{f"constraint {n}": config_of(m(keras)) for n, m in pieces.CONSTRAINTS.items()},
        },
    }
    lines = []
    for key, part in rounded(golden).items():
        entries = part.items() if isinstance(part, dict) else None
        if entries is None and not isinstance(part, list):
            lines.append(f'"{key}": {json.dumps(part)}')
            continue
        texts = (
            [json.dumps(entry, separators=(",", ":")) for entry in part]
            if entries is None
            else [f"{json.dumps(n)}: {json.dumps(e, separators=(',', ':'))}" for n, e in entries]
        )
        opening, closing = "{}" if entries is not None else "[]"
        body = ",\n".join(texts)
        lines.append(f'"{key}": {opening}\n{body}\n{closing}')
    (HERE / "pieces.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
