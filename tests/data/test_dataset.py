"""`data.Dataset`: elements as recorded from TensorFlow in pipelines.json, order, threads, fit."""

import json

import pytest

from fastcnn.data import Dataset
from tests.support.pipelines import PIPELINES, RECORDS, facts

RECORDED = json.loads(RECORDS.read_text("utf-8"))


def values(data):
    return [element.tolist() for element in data.as_numpy_iterator()]


@pytest.mark.parametrize("name", PIPELINES)
def test_elements_are_those_of_tensorflow(name):
    wanted, data = RECORDED[name], PIPELINES[name](Dataset)
    found = json.loads(json.dumps(facts(data)))
    assert found["elements"] == wanted["elements"]
    if name != "unbatch":  # TensorFlow does not know it
        assert found["count"] == wanted["count"]
    assert facts(data)["elements"] == facts(data)["elements"]  # a second pass
    assert found["spec"] == wanted["spec"]
