"""Nested inputs and outputs become flat lists and back, in Keras's order."""

import numpy as np
import pytest

from fastcnn.data.structure import Structure

A, B, C = np.zeros((2, 1)), np.zeros((2, 2)), np.zeros((2, 3))

ONE = Structure(0, ["a"])
ONE_IN_A_LIST = Structure([0], ["a"])
LIST = Structure([0, 1], ["a", "b"])
KEYS = Structure({"v": 1, "u": 0}, ["layer_u", "layer_v"], "output")
DEEP = Structure({"p": [0, 1], "q": 2}, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("structure", "value", "flat"),
    [
        (ONE, A, [A]),
        (ONE, {"a": A}, [A]),
        (ONE_IN_A_LIST, A, [A]),
        (LIST, [A, B], [A, B]),
        (LIST, (A, B), [A, B]),
        (LIST, {"b": B, "a": A}, [A, B]),
        (LIST, None, [None, None]),
        (LIST, [A, None], [A, None]),
        (LIST, [A.tolist(), B], [A.tolist(), B]),
        (KEYS, {"v": B, "u": A}, [A, B]),
        (KEYS, [A, B], [A, B]),
        (DEEP, {"p": (A, B), "q": C}, [A, B, C]),
        (DEEP, [A, B, C], [A, B, C]),
    ],
)
def test_entries_are_found_by_name_and_by_order(structure, value, flat):
    for entry, wanted in zip(structure.flatten(value, "x"), flat, strict=True):
        assert entry is wanted or entry == wanted


def test_optional_entries_may_be_missing():
    for value in (B, [B], [None, B], {"b": B}, {"a": None, "b": B}):
        entries = LIST.flatten(value, "y", optional=[0])
        assert entries[0] is None
        assert entries[1] is B
    assert DEEP.flatten({"p": [A, B]}, "y", optional=[2])[2] is None


@pytest.mark.parametrize(
    ("structure", "value", "message"),
    [
        (LIST, A, r"inputs \['a', 'b'\]: `x` must be a list of 2.*array of shape \(2, 1\)"),
        (LIST, [A], "must be a list of 2, or a dictionary with these keys. Received a list of 1"),
        (LIST, (A, A, A), "Received a tuple of 3"),
        (LIST, {"a": A}, r"no entry for the input 'b'.*Received the keys \['a'\]"),
        (LIST, {"a": A, "b": B, "c": C}, r"unknown inputs: \['c'\].*inputs are \['a', 'b'\]"),
        (KEYS, {"layer_u": A, "layer_v": B}, r"unknown outputs: \['layer_u', 'layer_v'\]"),
        (DEEP, {"p": [A], "q": C}, r"nested like {'p': \['a', 'b'\], 'q': 'c'}"),
        (DEEP, "mse", "Received 'mse'"),
    ],
)
def test_errors_name_what_the_model_has_and_what_arrived(structure, value, message):
    with pytest.raises(ValueError, match=message):
        structure.flatten(value, "x")


def test_additional_keys_may_be_ignored():
    assert LIST.flatten({"a": A, "b": B, "c": C}, "x", extra=True)[1] is B


def test_results_are_nested_like_the_model():
    assert ONE.pack([1]) == 1
    assert ONE_IN_A_LIST.pack([1]) == 1
    assert ONE_IN_A_LIST.nest([1]) == [1]
    assert Structure({"a": 0}, ["x"]).pack([1]) == {"a": 1}
    assert Structure((0, 1), ["a", "b"]).pack([1, 2]) == (1, 2)
    assert list(KEYS.pack([1, 2]).items()) == [("v", 2), ("u", 1)]
    assert DEEP.pack([1, 2, 3]) == {"p": [1, 2], "q": 3}


def test_names_of_entries():
    assert ONE.entry("x", 0) == "x"
    assert KEYS.entry("y", 1) == "y['v']"
    assert LIST.paths() == ["a", "b"]
    assert KEYS.paths() == ["u", "v"]
    assert DEEP.paths() == ["p/a", "p/b", "q"]
    assert Structure([[0, 1], 2], ["a", "b", "c"]).paths() == ["0/a", "0/b", "c"]
