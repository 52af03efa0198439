"""Tables as text, drawn by rich, and as HTML.

The text is, to the character, what rich writes to a file, but rich is not needed for it:

    >>> print(Table(["layer", "weights"], ["left", "right"], [["conv", "640"]]).text(80), end="")
    ┏━━━━━━━┳━━━━━━━━━┓
    ┃ layer ┃ weights ┃
    ┡━━━━━━━╇━━━━━━━━━┩
    │ conv  │     640 │
    └───────┴─────────┘
"""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from fastcnn.core.terminal import can_encode, is_notebook, rich_console

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    # text, or pairs of text and the name of a style of rich
    Cell = str | Sequence[tuple[str, str]]

# Left edge, line, crossing and right edge of: the top, the header, the line below it, a row, the
# line between rows, the bottom.
BOX = ("┏━┳┓", "┃ ┃┃", "┡━╇┩", "│ ││", "├─┼┤", "└─┴┘")
ASCII_BOX = ("+--+", "| ||", "|-+|", "| ||", "|-+|", "+--+")


@dataclass
class Table:
    """A table with lines of text above and below it.

    Args:
        headers, justify: the name of each column, and "left", "center" or "right".
        rows: the cells of each row.
        head: the line above the table; notes: lines below it.
        widths: of the columns in characters; by default what the cells need.
        width: of the whole table; columns that need more shrink evenly, and their text wraps.
        lines: whether to draw lines between the rows.
    """

    headers: Sequence[str]
    justify: Sequence[Any]
    rows: Sequence[Sequence[Cell]]
    head: Cell = ""
    notes: Sequence[Cell] = field(default_factory=list)
    widths: Sequence[int] | None = None
    width: int | None = None
    lines: bool = False

    def print(self) -> None:
        """Write it to `sys.stdout`: with rich to a terminal, as HTML to a notebook, else as text.

        A program without a console has no `sys.stdout`: it writes nothing.
        """
        stream = sys.stdout
        if stream is None:
            return
        if is_notebook(stream):
            from IPython.display import display  # which a notebook's process has imported

            display(self)
            return
        width = max(self.width or 0, shutil.get_terminal_size().columns)
        console = rich_console(stream, width)
        if console is None:
            text = self.text(width)
            if not can_encode(stream, text):
                text = self.text(width, ASCII_BOX).encode(stream.encoding, "replace")
                text = text.decode(stream.encoding)
            stream.write(text)
        else:
            self._print_rich(console)

    def text(self, width: int, box: Sequence[str] = BOX) -> str:
        """It as text; the lines above and below the table wrap at `width`."""
        top, header, below_header, row, between, bottom = box
        sizes = self._sizes()
        lines = wrap(plain(self.head), width, fold=True) if self.head else []
        lines.append(_rule(top, sizes))
        lines += self._row(self.headers, header, sizes, at_bottom=True)
        lines.append(_rule(below_header, sizes))
        for index, cells in enumerate(self.rows):
            if index and self.lines:
                lines.append(_rule(between, sizes))
            lines += self._row(cells, row, sizes)
        lines.append(_rule(bottom, sizes))
        for note in self.notes:
            lines += wrap(plain(note), width, fold=True)
        return "".join(f"{line}\n" for line in lines)

    def _sizes(self):
        """The characters between the edges of each column: a cell and a space on either side."""
        if self.widths is None:
            columns = zip(self.headers, *self.rows, strict=True)
            sizes = [max(cell_width(plain(cell)) for cell in column) + 2 for column in columns]
        else:
            sizes = [width + 2 for width in self.widths]
        if self.width is not None:
            room = self.width - len(sizes) - 1
            sizes = [min(size, room) for size in sizes]
            excess = max(sum(sizes) - room, 0)
            for index, size in enumerate(sizes):
                share = min(size, round(excess / (len(sizes) - index)))
                sizes[index] -= share
                excess -= share
        return sizes

    def _row(self, cells, edges, sizes, at_bottom=False):
        """The lines of a row, in which short cells begin at the top or end at the bottom."""
        left, _, middle, right = edges
        columns = [
            [f" {align(line, size - 2, side)} " for line in wrap(plain(cell), size - 2)]
            for cell, size, side in zip(cells, sizes, self.justify, strict=True)
        ]
        height = max(map(len, columns))
        for lines, size in zip(columns, sizes, strict=True):
            blank = [" " * size] * (height - len(lines))
            lines[:] = blank + lines if at_bottom else lines + blank
        return [left + middle.join(parts) + right for parts in zip(*columns, strict=True)]

    def _print_rich(self, console):
        import rich.table
        from rich.text import Text

        def styled(cell):
            return Text.assemble(*((printable(text), style) for text, style in spans(cell)))

        widths = self.widths or [None] * len(self.headers)
        columns = [
            rich.table.Column(styled(name), justify=side, width=width)
            for name, side, width in zip(self.headers, self.justify, widths, strict=True)
        ]
        table = rich.table.Table(*columns, width=self.width, show_lines=self.lines)
        for cells in self.rows:
            table.add_row(*map(styled, cells))
        if self.head:
            console.print(styled(self.head))
        console.print(table)
        for note in self.notes:
            console.print(styled(note))

    def html(self) -> str:
        """It as HTML without colors, which suits light and dark pages."""
        names = [
            f'<th scope="col" style="text-align: {side}">{escape(name)}</th>'
            for name, side in zip(self.headers, self.justify, strict=True)
        ]
        rows = [
            "<tr>"
            + "".join(
                f'<td style="text-align: {side}">{escape(plain(cell))}</td>'
                for cell, side in zip(cells, self.justify, strict=True)
            )
            + "</tr>"
            for cells in self.rows
        ]
        caption = f"<caption>{escape(plain(self.head))}</caption>" if self.head else ""
        notes = "<br>".join(escape(plain(note).strip()) for note in self.notes)
        return "\n".join(
            [
                f"<table>{caption}",
                f"<thead><tr>{''.join(names)}</tr></thead>",
                f"<tbody>\n{chr(10).join(rows)}\n</tbody>",
                "</table>",
                *([f"<p>{notes}</p>"] if notes else []),
            ]
        )

    _repr_html_ = html

    def __repr__(self) -> str:
        return self.text(shutil.get_terminal_size().columns)


