"""Record real Keras's results for pieces.py: `python -m tests.keras.golden.record_pieces`.

Requires Keras with TensorFlow. Writes pieces.json next to this file, for test_pieces.py. Losses,
metrics and optimizers run in float64, so that the record reflects the formula and not one library's
rounding. What Keras cannot run in float64 (regularizers, `fit`) runs in float32. With `--new` only
what is not in the file yet is recorded.
"""

import json
import os
import sys
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


def recorded(before, key, names, run):
    """{name: run(name)}, of which those in the file `before` are taken from there."""
    known = before.get(key, {})
    return {name: known[name] if name in known else run(name) for name in names}


def makers():
    """{name of a config: the function that makes its object}"""
    schedules = keras.optimizers.schedules
    entries = {
        **{name: (make, keras) for name, make in pieces.OPTIMIZERS.items()},
        **{name: (make, schedules) for name, make in pieces.SCHEDULES.items()},
        **{f"loss {name}": (make, keras) for name, (_, _, make) in pieces.LOSSES.items()},
        **{f"metric {n}": (make, keras.metrics) for n, (_, _, make) in pieces.METRICS.items()},
        **{f"regularizer {name}": (make, keras) for name, make in pieces.REGULARIZERS.items()},
        **{f"initializer {n}": (m, keras.initializers) for n, m in pieces.INITIALIZERS.items()},
        **{f"constraint {name}": (make, keras) for name, make in pieces.CONSTRAINTS.items()},
    }
    return {name: lambda make=make, k=k: make(k) for name, (make, k) in entries.items()}


def main():
    warnings.simplefilter("ignore")
    before = {}
    if "--new" in sys.argv:
        before = json.loads((HERE / "pieces.json").read_text())
    schedules = keras.optimizers.schedules
    keras.config.set_floatx("float64")
    doubles = {
        "optimizers": (pieces.OPTIMIZERS, lambda name: pieces.run_optimizer(keras, name)),
        "schedules": (
            pieces.SCHEDULES,
            lambda name: [
                float(pieces.SCHEDULES[name](schedules)(step)) for step in pieces.SCHEDULE_STEPS
            ],
        ),
        "losses": (pieces.LOSSES, lambda name: pieces.run_loss(keras, name)),
        "metrics": (pieces.METRICS, lambda name: pieces.run_metric(keras, name)),
    }
    golden = {"keras": keras.__version__}
    golden |= {key: recorded(before, key, names, run) for key, (names, run) in doubles.items()}
    keras.config.set_floatx("float32")
    regularized = {tuple(entry[:2]): entry for entry in before.get("regularized", ())}
    golden["regularized"] = [
        regularized.get((where, name)) or (where, name, *pieces.run_regularized(keras, where, name))
        for where, name in pieces.REGULARIZED
    ]
    golden["fits"] = recorded(before, "fits", fits.FITS, run_fit)
    make = makers()
    golden["configs"] = recorded(before, "configs", make, lambda name: config_of(make[name]()))
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
