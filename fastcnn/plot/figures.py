"""What all pictures share: matplotlib, new figures, colors, and how images are drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

GAP = 1  # pixels between the tiles of a mosaic
SMALL = 8  # the size of the texts in grids, in points


class Colors(NamedTuple):
    """The colors of marks and texts; those of plain text are matplotlib's."""

    right: str
    wrong: str
    gray: str


# Each has at least 4.5 : 1 on its background, white or nearly black; the gray of bars 3.5 : 1.
LIGHT = Colors(right="#174ea6", wrong="#b3261e", gray="#80868b")
DARK = Colors(right="#8ab4f8", wrong="#f28b82", gray="#80868b")


def colors() -> Colors:
    """The colors for matplotlib's current style: its text is light on dark backgrounds."""
    red, green, blue = to_rgb(matplotlib.rcParams["text.color"])
    return DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else LIGHT


class Picture(Figure):
    """A figure without pyplot, which a notebook shows by itself."""

    def _repr_png_(self):
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=100)
        return file.getvalue()


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """A figure of a size in inches that pyplot does not know and that `savefig` can write."""
    figure = Picture(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def new_axes(width: float, height: float) -> Axes:
    """The only axes of a new figure."""
    return new_figure(width, height, constrained_layout=True).add_subplot()


def hide_frame(ax: Axes, *sides: str) -> None:
    """Hide some sides of the frame."""
    for side in sides:
        ax.spines[side].set_visible(False)


def draw_image(ax: Axes, image: NDArray) -> None:
    """Draw a picture (see `arguments.as_pictures`) without axes; one channel is gray.

    Bytes are from 0 to 255, floats from 0 to 1.
    """
    top = 255 if image.dtype == np.uint8 else 1
    image = image[..., 0] if image.shape[-1] == 1 else image
    ax.imshow(image, cmap="gray", vmin=0, vmax=top, interpolation="none")
    ax.set_axis_off()


def mosaic(tiles: NDArray, columns: int) -> NDArray:
    """Tiles (n, h, w) or (n, h, w, 3) side by side in one array, with gaps of NaN between them."""
    count, height, width, *channels = tiles.shape
    rows = -(-count // columns)
    array = np.full((rows * columns, height + GAP, width + GAP, *channels), np.nan, np.float32)
    array[:count, :height, :width] = tiles
    array = array.reshape(rows, columns, *array.shape[1:]).swapaxes(1, 2)
    array = array.reshape(rows * (height + GAP), columns * (width + GAP), *channels)
    return array[:-GAP, :-GAP]
