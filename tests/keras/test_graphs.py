"""Random graphs of real Keras are read from their files, and predict and evaluate as in Keras.

golden_files/graphs.zip was recorded by `python -m tests.keras.golden_files.record_graphs`.
`python -m tests.keras.graph_trials` compares more, and any number of graphs, where Keras is.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from tests.keras.graph_trials import assert_close, evaluation, flat
from tests.support.random_graphs import Graph

FILES = zipfile.ZipFile(Path(__file__).with_name("golden_files") / "graphs.zip")
SEEDS = sorted(int(name[:-6]) for name in FILES.namelist() if name.endswith(".keras"))


@pytest.mark.parametrize("seed", SEEDS)
def test_file_of_keras_predicts_and_evaluates_the_same(seed, tmp_path):
    graph = Graph(seed)
    x, y, weight = graph.data()
    path = tmp_path / "theirs.keras"
    path.write_bytes(FILES.read(f"{seed}.keras"))
    model = fastcnn.models.load_model(path)
    wanted = np.load(io.BytesIO(FILES.read(f"{seed}.npz")))
    predictions = flat(model.predict(x, batch_size=graph.batch, verbose=0))
    assert_close(predictions, [wanted[name] for name in wanted.files], 2e-5, 1e-5)
    logs = json.loads(FILES.read(f"{seed}.json"))
    assert_close(evaluation(model, graph, x, y, weight), logs, 2e-5, 1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_graph_has_the_weights_of_the_file(seed, tmp_path):
    fastcnn.utils.clear_session()
    graph = Graph(seed)
    path = tmp_path / "theirs.keras"
    path.write_bytes(FILES.read(f"{seed}.keras"))
    theirs = fastcnn.models.load_model(path)
    fastcnn.utils.clear_session()
    ours = graph.build(fastcnn)
    ours.set_weights(theirs.get_weights())
    x, _, _ = graph.data()
    pairs = zip(*(flat(m.predict(x, verbose=0)) for m in (ours, theirs)), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
