"""`samples`, `mistakes`, `confusion_matrix` and `history`: what their axes contain."""

import io
import subprocess
import sys

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import plot
from tests.support.paths import ROOT

pytest.importorskip("matplotlib")

import matplotlib as mpl
from matplotlib.colors import to_hex

from fastcnn.plot.figures import DARK, LIGHT, new_figure

NAMES = ("cat", "dog", "owl")
X = np.random.default_rng(0).integers(0, 256, (4, 6, 5), np.uint8)
Y = np.array([0, 1, 2, 2])
P = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.1, 0.6, 0.3], [0.95, 0.05, 0.0]], np.float32)


def titles(figure):
    """(title, its color) of each picture."""
    found = [ax.title if ax.get_title() else ax._left_title for ax in figure.axes[::2]]
    return [(text.get_text(), text.get_color()) for text in found]


def bars(ax):
    return [(bar.get_height(), to_hex(bar.get_facecolor())) for bar in ax.patches]


# ------------------------------------------------------------------------- samples and mistakes


def test_samples_are_blue_where_right_and_red_where_wrong():
    figure = plot.samples(X, Y, P, NAMES)
    assert titles(figure) == [
        ("cat 70 %", LIGHT.right),
        ("dog 90 %", LIGHT.right),
        ("dog 60 % (owl)", LIGHT.wrong),
        ("cat 95 % (owl)", LIGHT.wrong),
    ]
    pictures, probabilities = figure.axes[::2], figure.axes[1::2]
    for ax, image in zip(pictures, X, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
        assert ax.images[0].get_clim() == (0, 255)
    heights = [[height for height, _ in bars(ax)] for ax in probabilities]
    np.testing.assert_array_equal(heights, P)
    assert [color for _, color in bars(probabilities[0])] == [LIGHT.right, LIGHT.gray, LIGHT.gray]
    assert [color for _, color in bars(probabilities[2])] == [LIGHT.gray, LIGHT.wrong, LIGHT.right]
    assert all(ax.get_ylim() == (0, 1) for ax in probabilities)


def test_colors_follow_a_dark_style():
    with mpl.rc_context({"text.color": "white"}):
        assert [color for _, color in titles(plot.samples(X, Y, P))][::2] == [
            DARK.right,
            DARK.wrong,
        ]


@pytest.mark.parametrize(
    ("palette", "background"), [(LIGHT, "white"), (DARK, "black"), (DARK, "#15181c")]
)
def test_colors_of_texts_have_enough_contrast(palette, background):
    """4.5 : 1, level AA of the WCAG, and 3 : 1 for bars."""

    def luminance(color):
        channels = np.array(mpl.colors.to_rgb(color))
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    for color, least in ((palette.right, 4.5), (palette.wrong, 4.5), (palette.gray, 3)):
        low, high = sorted((luminance(color), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= least, color


@pytest.mark.parametrize(
    "labels", [Y[:, None], np.eye(3)[Y], Y.astype(np.float32), [NAMES[label] for label in Y]]
)
def test_labels_in_every_form(labels):
    names = dict(enumerate(NAMES)) if isinstance(labels, list) else NAMES
    figure = plot.samples(X[1:3], labels[1:3], P[1:3], names)
    assert [text for text, _ in titles(figure)] == ["dog 90 %", "dog 60 % (owl)"]


def test_without_names_and_without_labels():
    assert titles(plot.samples(X, Y, P))[2][0] == "1 60 % (2)"
    text, color = titles(plot.samples(X, None, P, {1: "dog"}))[2]
    assert text == "dog 60 %"
    assert color == mpl.rcParams["text.color"]


def test_names_are_not_formulas():
    figure = plot.samples(X[:1], [0], P[:1], ["$a_1$ and $b$"])
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    assert ">$a_1$ and $b$ 70 %</text>" in file.getvalue()


def test_one_unit_is_the_probability_of_the_second_of_two_classes():
    figure = plot.samples(X[:2], [1, 1], np.array([[0.9], [0.2]], np.float32), ["no", "yes"])
    assert [text for text, _ in titles(figure)] == ["yes 90 %", "no 80 % (yes)"]


@pytest.mark.parametrize(
    ("image", "drawn"),
    [
        (np.array([[0.0, 0.25], [0.5, 1.0]]), [[0, 0.25], [0.5, 1]]),
        (np.array([[-1.0, 0.0], [1.0, 3.0]]), [[0, 0.25], [0.5, 1]]),
        (np.array([[0, 100], [200, 255]]), [[0, 100], [200, 255]]),
        (np.array([[True, False], [False, True]]), [[1, 0], [0, 1]]),
    ],
)
def test_floats_and_integers_are_drawn_in_their_range(image, drawn):
    ax = plot.samples(image[None], [0], P[:1]).axes[0]
    np.testing.assert_allclose(ax.images[0].get_array(), drawn)
    assert ax.images[0].get_clim() == ((0, 255) if np.max(drawn) > 1 else (0, 1))


def test_color_images():
    colored = np.random.default_rng(0).random((2, 4, 4, 3)).astype(np.float32)
    ax = plot.samples(colored, Y[:2], P[:2]).axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), colored[0])


def test_count_and_columns():
    figure = plot.samples(X, Y, P, count=3, columns=2)
    assert len(figure.axes) == 6
    boxes = [ax.get_position() for ax in figure.axes[::2]]
    assert boxes[0].y0 == pytest.approx(boxes[1].y0)
    assert boxes[2].y1 < boxes[0].y0


def test_mistakes_are_the_most_certain_first():
    figure = plot.mistakes(X, Y, P, NAMES)
    assert [text for text, _ in titles(figure)] == ["cat 95 % (owl)", "dog 60 % (owl)"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), X[3])
    assert len(plot.mistakes(X, Y, P, count=1).axes) == 2


