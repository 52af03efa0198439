"""Well-known tutorials with only their imports changed give the same results as with real Keras.

The scripts are in tests/keras/tutorials, and golden/tutorials.json has the results of real Keras
with several seeds (record_tutorials.py). Deterministic results must be equal. Random ones, losses
and accuracies, must be plausible as another draw from Keras's distribution: they must be within
the prediction interval mean +- t s sqrt(1 + 1 / seeds) of a normal distribution, where s is the
standard deviation over Keras's seeds and t is Student's. Of functional models most have only their
deterministic results recorded (FACTS).
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
FACTS = json.loads(
    Path(__file__).with_name("golden").joinpath("tutorials_facts.json").read_text("utf-8")
)
T = 5.45  # Student's t, 11 degrees of freedom, two-sided p = 0.0002: 1 % for all 50 figures
SEEDS = 12


def test_all_tutorials_are_recorded():
    assert len(tutorials.NAMES) == 25
    assert len(GOLDEN) >= 10
    assert set(GOLDEN) | set(FACTS) == set(tutorials.NAMES)
    for name in GOLDEN:
        assert {len(values) for values in GOLDEN[name]["figures"].values()} == {SEEDS}


@pytest.mark.parametrize("name", tutorials.NAMES)
def test_only_imports_change(name):
    before, after = (tutorials.source(name, to).splitlines() for to in ("keras", "fastcnn"))
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert all(re.match("(from|import) fastcnn", line) for line in changed)
    assert not re.search(r"^\s*(from|import) (keras|tensorflow)", "\n".join(after), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(tutorials.NAMES) - set(GOLDEN)))
def test_facts_match_keras(name, tmp_path):
    """The script runs, what it asserts is true, and what does not depend on chance is equal."""
    facts = tutorials.facts(tutorials.run(name, "fastcnn", 0, tmp_path))
    for kind, wanted in FACTS[name].items():
        assert facts[kind] == wanted, kind


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_results_match_keras(name, tmp_path):
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
