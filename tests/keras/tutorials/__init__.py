"""Ten well-known tutorials as scripts for real Keras, and what runs them with it or with fastcnn.

Each script is written anew from the calls that its tutorial makes, with fewer epochs, without plots
and without tf.data; its docstring names the tutorial. It imports Keras or TensorFlow. `run` runs it
as it is, or with nothing but its import lines changed. Data sets that cannot be had everywhere are
replaced for both by stand-ins of their shapes and dtypes (data.py). A script leaves its results in
variables: `model`, `history`, `test_accuracy` and whatever else it made.
"""

import contextlib
import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np

from tests.keras.tutorials import data

HERE = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in HERE.glob("[a-z]*.py") if path.stem != "data")


def source(name, library):
    """The text of a script: as it is for "keras", with its import lines changed for "fastcnn"."""
    text = (HERE / f"{name}.py").read_text("utf-8")
    if library == "fastcnn":
        text = re.sub(r"^import keras$", "import fastcnn as keras", text, flags=re.MULTILINE)
        text = re.sub(
            r"^(import|from) (keras|tensorflow)\b", r"\1 fastcnn", text, flags=re.MULTILINE
        )
    return text


def run(name, library, seed, folder):
    """Run a script in `folder`; returns its variables."""
    keras = import_module(library)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    variables = {"__name__": "__main__"}
    data.write_photos(Path(folder, data.PHOTOS))
    with data.stand_ins(keras), contextlib.chdir(folder):
        exec(compile(source(name, library), f"{name}.py", "exec"), variables)
    return variables


def facts(variables):
    """What must depend neither on the library nor on chance, as it comes back from JSON.

    The history's keys in their order and how many values each has, the epochs, `History.params`;
    the model's layers, weights and output; of the script's own variables the shape and dtype of
    every array, and every whole number, text and list of such.
    """
    model, history = variables["model"], variables["history"]
    found = {
        "history": [[key, len(values)] for key, values in history.history.items()],
        "epoch": history.epoch,
        "params": dict(history.params),
        "layers": [layer.name for layer in model.layers],
        "weights": [list(weight.shape) for weight in model.get_weights()],
        "count": model.count_params(),
        "output": list(model.output_shape[1:]),
        "arrays": {
            name: [list(value.shape), np.asarray(value).dtype.name]
            for name, value in variables.items()
            if isinstance(value, np.ndarray | np.generic) or hasattr(value, "numpy")
        },
        "plain": {
            name: value for name, value in variables.items() if name[0] != "_" and is_plain(value)
        },
    }
    return json.loads(json.dumps(found))


def is_plain(value):
    """Whether a value is a whole number, a text or a list of such."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, int | str)


def figures(variables):
    """What depends on chance: the last value of each key of the history, and `test_accuracy`."""
    last = {key: float(values[-1]) for key, values in variables["history"].history.items()}
    return {**last, "test_accuracy": float(variables["test_accuracy"])}
