"""The documentation: the generated page is up to date, and the examples run."""

import importlib.util
import re

import numpy as np
import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


def test_keras_table_is_up_to_date():
    pytest.importorskip("sklearn")  # otherwise the table would lack `wrappers`
    spec = importlib.util.spec_from_file_location("make_table", DOCS / "make_keras_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "keras.md").read_text("utf-8")
    assert module.page() == written, "run `python docs/make_keras_table.py`"


def test_examples_of_graphs_run(capsys):
    text = (DOCS / "graphs.md").read_text("utf-8")
    names = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(code, "docs/graphs.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "['label_accuracy', 'label_loss', 'loss', 'size_loss']"
    assert printed[0] == "(1, 32, 32, 16)"
    assert names["saliency"].shape == (4, 32, 32)
    assert names["heatmap"].shape == (4, 32, 32)
    assert 0 < np.abs(names["adversarial"] - names["x"]).max() <= 0.0101
