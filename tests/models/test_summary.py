"""summary(): the same table as Keras prints."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.models.summary import readable_size
from tests.support.terminals import Terminal, remove_rich, set_colors, without_styles, written


@pytest.fixture
def tutorial():
    keras.utils.clear_session()
    return keras.models.Sequential(
        [
            layers.Conv2D(64, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPooling2D(2, 2),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(2, 2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


KERAS = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 26, 26, 64)     │           640 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d (MaxPooling2D)    │ (None, 13, 13, 64)     │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_1 (Conv2D)               │ (None, 11, 11, 64)     │        36,928 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d_1 (MaxPooling2D)  │ (None, 5, 5, 64)       │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 1600)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 128)            │       204,928 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 10)             │         1,290 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 243,786 (952.29 KB)
 Trainable params: 243,786 (952.29 KB)
 Non-trainable params: 0 (0.00 B)
"""


def test_tutorial_summary_matches_keras(tutorial, capsys, monkeypatch):
    """As printed by Keras 3.15 with 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert tutorial.summary() is None
    assert capsys.readouterr().out == KERAS


def test_print_fn_receives_the_text(tutorial, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    texts = []
    tutorial.summary(print_fn=texts.append)
    assert "".join(texts) == KERAS
    assert capsys.readouterr().out == ""


def test_optimizer_state_is_counted_after_training(tutorial, capsys, monkeypatch):
    """As in Keras 3.15: 487,574 elements, with an eight-byte step counter."""
    monkeypatch.setenv("COLUMNS", "80")
    tutorial.compile("adam", "sparse_categorical_crossentropy")
    tutorial.summary()
    assert "Optimizer" not in capsys.readouterr().out
    tutorial.fit(np.zeros((1, 28, 28, 1)), [0], verbose=0)
    tutorial.summary()
    out = capsys.readouterr().out
    assert " Total params: 731,360 (2.79 MB)\n" in out
    assert " Optimizer params: 487,574 (1.86 MB)\n" in out


def test_unbuilt_model(capsys):
    keras.Sequential([layers.Dense(3, name="mine")]).summary()
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "mine (Dense)" in line)
    assert "?" in row
    assert "0 (unbuilt)" in row
    assert " Total params: 0 (0.00 B)" in out


def test_frozen_layers_and_the_trainable_column(tutorial, capsys):
    tutorial.layers[0].trainable = False
    tutorial.summary(show_trainable=True, line_length=100)
    out = capsys.readouterr().out
    assert "Trainable params: 243,146" in out
    assert "Non-trainable params: 640 (2.50 KB)" in out
    conv, pool, second = (
        next(line for line in out.splitlines() if f" {name} (" in line)
        for name in ("conv2d", "max_pooling2d", "conv2d_1")
    )
    assert [line.split("│")[-2].strip() for line in (conv, pool, second)] == ["N", "-", "Y"]


def test_line_length(tutorial, capsys):
    tutorial.summary(line_length=120)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 120
    with pytest.raises(ValueError, match="A width of 10 characters is too small"):
        tutorial.summary(line_length=10)


@pytest.fixture
def nested():
    inner = [keras.Input((8,)), layers.Dense(2, name="inner")]
    inner = keras.Sequential([*inner, keras.Sequential([layers.ReLU(name="deepest")], name="deep")])
    dense = [layers.Dense(4, name="first"), layers.Dense(3, name="last")]
    return keras.Sequential([keras.Input((8,)), inner, *dense], name="outer")


def text(model, **settings):
    parts = []
    model.summary(print_fn=parts.append, line_length=80, **settings)
    return "".join(parts)


def first_column(table):
    return [line.split("│")[1].rstrip() for line in table.splitlines() if line.startswith("│")]


def test_nested_layers_are_listed_on_request(nested):
    assert len(first_column(text(nested))) == 3
    assert first_column(text(nested, expand_nested=True))[1:4] == [
        "    └ inner (Dense)",
        "    └ deep (Sequential)",
        "       └ deepest (ReLU)",
    ]


@pytest.mark.parametrize(
    ("layer_range", "expected"),
    [
        (["first", "last"], ["first", "last"]),
        (["last", "first"], ["first", "last"]),
        (["first", "f.*"], ["first"]),
        (["", "first"], ["sequential", "first"]),
    ],
)
def test_range_of_layers(nested, layer_range, expected):
    names = [cell.split()[0] for cell in first_column(text(nested, layer_range=layer_range))]
    assert [name.rstrip("_0123456789") for name in names] == expected


def test_positions_of_the_columns(nested):
    narrow = text(nested, positions=[0.2, 0.7, 1])
    assert narrow.splitlines()[2].index("Output Shape") < 20
    assert text(nested, positions=[16, 56, 80]) == narrow
    lines = text(nested, positions=[0.2, 0.7, 1], show_trainable=True).splitlines()
    assert {len(line) for line in lines[1:-3]} == {80}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_range": ["first"]}, "`layer_range` must be two names"),
        ({"layer_range": ["first", 3]}, "`layer_range` must be two names"),
        ({"layer_range": ["first", "x"]}, "matches no layers. .*, 'first', 'last'"),
        ({"positions": [0.5, 1]}, "`positions` must be 3 increasing fractions"),
        ({"positions": [0.5, 0.4, 1]}, "`positions` must be 3 increasing fractions"),
        ({"positions": [10, 20, 90]}, "up to the width of 80"),
    ],
)
def test_invalid_options(nested, settings, message):
    with pytest.raises(ValueError, match=message):
        text(nested, **settings)


def test_names_are_not_interpreted_as_markup(capsys):
    keras.Sequential([layers.Dense(1, name="[bold]x[/bold]")], name="[red]").summary()
    out = capsys.readouterr().out
    assert "[bold]x[/bold] (Dense)" in out
    assert 'Model: "[red]"' in out


@pytest.fixture
def graph():
    """Two inputs, a shared layer called twice, and two outputs."""
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(3, name="shared")
    both = layers.Concatenate(name="both")([shared(left), shared(right)])
    outputs = [layers.Dense(2, name=f"a_long_name_of_an_output_{index}")(both) for index in (0, 1)]
    return keras.Model([left, right], outputs, name="graph")


@pytest.mark.parametrize("name", ["tutorial", "nested", "graph"])
def test_colors_change_nothing_else(name, request, monkeypatch):
    """A terminal gets colors by rich; without rich it gets the same text."""
    set_colors(monkeypatch)
    model = request.getfixturevalue(name)
    for columns in (60, 80, 140):
        monkeypatch.setenv("COLUMNS", str(columns))
        for settings in ({}, {"show_trainable": True, "expand_nested": True}):
            texts = []
            model.summary(print_fn=texts.append, **settings)
            drawn = written(lambda settings=settings: model.summary(**settings), Terminal())
            assert "\x1b[1mLayer (type)" in drawn
            assert [without_styles(drawn)] == texts
    remove_rich(monkeypatch)
    assert written(lambda: model.summary(**settings), Terminal()) == texts[0]


def test_html(graph):
    """What a notebook shows for `model` and for `summary()`."""
    html = graph._repr_html_()
    assert html.startswith("<table><caption>Model: &quot;graph&quot;</caption>")
    assert '<td style="text-align: left">shared (Dense)</td>' in html
    assert '<td style="text-align: left">shared[0][0], shared[1][0]</td>' in html
    assert "Total params: 43 (172.00 B)<br>Trainable params: 43 (172.00 B)<br>" in html
    hostile = keras.Sequential([layers.Dense(1, name="<b>&")], name="<script>")
    html = hostile._repr_html_()
    assert "Model: &quot;&lt;script&gt;&quot;" in html
    assert "&lt;b&gt;&amp; (Dense)" in html
    assert "<script" not in html


def test_readable_sizes():
    assert [readable_size(size) for size in (0, 1023, 1024, 975144, 3 << 20)] == [
        "0.00 B",
        "1023.00 B",
        "1.00 KB",
        "952.29 KB",
        "3.00 MB",
    ]
