"""Ten well-known tutorials as scripts for real Keras, and functions to run them.

Each script is rewritten from the calls that its tutorial makes, with fewer epochs, without plots
and without tf.data; its docstring names the tutorial. It imports Keras or TensorFlow. `run` runs it
unchanged, or with only its imports changed. For both libraries, data sets that are not available
everywhere are replaced with stand-ins of the same shapes and dtypes (data.py). A script leaves its
results in variables: `model`, `history`, `test_accuracy` and any others that it sets.
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
    """The text of a script: unchanged for "keras", with its imports changed for "fastcnn"."""
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
    """Results that depend neither on the library nor on chance, after a JSON round trip.

    The history's keys in order with their lengths, the epochs and `History.params`; the model's
    layers, weights and output; of the script's own variables the shape and dtype of every array,
    and every integer, string and list of these.
    """
    model, history = variables["model"], variables["history"]
    found = {
        "history": [[key, len(values)] for key, values in history.history.items()],
        "epoch": history.epoch,
        "params": dict(history.params),
        "layers": [layer.name for layer in model.layers],
        "weights": [list(weight.shape) for weight in model.get_weights()],
        "count": model.count_params(),
        "output": output_shape(model),
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


def output_shape(model):
    """The shape of a sample's output, or a list of these for several, in Keras's order."""
    shapes = model.output_shape
    if isinstance(shapes, dict):
        shapes = [shapes[key] for key in sorted(shapes)]
    if isinstance(shapes, list):
        return [list(shape[1:]) for shape in shapes]
    return list(shapes[1:])


def is_plain(value):
    """Whether a value is an integer, a string or a list of these."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, int | str)


def figures(variables):
    """Random results: the last value of each key of the history, and `test_accuracy`."""
    last = {key: float(values[-1]) for key, values in variables["history"].history.items()}
    return {**last, "test_accuracy": float(variables["test_accuracy"])}
