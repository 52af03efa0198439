"""Ten tutorials with nothing but their import lines changed end as they do with real Keras.

tests/keras/tutorials has the scripts, keras/golden/tutorials.json what real Keras made of them with
several seeds (record_tutorials.py). What does not depend on chance must be equal. What does, losses
and accuracies, must be one more draw from the distribution that Keras's own come from: their mean
+- t s sqrt(1 + 1 / seeds), s their standard deviation, is where the next one of a normal
distribution falls with the probability that Student's t stands for.
"""

import json
import math
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from tests.keras import tutorials

GOLDEN = json.loads(
    Path(__file__).with_name("golden").joinpath("tutorials.json").read_text("utf-8")
)["scripts"]
T = 5.45  # Student's t of 11 degrees of freedom, 1 - 0.0002: 50 figures, one in a hundred in all
SEEDS = 12


def test_ten_with_their_figures():
    assert len(tutorials.NAMES) == 10
    assert sorted(GOLDEN) == tutorials.NAMES
    for name in tutorials.NAMES:
        assert {len(values) for values in GOLDEN[name]["figures"].values()} == {SEEDS}


@pytest.mark.parametrize("name", tutorials.NAMES)
def test_only_import_lines_change(name):
    before, after = (tutorials.source(name, to).splitlines() for to in ("keras", "fastcnn"))
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert all(re.match("(from|import) fastcnn", line) for line in changed)
    assert not re.search(r"^\s*(from|import) (keras|tensorflow)", "\n".join(after), re.MULTILINE)


@pytest.mark.parametrize("name", tutorials.NAMES)
def test_ends_as_with_keras(name, tmp_path):
    variables = tutorials.run(name, "fastcnn", 0, tmp_path)
    golden = GOLDEN[name]
    facts = tutorials.facts(variables)
    for kind, wanted in golden["facts"].items():
        assert facts[kind] == wanted, kind
    figures = tutorials.figures(variables)
    assert list(figures) == list(golden["figures"])
    for key, figure in figures.items():
        keras = golden["figures"][key]
        mean, deviation = statistics.mean(keras), statistics.stdev(keras)
        within = T * deviation * math.sqrt(1 + 1 / SEEDS) + abs(mean) * np.finfo(np.float32).eps
        assert abs(figure - mean) <= within, f"{key}: Keras {mean:.4f} +- {within:.4f}"
