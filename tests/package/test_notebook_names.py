"""tools/notebook_names.py over small notebooks, which were written for this test."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOLDER = Path(__file__).parent / "notebooks"


def load_tool():
    path = ROOT / "tools" / "notebook_names.py"
    spec = importlib.util.spec_from_file_location("notebook_names", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load_tool()


def test_cells_and_missing_names_are_counted():
    assert tool.report(FOLDER, 10) == [
        "3 files, 12 cells that use Keras or TensorFlow",
        "7 cells whose names all exist (58%)",
        "",
        "cells  alone  missing name",
        "    3      2  keras.layers.LSTM",
        "    1      1  keras.layers.Dense(colour=)",
        "    1      0  keras.layers.GRU",
        "    1      1  tensorflow.GradientTape",
    ]


def test_files_are_listed_on_request():
    lines = tool.report(FOLDER, 0, with_files=True)
    assert lines[:3] == [
        "    2 of    4  deep/more.ipynb",
        "    4 of    7  digits.ipynb",
        "    1 of    1  script.py",
    ]


def test_the_command():
    command = [sys.executable, ROOT / "tools" / "notebook_names.py"]
    done = subprocess.run([*command, FOLDER], capture_output=True, text=True, check=True)
    assert "12 cells" in done.stdout
    done = subprocess.run([*command, FOLDER / "no"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no such folder" in done.stderr


def names_of(*cells):
    """(names, missing) of the last of some cells."""
    reader, names = tool.Reader(), tool.Names()
    for cell in cells:
        used, calls = reader.read(tool.parse(cell))
    missing = {names.first_missing(name) for name in used} - {None}
    missing |= {f"{n}({k}=)" for n, k in calls if not names.takes(n, k)}
    return used, missing


ALIASES = [  # cells, and the names that the last one uses
    (["import tensorflow.keras.layers as L", "L.Dense(3)"], {"keras.layers.Dense"}),
    (["import tensorflow.keras.layers", "tensorflow.nn.relu"], {"tensorflow.nn.relu"}),
    (["from keras import backend as K", "K.floatx()"], {"keras.backend.floatx"}),
    (["import keras", "m = keras.Model", "m.fit"], {"keras.Model.fit"}),
    (["import keras", "keras = 3", "keras.layers"], set()),
    (["from keras.layers import Dense", "from mine import Dense", "Dense(1)"], set()),
]


@pytest.mark.parametrize(("cells", "names"), ALIASES)
def test_aliases_are_followed(cells, names):
    assert names_of(*cells) == (names, set())


ARGUMENTS = [  # a call, and what is missing
    ("keras.layers.Dense(1, name='a', input_shape=(2,), wrong=1)", "keras.layers.Dense(wrong=)"),
    ("keras.ops.sum([1], axis=0, along=1)", "keras.ops.sum(along=)"),
    ("keras.Model(inputs=1, outputs=2)", None),
    ("keras.Sequential(layers=[], name='b')", None),
    ("keras.optimizers.Adam(learning_rate=1.0)", None),
    ("keras.Model.fit(x=1, epochs=2)", None),
]


@pytest.mark.parametrize(("call", "missing"), ARGUMENTS)
def test_arguments_are_compared_with_signatures(call, missing):
    assert names_of("import keras", call)[1] == ({missing} if missing else set())


def test_what_is_not_python_is_left_out():
    assert tool.parse("%%bash\nls") is None
    assert tool.parse("x = (") is None
    assert tool.parse("%time x = 1\n!ls") is not None