def spans(cell: Cell) -> Sequence[tuple[str, str]]:
    """The (text, style) of a cell."""
    return [(cell, "")] if isinstance(cell, str) else cell


def plain(cell: Cell) -> str:
    """The text of a cell without styles."""
    return printable("".join(text for text, _ in spans(cell)))


def printable(text: str) -> str:
    """`text` with "?" for control characters: names from files must not control a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "?" for char in text)


def cell_width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "FW")
        for char in text
    )


def wrap(text: str, width: int, fold: bool = False) -> list[str]:
    """The lines of `text`, broken between words; words longer than a line break with `fold`."""
    lines, line, used = [], "", 0
    for word in re.findall(r"\s*\S+\s*", text):
        length = cell_width(word.rstrip())
        if length <= width - used:
            line += word
            used += cell_width(word)
            continue
        if line:
            lines.append(line)
        if fold and length > width:
            *whole, word = _chop(word, width)
            lines += whole
        line, used = word, cell_width(word)
    return [*lines, line]


def _chop(text, width):
    """`text` in pieces of at most `width` columns."""
    pieces = [""]
    for char in text:
        if pieces[-1] and cell_width(pieces[-1] + char) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces


def align(text: str, width: int, side: str) -> str:
    """`text` in exactly `width` columns: cut off with an ellipsis, or filled with spaces."""
    if width < 1:
        return ""
    if side != "left":
        text = text.rstrip()
    if cell_width(text) > width and cell_width(text.rstrip()) <= width:
        text = text.rstrip()
    if cell_width(text) > width:
        text = _chop(text, width - 1)[0] if width > 1 else ""
        text += " " * (width - 1 - cell_width(text)) + "…"
    room = width - cell_width(text)
    before = {"left": 0, "center": room // 2, "right": room}[side]
    return " " * before + text + " " * (room - before)


def _rule(edges, sizes):
    """A line between rows."""
    left, line, crossing, right = edges
    return left + crossing.join(line * size for size in sizes) + right
