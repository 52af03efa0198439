"""Tables: the text is what rich writes to a file, HTML is escaped, colors are for terminals."""

import io
import random

import pytest
from rich.console import Console

from fastcnn.core import tables
from fastcnn.core.tables import Table
from tests.support.terminals import Terminal, remove_rich, set_colors, written

WORDS = [
    "a",
    "of",
    "conv2d",
    "None,",
    "12,",
    "(Conv2D)",
    "a_name_longer_than_its_column",
    " ",
    "  ",
]
MARKUP = ["é", "[bold]", "[/]", ":smile:", "\\[x]"]


@pytest.fixture(autouse=True)
def colors(monkeypatch):
    set_colors(monkeypatch)


def drawn_by_rich(table, width):
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    table._print_rich(console)
    return console.file.getvalue()


def random_table(rng):
    columns = rng.randint(1, 5)

    def text():
        return " ".join(rng.choices(WORDS + MARKUP, k=rng.randint(0, 5)))

    def cell():
        return text() if rng.random() < 0.5 else [(text(), "bold"), (text(), "color(34)")]

    return Table(
        [text() for _ in range(columns)],
        rng.choices(["left", "center", "right"], k=columns),
        [[cell() for _ in range(columns)] for _ in range(rng.randint(0, 4))],
        cell(),
        [cell() for _ in range(rng.randint(0, 2))],
        widths := [rng.randint(7, 30) for _ in range(columns)],
        sum(widths) - rng.randint(0, 3),
        lines=rng.random() < 0.5,
    )


def test_text_is_what_rich_draws():
    rng = random.Random(5)
    for _ in range(60):
        table = random_table(rng)
        width = table.width + rng.randint(0, 20)
        # a space that ends a line may stay or go
        ours, expected = (
            [line.rstrip() for line in text.splitlines()]
            for text in (table.text(width), drawn_by_rich(table, width))
        )
        assert ours == expected


def test_columns_are_as_wide_as_their_cells():
    table = Table(["", "CNN"], ["left", "right"], [["test accuracy", "0.9"], ["x", "12,345"]])
    assert table.text(80) == drawn_by_rich(table, 80)
    assert "│ x             │ 12,345 │" in table.text(80)


TABLE = Table(["name"], ["left"], [[[("conv", "bold")]]], "head", ["note"])
PLAIN = "head\n┏━━━━━━┓\n┃ name ┃\n┡━━━━━━┩\n│ conv │\n└──────┘\nnote\n"


def test_terminals_get_colors():
    assert "│ \x1b[1mconv\x1b[0m │" in written(TABLE.print, Terminal())


@pytest.mark.parametrize("reason", ["NO_COLOR", "TERM", "rich", "file"])
def test_plain_text_otherwise(reason, monkeypatch):
    if reason == "rich":
        remove_rich(monkeypatch)
    elif reason != "file":
        monkeypatch.setenv(reason, {"NO_COLOR": "1", "TERM": "dumb"}[reason])
    assert written(TABLE.print, io.StringIO() if reason == "file" else Terminal()) == PLAIN


def test_empty_no_color_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" in written(TABLE.print, Terminal())


def test_force_color_stands_for_a_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1mconv" in written(TABLE.print, io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert written(TABLE.print, io.StringIO()) == PLAIN


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "? ?"), ("latin-1", "? é")])
def test_streams_without_box_characters(encoding, shown):
    stream = Terminal()
    stream.encoding = encoding
    table = Table(["name"], ["left"], [["└ é"]])
    expected = f"+------+\n| name |\n|------|\n| {shown}  |\n+------+\n"
    assert written(table.print, stream) == expected


def test_names_do_not_control_the_terminal():
    table = Table(["n"], ["left"], [["\x1b]0;title\x07\n\r"]])
    assert "?]0;title???" in written(table.print, Terminal())
    assert "?]0;title???" in table.text(80)


def test_html_is_escaped():
    hostile, escaped = '<script>"&', "&lt;script&gt;&quot;&amp;"
    html = Table([hostile], ["right"], [[[(hostile, "bold")]]], hostile, [hostile, "x"]).html()
    assert html == (
        f"<table><caption>{escaped}</caption>\n"
        f'<thead><tr><th scope="col" style="text-align: right">{escaped}</th></tr></thead>\n'
        f'<tbody>\n<tr><td style="text-align: right">{escaped}</td></tr>\n</tbody>\n</table>\n'
        f"<p>{escaped}<br>x</p>"
    )


def test_characters_of_two_columns():
    table = Table(["名前"], ["left"], [["畳み込み"], ["層が長い名前です"]], widths=[9])
    assert table.text(80) == drawn_by_rich(table, 80)
    assert "│ 層が長い… │" in table.text(80)
    assert [tables.cell_width(text) for text in ("abc", "層", "e\u0301")] == [3, 2, 1]
