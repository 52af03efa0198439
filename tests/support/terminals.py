"""Terminals to write to, and a Python without rich."""

import contextlib
import io
import re
import sys


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def written(function, stream):
    """What `function()` writes to `stream` if that is `sys.stdout`."""
    with contextlib.redirect_stdout(stream):
        function()
    return stream.getvalue()


def without_styles(text):
    """`text` without escape sequences for colors and styles."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def set_colors(monkeypatch):
    """Set the environment to that of a color terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def remove_rich(monkeypatch):
    """Let `import rich` fail."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "rich", None)
