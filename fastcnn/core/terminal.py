"""What a stream can show: a terminal, a notebook, or a file.

A line is redrawn in terminals and notebooks only. rich, the library that draws tables and bars, is
for terminals alone: files get plain text, and so does a terminal where NO_COLOR is set or TERM is
"dumb". rich is imported when it is first used, and nothing needs it. IPython is never imported:
notebooks are recognized by their streams.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def is_live(stream: Any) -> bool:
    """Whether a line written to `stream` can be overwritten: a terminal or a notebook."""
    return is_notebook(stream) or is_terminal(stream)


def is_notebook(stream: Any) -> bool:
    """Whether `stream` writes below a cell of a Jupyter notebook (or a console of its kernel)."""
    kinds = type(stream).__mro__  # also Spyder's, which derives from ipykernel's
    return any(kind.__module__.partition(".")[0] == "ipykernel" for kind in kinds)


def is_terminal(stream: Any) -> bool:
    """Whether `stream` is a terminal that can move its cursor."""
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # not a stream, or closed
        return False


def terminal_width(stream: Any) -> float:
    """The number of columns of a terminal, or infinity where it is unknown."""
    if is_notebook(stream):  # its descriptor is that of the terminal that started the server
        return math.inf
    try:
        return os.get_terminal_size(stream.fileno()).columns or math.inf
    except (AttributeError, OSError, ValueError):
        return math.inf


def can_encode(stream: Any, text: str) -> bool:
    """Whether `stream` can write `text`."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def rich_console(stream: Any, width: int | None = None) -> Any:
    """A `rich.console.Console` for `stream`, or None if it gets plain text.

    FORCE_COLOR stands for a terminal, as it does to rich; but ipykernel sets it for its programs.
    """
    if os.environ.get("NO_COLOR") or is_notebook(stream) or not can_encode(stream, "━"):
        return None
    is_forced = os.environ.get("FORCE_COLOR") and "ipykernel.iostream" not in sys.modules
    if not is_forced and not is_terminal(stream):
        return None
    try:
        return _console(stream, width)
    except ImportError:
        return None


@functools.lru_cache(maxsize=2)  # it takes 0.1 ms, and every `predict` has a bar
def _console(stream, width):
    from rich.console import Console

    return Console(file=stream, force_terminal=True, highlight=False, width=width)
