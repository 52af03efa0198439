"""Pictures of `fastcnn.plot` as inline SVG whose colors are those of the page, light or dark."""

from __future__ import annotations

import contextlib
import io
import re
from html import escape
from typing import TYPE_CHECKING

import matplotlib

from fastcnn.plot.figures import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from matplotlib.figure import Figure

INK, LINE = "#010203", "#030201"  # drawn with these, then replaced
VARIABLES = {  # color of the drawing -> variable of the style sheet
    INK: "var(--ink)",
    LINE: "var(--line)",
    LIGHT.right: "var(--right)",
    LIGHT.wrong: "var(--wrong)",
    LIGHT.gray: "var(--gray)",
}
STYLE: dict[Any, Any] = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "grid.color": LINE,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 9,
    "axes.titlesize": 10,
    "image.composite_image": False,  # images stay as small as they are
    "svg.fonttype": "none",  # texts in the font of the page, which can be read and searched
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Within the block, matplotlib draws for the page, whatever its settings are otherwise."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def as_svg(figure: Figure, key: str, alt: str) -> str:
    """A figure as `<svg>`.

    Args:
        figure: drawn within `style`.
        key: what its ids begin with: they are unique on the page if the key is.
        alt: the text for those who do not see it.
    """
    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": key}):  # the same ids every time
        figure.savefig(file, format="svg", dpi=160)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # it is for all of the page
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    text = re.sub(
        r' id="([^"]*)"', lambda id: f' id="{key}-{id[1]}"' if id[1] in used else "", text
    )
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{key}-", text)
    text = re.sub(r"font: ([0-9.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(
        r"font: (bold|700) ([0-9.]+px) [^;\"]*", r"font-weight: bold; font-size: \2", text
    )
    for color, variable in VARIABLES.items():
        text = text.replace(color, variable)
    (box,) = re.findall(r'viewBox="[^"]*"', text[: text.index(">")])
    width = f"{figure.get_size_inches()[0] * 96:.0f}px"
    head = f'<svg {box} role="img" aria-label="{escape(alt)}" style="--width: {width}"'
    return re.sub(r"^<svg[^>]*>", lambda _: f'{head} xmlns="http://www.w3.org/2000/svg">', text)
