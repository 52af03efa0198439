"""Record model files of real Keras: `python -m tests.keras.golden_files.record`.

Needs Keras with TensorFlow or PyTorch, and h5py. For each case of
tests/support/model_cases.py Keras builds the model, trains it for some steps and saves it here as
<case>.keras; keras.json gets what it predicts then, and the losses of as many steps more. It also
writes weights alone (.weights.h5) and an architecture alone (.json). Some models of
tests/support/graph_cases.py are saved as graph_<case>.keras, and what they predict in graphs.json.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from tests.support.graph_cases import GOLDEN, GRAPHS, as_given, inputs_for, randomize
from tests.support.model_cases import CASES, data

HERE = Path(__file__).resolve().parent
BATCH = 8


def significant(values):
    return [float(f"{value:.8g}") for value in np.ravel(values)]


def record(name, case):
    keras.utils.set_random_seed(11)
    keras.backend.clear_session()
    model = case.build(keras)
    x, y = data(case)
    settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    model.fit(x, y, **settings)
    path = HERE / f"{name}.keras"
    model.save(path)
    predictions = model.predict(x[:2], verbose=0)
    losses = model.fit(x, y, epochs=2, **settings).history["loss"]
    again = keras.models.load_model(path)
    np.testing.assert_allclose(again.predict(x[:2], verbose=0), predictions, atol=1e-6)
    if name == "small":
        again.save_weights(HERE / "small.weights.h5")
        (HERE / "small.json").write_text(again.to_json() + "\n", encoding="utf-8")
    return {
        "predictions": significant(predictions),
        "losses": significant(losses),
        "updates": int(again.optimizer.iterations.numpy()),
    }


def record_graph(name):
    keras.backend.clear_session()
    model = randomize(GRAPHS[name](keras))
    model.save(HERE / f"graph_{name}.keras")
    outputs = keras.tree.flatten(model(as_given(model, inputs_for(model))))
    return [significant(output) for output in outputs]


def record_graphs():
    golden = {name: record_graph(name) for name in GOLDEN}
    text = ",\n".join(f'"{name}": {json.dumps(values)}' for name, values in golden.items())
    (HERE / "graphs.json").write_text("{" + text + "}\n", encoding="utf-8")


def main():
    record_graphs()
    golden = {name: record(name, case) for name, case in CASES.items()}
    lines = [f'"{name}": {json.dumps(values)}' for name, values in golden.items()]
    text = ",\n".join([f'"keras": "{keras.__version__}"', *lines])
    (HERE / "keras.json").write_text("{" + text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
