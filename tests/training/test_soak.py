"""A short run of tools/soak.py; the long one has a million steps and 10,000 predictions."""

import importlib.util

from tests.support.paths import ROOT

spec = importlib.util.spec_from_file_location("soak", ROOT / "tools" / "soak.py")
soak = importlib.util.module_from_spec(spec)
spec.loader.exec_module(soak)


def test_memory_does_not_grow():
    growth, drift = soak.soak(40_000)
    assert growth <= soak.MOST_GROWTH
    assert drift < 1  # generous: a short run cannot measure speed


def test_predictions_from_many_threads_are_correct():
    assert soak.predict(500) == 0
