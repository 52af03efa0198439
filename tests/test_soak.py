"""A short form of tools/soak.py; its long form is a million steps and 10,000 predictions."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location(
    "soak", Path(__file__).parents[1] / "tools" / "soak.py"
)
soak = importlib.util.module_from_spec(spec)
spec.loader.exec_module(soak)


def test_memory_does_not_grow():
    growth, drift = soak.soak(40_000)
    assert growth <= soak.MOST_GROWTH
    assert drift < 1  # the short form is no measurement: see tools/soak.py


def test_predictions_from_many_threads_are_right():
    assert soak.predict(500) == 0
