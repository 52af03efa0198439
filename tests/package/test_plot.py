"""Diagrams of models: text, and files drawn by matplotlib."""

import sys

import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.utils.diagram import Layout


@pytest.fixture
def model():
    inner = keras.Sequential([layers.Dense(3, activation="relu", name="a")], name="inner")
    return keras.Sequential([keras.Input((4,)), inner, layers.Dropout(0.5), layers.Dense(2)])


def test_text(model, tmp_path):
    text = keras.utils.plot_model(model, to_file=tmp_path / "m.txt")
    assert text.splitlines() == [
        "+------------+",
        "| Sequential |",
        "+------------+",
        "       |",
        "+------------+",
        "| Dropout    |",
        "+------------+",
        "       |",
        "+------------+",
        "| Dense      |",
        "+------------+",
    ]
    assert (tmp_path / "m.txt").read_text("utf-8") == text + "\n"


def test_all_options(model):
    model.layers[2].trainable = False
    text = keras.utils.plot_model(
        model,
        to_file=None,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
        expand_nested=True,
    )
    for line in (
        "| a (Dense)",
        "| activation: relu",
        "| dtype: float32",
        "| trainable",
        "| not trainable",
        "| (None, 4)",
        "| -> (None, 3)",
    ):
        assert line in text
    assert keras.utils.plot_model(keras.Sequential(), to_file=None) == ""


@pytest.mark.parametrize(
    ("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_image_files(model, tmp_path, ending, magic):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"m.{ending}"
    keras.utils.plot_model(model, path, show_shapes=True, dpi=50)
    assert path.read_bytes().startswith(magic)


def test_notebook_shows_a_picture(model, monkeypatch):
    """Notebooks call `_repr_png_`, and show the text where it returns None."""
    diagram = keras.utils.plot_model(model, to_file=None)
    assert repr(diagram) == diagram
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib.figure", None)
        assert diagram._repr_png_() is None
    pytest.importorskip("matplotlib")
    assert diagram._repr_png_().startswith(b"\x89PNG")


def test_errors(model, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='`rankdir` must be "TB"'):
        keras.utils.plot_model(model, rankdir="LR")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'fastcnn\[plot\]'"):
        keras.utils.plot_model(model, tmp_path / "m.png")
    with pytest.raises(AttributeError, match=r"fastcnn.utils' has no attribute 'nonsense'"):
        _ = keras.utils.nonsense


class TestGraphs:
    @pytest.fixture
    def graph(self):
        inputs = keras.Input((8, 8, 3), name="image")
        x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
        x = layers.Add(name="sum")([x, inputs])
        head = keras.Sequential([layers.Flatten(name="flat"), layers.Dense(2, name="out")])
        return keras.Model(inputs, head(x))

    def test_text_lists_what_a_box_reads(self, graph):
        text = keras.utils.plot_model(graph, None, show_layer_names=True, show_shapes=True)
        assert "| <- image" in text
        assert "| <- image, conv" in text
        assert text.count("(None, 8, 8, 3)") == 2 + 2 + 3 + 1

    def test_nested_layers_are_connected(self, graph):
        text = keras.utils.plot_model(graph, None, show_layer_names=True, expand_nested=True)
        assert "| <- sum" in text
        assert "| <- flat" in text

    def test_picture(self, graph, tmp_path):
        pytest.importorskip("matplotlib")
        keras.utils.plot_model(graph, tmp_path / "graph.png", expand_nested=True)
        assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")

    def test_edges_lead_down_and_pass_no_box(self):
        edges = [(0, 1), (1, 2), (0, 2), (0, 3), (2, 3), (1, 3)]
        layout = Layout(4, edges)
        assert layout.rows == [0, 1, 2, 3]
        boxes = set(zip(layout.rows, layout.columns, strict=True))
        for edge, path in layout.paths.items():
            assert [row for row, _ in path] == list(range(edge[0], edge[1] + 1))
            assert boxes.isdisjoint(path[1:-1])
