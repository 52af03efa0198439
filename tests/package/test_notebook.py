"""What a Jupyter notebook shows: one line per epoch that is redrawn, and tables as HTML."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from tests.support.terminals import without_styles
from tests.support.tiny import X, Y, make_model

CELL = """
import numpy as np
import fastcnn as keras
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="<b>")])
model.compile("sgd", "mse")
model.summary()
history = model.fit(np.ones((640, 2)), np.zeros(640), epochs=2)
history
"""


def test_history():
    """One row per epoch; values that were not computed in every epoch are below."""
    history = make_model().fit(X, Y, verbose=0, epochs=3, validation_data=(X, Y), validation_freq=2)
    history.history |= {"<b>&": [0.5, "a<b", [1e-4]], "empty": []}
    html = history._repr_html_()
    assert html.startswith("<table><caption>History of 3 epochs</caption>\n")
    names = re.findall('<th scope="col"[^>]*>([^<]*)</th>', html)
    assert names == ["epoch", "loss", "mae", "&lt;b&gt;&amp;"]
    rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in html.split("<tr>")[2:]]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [row[1] for row in rows] == [f"{loss:.4f}" for loss in history.history["loss"]]
    assert [row[3] for row in rows] == ["0.5000", "a&lt;b", "1.0000e-04"]
    last = history.history["val_loss"][0]
    assert f"<p>val_loss: computed in 1 of 3 epochs, last {last:.4f}<br>val_mae: " in html
    assert "empty" not in html


def test_long_history():
    history = keras.callbacks.History()
    assert "History of 0 epochs" in history._repr_html_()
    history.history = {"loss": np.arange(100.0).tolist()}
    html = history._repr_html_()
    assert re.findall(r">(\d+)</td>", html) == [*map(str, range(1, 16)), *map(str, range(86, 101))]
    assert html.count("…") == 2


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A client of a running IPython kernel."""
    if importlib.util.find_spec("ipykernel") is None:  # to import it would change this process
        pytest.skip("ipykernel is not installed")
    managers = pytest.importorskip("jupyter_client.manager")
    socket = str(tmp_path_factory.mktemp("kernel") / "socket")
    manager = managers.KernelManager(kernel_name="python3", transport="ipc", ip=socket)
    manager.start_kernel(cwd=Path(keras.__file__).parents[1])
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def outputs(client, code):
    """The outputs of a cell."""
    found = []
    reply = client.execute_interactive(code, output_hook=found.append, timeout=120)
    assert reply["content"]["status"] == "ok", reply["content"]
    messages = [(message["msg_type"], message["content"]) for message in found]
    return [
        (kind, content) for kind, content in messages if kind not in ("status", "execute_input")
    ]


def test_cell(kernel):
    found = outputs(kernel, CELL)
    contents = [content for kind, content in found if kind == "display_data"]
    assert len(contents) == 1
    summary = contents[0]["data"]
    assert '<td style="text-align: left">&lt;b&gt; (Dense)</td>' in summary["text/html"]
    assert "│ <b> (Dense) " in summary["text/plain"]
    (result,) = [content for kind, content in found if kind == "execute_result"]
    assert result["data"]["text/html"].startswith("<table><caption>History of 2 epochs</caption>")
    text = "".join(content["text"] for kind, content in found if kind == "stream")
    lines = [line.split("\r")[-1] for line in without_styles(text).split("\n")]
    assert [lines[0], lines[2]] == ["Epoch 1/2", "Epoch 2/2"]
    for line in (lines[1], lines[3]):
        assert re.match(r"20/20 ━{20} \d+s \d+[mu]?s/step - loss: \d\.\d{4}", line)
    assert lines[4:] == [""]


def test_model(kernel):
    (result,) = [content for kind, content in outputs(kernel, "model") if kind == "execute_result"]
    assert "<caption>Model: &quot;sequential&quot;</caption>" in result["data"]["text/html"]
    assert result["data"]["text/plain"].startswith("<Sequential name=sequential")


def test_captured_output_is_text(kernel):
    code = """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as out:
    model.summary()
    model.evaluate(np.ones((640, 2)), np.zeros(640))
assert out.getvalue().startswith('Model: "sequential"\\n┏')
assert out.getvalue().count("\\r") == 0
"""
    assert outputs(kernel, code) == []