def test_no_mistakes():
    figure = plot.mistakes(X[:2], Y[:2], P[:2])
    assert [text.get_text() for text in figure.texts] == ["No mistakes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y, P[:3]), "4 of `x`, 4 of `y_true`, 3 of `y_pred`"),
        ((X, Y, 8 * P - 4), "keras.activations.softmax"),
        ((X, Y, P * np.nan), "Received NaN"),
        ((X, Y, P.argmax(axis=1)), "must be probabilities"),
        ((X, Y - 1, P), "`y_true` must be labels"),
        ((X, Y + 0.5, P), "`y_true` must be labels"),
        ((X, ["cat", "cow", "owl", "owl"], P, NAMES), "not in .*'cow'"),
        ((X[0], Y, P), "6 of `x`"),
        ((X[..., None, None], Y, P), "must be arrays"),
        ((np.zeros((4, 5, 5, 2)), Y, P), "1, 3 or 4 channels"),
        ((np.full((4, 5, 5), np.nan), Y, P), "must be finite"),
        ((X, Y, P, NAMES, 0), "`count` must be a positive"),
        ((X, Y, P, NAMES, 3, 1.5), "`columns` must be a positive"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.samples(*arguments)


# ------------------------------------------------------------------------------------- confusion


@pytest.mark.parametrize("predicted", [P, P.argmax(axis=1), [NAMES[i] for i in P.argmax(axis=1)]])
def test_confusion_matrix(predicted):
    ax = plot.confusion_matrix(Y, predicted, NAMES)
    shares = [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]]
    np.testing.assert_allclose(ax.images[0].get_array(), shares)
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "1", (1, 1): "1", (0, 2): "1", (1, 2): "1"}
    assert [text.get_text() for text in ax.get_yticklabels()] == list(NAMES)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_confusion_matrix_of_one_unit_has_two_classes():
    ax = plot.confusion_matrix([0, 0], np.array([[0.1], [0.2]]))
    assert ax.images[0].get_array().tolist() == [[1, 0], [0, 0]]


def test_confusion_matrix_in_percent_into_given_axes():
    figure = new_figure(4, 3)
    ax = figure.add_subplot()
    assert plot.confusion_matrix([0, 0, 0, 2], [0, 0, 1, 2], normalize=True, ax=ax) is ax
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "67", (1, 0): "33", (2, 2): "100"}
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "2"]


def test_cells_are_readable_on_any_background():
    """The color of a cell is at most 60 % opaque, that of an empty one is transparent."""
    cmap = plot.confusion_matrix([0], [0]).images[0].cmap
    assert cmap(0.0)[3] == 0
    assert cmap(1.0)[3] == pytest.approx(0.6)


# --------------------------------------------------------------------------------------- history


def test_history_of_fit():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.ones((8, 3)), np.arange(8) % 2
    result = model.fit(
        x, y, epochs=6, initial_epoch=2, validation_data=(x, y), validation_freq=2, verbose=0
    )
    figure = plot.history(result)
    assert [ax.get_title() for ax in figure.axes] == ["loss", "accuracy"]
    training, validation = figure.axes[0].lines
    assert list(training.get_xdata()) == [3, 4, 5, 6]
    assert list(training.get_ydata()) == result.history["loss"]
    assert list(validation.get_xdata()) == [4, 6]
    assert list(validation.get_ydata()) == result.history["val_loss"]
    assert validation.get_linestyle() == "--"
    assert [text.get_text() for text in figure.axes[0].get_legend().texts] == [
        "training",
        "validation",
    ]


def test_history_of_a_dictionary_into_a_given_figure():
    fig = new_figure(4, 3)
    assert plot.history({"accuracy": [0.5], "loss": [1.0]}, ["accuracy"], fig) is fig
    (ax,) = fig.axes
    assert list(ax.lines[0].get_xdata()) == [1]
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    ("logs", "metrics", "message"),
    [
        ({}, None, "no epochs"),
        ({"loss": []}, None, "no epochs"),
        ({"loss": [1]}, ["mae"], "no 'mae'. Its names are: .*loss"),
        ({"loss": [1]}, "mae", "no 'mae'. Its names are: .*loss"),
        ([1, 2], None, "what `fit` returns"),
        ({"loss": [1, 2, 3, 4, 5], "val_loss": [1, 2, 3]}, None, "3 values for 5 epochs"),
    ],
)
def test_history_errors(logs, metrics, message):
    with pytest.raises(ValueError, match=message):
        plot.history(logs, metrics)


# ------------------------------------------------------------------------------------- matplotlib


def test_pyplot_is_not_imported_and_missing_matplotlib_is_explained(tmp_path):
    code = f"""
import sys
import fastcnn
assert "matplotlib" not in sys.modules and "fastcnn.plot" not in sys.modules
figure = fastcnn.plot.history({{"loss": [1.0]}})
figure.savefig({str(tmp_path / "loss.png")!r})
assert figure._repr_png_().startswith(b"\\x89PNG")
assert "matplotlib.pyplot" not in sys.modules
for name in [name for name in sys.modules if name.startswith(("matplotlib", "fastcnn.plot"))]:
    del sys.modules[name]
sys.modules["matplotlib"] = None
try:
    from fastcnn.plot import saliency
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "Drawing requires matplotlib: pip install 'fastcnn[plot]'.\n"
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
