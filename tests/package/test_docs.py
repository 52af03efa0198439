"""The generated documentation page is up to date."""

import importlib.util

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
