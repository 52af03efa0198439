"""The generated page of the documentation is what the code generates."""

import importlib.util

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


def test_the_table_of_keras_s_features_is_current():
    pytest.importorskip("sklearn")  # or `wrappers` would be missing in it
    spec = importlib.util.spec_from_file_location("make_table", DOCS / "make_keras_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "keras.md").read_text("utf-8")
    assert module.page() == written, "run `python docs/make_keras_table.py`"
