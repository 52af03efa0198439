"""Graphs exported to ONNX compute the same in ONNX's reference implementation."""

import numpy as np
import pytest

import fastcnn
from fastcnn.core.nested import flatten
from tests.support.graph_cases import GRAPHS, as_given, inputs_for, randomize

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
UNSUPPORTED = ("siamese_graph", "all_merges")  # Dot


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name, tmp_path):
    from onnx.reference import ReferenceEvaluator

    fastcnn.utils.clear_session()
    model = randomize(GRAPHS[name](fastcnn))
    path = tmp_path / "model.onnx"
    if name in UNSUPPORTED:
        with pytest.raises(ValueError, match=r"cannot be exported to ONNX"):
            model.export(path)
        return
    model.export(path)
    session = ReferenceEvaluator(str(path))
    x = inputs_for(model)
    found = session.run(None, dict(zip(session.input_names, x, strict=True)))
    for output, wanted in zip(found, flatten(model(as_given(model, x))), strict=True):
        np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-4)
