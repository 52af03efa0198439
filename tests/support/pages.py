"""The documents: their blocks of code, and a run of the Python among them.

Blocks are fenced and say their language: `python` is run, `text` directly after it is what it
prints ("..." stands for anything), `sh` is checked, `diff` and other `text` are shown only.
"""

import doctest
import importlib.util
import json
import os
import re
import subprocess
import sys
from typing import NamedTuple

from tests.support.paths import ROOT

ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = (*ROOT_PAGES, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
LANGUAGES = {"python", "sh", "text", "diff"}
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONAL = ("flask", "torch")  # what the tests' packages do not include
PROGRAM = """\
import json, sys
import numpy as np
from fastcnn.datasets import fashion_mnist

y = np.arange(640, dtype=np.uint8) % 10  # class k has a bright row 2k
x = np.random.default_rng(0).integers(0, 50, (640, 28, 28), np.uint8)
x[np.arange(640), 2 * y] = 255
fashion_mnist.load_data = lambda path=None: ((x, y), (x[:160], y[:160]))
names = {"__name__": "__main__"}
for code in json.load(sys.stdin):
    exec(compile(code, sys.argv[1], "exec"), names)
    print("\\n-- end of block --", flush=True)
"""


class Block(NamedTuple):
    language: str
    code: str
    prints: str | None  # of a block of Python, the text after it
    line: int


def blocks(text):
    """The fenced blocks of a page."""
    found = list(FENCE.finditer(text))
    result = []
    for match, after in zip(found, [*found, None][1:], strict=True):
        prints = None
        if after and after[1] == "text" and not text[match.end() : after.start()].strip():
            prints = after[2]
        line = text.count("\n", 0, match.start()) + 1
        result.append(Block(match[1], match[2], prints, line))
    return result


def needs(code):
    """The optional packages that a block imports and that are not installed."""
    imported = re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
    return [
        name for name in imported if name in OPTIONAL and importlib.util.find_spec(name) is None
    ]


def run(page, folder):
    """Run a page's Python blocks, one after the other, as one script in a new process.

    The images of Fashion-MNIST are 640 artificial ones, which are easy to learn. Returns an error
    in words, or "" if all blocks ran and printed what the page says.
    """
    chosen = [
        block
        for block in blocks((ROOT / page).read_text("utf-8"))
        if block.language == "python" and not needs(block.code)
    ]
    # empty lines first, so that errors name the lines of the page
    sources = ["\n" * block.line + block.code for block in chosen]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, page],
        input=json.dumps(sources), cwd=folder, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        return done.stderr
    printed = done.stdout.split("\n-- end of block --\n")
    check = doctest.OutputChecker().check_output
    for block, found in zip(chosen, printed, strict=False):
        if block.prints is not None and not check(block.prints, found, doctest.ELLIPSIS):
            return f"{page}, line {block.line}: it prints\n{found}instead of\n{block.prints}"
    return ""
