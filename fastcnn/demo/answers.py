"""What the server answers: the files of the page, and what a model makes of a picture."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.datasets.fashion_mnist import CLASS_NAMES

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fastcnn.demo.classifier import Look

CHANNELS = 64  # of a layer that are shown
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}


def read_page() -> dict[str, tuple[bytes, str]]:
    """{path: (content, type)} of the page; `{classes}` in it becomes a row for each class."""
    rows = [
        f'<li><span>{escape(name)}</span><span class="bar" aria-hidden="true"><span></span></span>'
        '<span class="value"></span></li>'
        for name in CLASS_NAMES
    ]
    page = {}
    for file in (files("fastcnn.demo") / "page").iterdir():
        stem, dot, ending = file.name.rpartition(".")
        text = file.read_text("utf-8").replace("{classes}", "\n".join(rows))
        path = "/" if stem == "index" else f"/{file.name}"
        page[path] = text.encode(), f"{TYPES[dot + ending]}; charset=utf-8"
    return page


def as_json(image: NDArray, look: Look) -> dict[str, Any]:
    """What the page shows: the image, the probabilities, and each layer's output as bytes.

    A layer's values are scaled to 0 to 255 together, and stored channel by channel in base64.
    """
    return {
        "image": {"shape": image.shape, "bytes": _encode(image)},
        "names": CLASS_NAMES,
        "probabilities": [float(p) for p in look.probabilities],
        "microseconds": look.microseconds,
        "layers": [
            {
                "name": stage.name,
                "kind": stage.kind,
                "shape": stage.values.shape,
                "microseconds": stage.microseconds,
                "bytes": _encode(_as_bytes(stage.values)),
            }
            for stage in look.stages
        ],
    }


def _as_bytes(values):
    shown = np.moveaxis(values, -1, 0)[:CHANNELS] if values.ndim == 3 else values
    shown = np.nan_to_num(np.asarray(shown, np.float32), posinf=0, neginf=0)
    low, high = float(shown.min()), float(shown.max())
    return np.rint((shown - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)


def _encode(array):
    return b64encode(np.ascontiguousarray(array)).decode()
