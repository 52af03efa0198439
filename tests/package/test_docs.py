"""The documentation: the generated page is up to date, and the examples run."""

import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


def check_page(maker, name):
    """Check that a generated page is what its script writes now."""
    spec = importlib.util.spec_from_file_location("maker", DOCS / maker)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == (DOCS / name).read_text("utf-8"), f"run `python docs/{maker}`"


def test_keras_table_is_up_to_date():
    pytest.importorskip("sklearn")  # otherwise the table would lack `wrappers`
    check_page("make_keras_table.py", "keras.md")


def test_table_of_operations_is_up_to_date():
    check_page("make_ops_table.py", "ops.md")


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


def many_nets():
    """The module that the examples of docs/many_nets.md use, and the examples."""
    text = (DOCS / "many_nets.md").read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("index", range(1, 6))
def test_examples_of_many_nets_run(index, tmp_path):
    """Each is a script of its own, beside the module; it prints whether the bits are the same."""
    module, *examples = many_nets()
    assert len(examples) == 5
    example = examples[index - 1]
    for name in ("joblib", "optuna", "sklearn"):
        if name in example:
            pytest.importorskip(name)
    (tmp_path / "nets.py").write_text(module, encoding="utf-8")
    (tmp_path / "script.py").write_text(example, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=variables, timeout=300,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "True\n", done.stderr
