"""Record files with optimizers' states: `python -m tests.keras.golden_files.record_optimizers`.

Needs Keras with TensorFlow. For each optimizer of `pieces.OPTIMIZERS` in FILES, Keras trains a
small model for five steps and saves it in optimizers.zip, as <name>.keras; optimizers.json gets the
weights after five more steps.
"""

import json
import os
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from tests.support import pieces

HERE = Path(__file__).resolve().parent
FILES = (
    *("adam", "lamb", "adafactor all", "ftrl", "muon", "muon excluded", "accumulated adam"),
    *("accumulated sgd", "accumulated nadam", "loss scale", "multi"),
)


def five_steps(model, start=0):
    x, y = pieces.small_data()
    for step in range(start, start + 5):
        rows = slice(4 * step, 4 * step + 4)
        model.train_on_batch(x[rows], y[rows])


def trained(keras, name):
    """The small model after five steps with an optimizer."""
    keras.utils.clear_session()
    model = pieces.small_net(keras)
    model.compile(pieces.OPTIMIZERS[name](keras), "sparse_categorical_crossentropy")
    five_steps(model)
    return model


def main():
    import keras

    weights, path = {}, HERE / "optimizer.keras"
    with zipfile.ZipFile(HERE / "optimizers.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            model = trained(keras, name)
            model.save(path)
            archive.write(path, f"{name}.keras")
            model = keras.models.load_model(path)
            five_steps(model, 5)
            weights[name] = [float(f"{value:.8g}") for value in pieces.flat(model)]
    path.unlink()
    text = ",\n".join(f'"{name}": {json.dumps(values)}' for name, values in weights.items())
    (HERE / "optimizers.json").write_text("{" + text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
