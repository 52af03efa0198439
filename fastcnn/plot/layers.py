"""`filters` and `feature_maps`: the weights of a convolution, and the picture after each layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_count
from fastcnn.layers.base import Layer
from fastcnn.layers.transposed import Conv2DTranspose
from fastcnn.models.layer_graph import LayerGraph
from fastcnn.models.model import Model
from fastcnn.plot.arguments import as_batch
from fastcnn.plot.figures import SMALL, draw_image, mosaic, new_axes, new_figure

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

WEIGHTS = "RdBu"  # red is negative, blue positive, white 0
MAPS = "inferno"
WIDTH = 4.4  # of a figure, in inches


def filters(
    model: Model,
    layer: str | Layer | None = None,
    channel: int | None = None,
    count: int = 64,
    ax: Axes | None = None,
) -> Axes:
    """Draw the filters of a layer as small pictures: red weights are negative, blue ones positive.

    Filters on three channels are drawn in color, from black, the smallest weight of all, to white.

    Args:
        model: a built model.
        layer: a layer, or its name: a convolution, or a dense layer on the model's flattened image.
            None: the first such layer.
        channel: which input channel's weights to draw; None: of three, all as colors; of others,
            their mean.
        count: how many filters to draw at most.
        ax: the Axes to draw into.

    Returns:
        The axes; the image in it holds the weights, with NaN between the filters.

    Raises:
        ValueError: no such layer or channel, one without filters, or a `count` below 1.

    Example:

    >>> import fastcnn as keras
    >>> from fastcnn import plot
    >>> conv = keras.layers.Conv2D(8, 3, name="conv")
    >>> model = keras.Sequential([keras.Input((9, 9, 1)), conv])
    >>> plot.filters(model).get_title()
    'conv: 8 filters 3 x 3'
    """
    count = check_count(count, "count")
    found, weights = _find_filters(model, layer)  # (h, w, in, out)
    height, width, channels, total = weights.shape
    if channel is not None and check_count(channel, "channel", 0) >= channels:
        raise ValueError(f"`channel` must be in [0, {channels}). Received channel={channel!r}.")
    if channel is None:
        tiles = weights if channels == 3 else weights.mean(axis=2, keepdims=True)
    else:
        tiles = weights[:, :, channel : channel + 1]
    tiles = np.moveaxis(tiles[..., :count], -1, 0)
    columns = max(math.ceil(math.sqrt(len(tiles) * height / width)), 1)
    rows = -(-len(tiles) // columns)
    if ax is None:
        ax = new_axes(WIDTH, (WIDTH - 0.2) * rows * (height + 1) / (columns * (width + 1)) + 0.4)
    if tiles.shape[-1] == 3:
        low, high = float(tiles.min()), float(tiles.max())
        array = mosaic((tiles - low) / max(high - low, 1e-30), columns)
        alpha = np.isfinite(array[..., :1]).astype(np.float32)
        array = np.concatenate([np.nan_to_num(array), alpha], axis=-1)
        ax.imshow(array, interpolation="none")
    else:
        limit = max(float(np.abs(tiles).max(initial=0)), 1e-30)
        array = mosaic(tiles[..., 0], columns)
        ax.imshow(array, cmap=WEIGHTS, vmin=-limit, vmax=limit, interpolation="none")
    ax.set_axis_off()
    ax.set_title(f"{found.name}: {total} filters {height} x {width}", fontsize=SMALL + 1, y=1)
    return ax


def _find_filters(model, layer):
    """(the layer, its filters as an array (h, w, in, out))."""
    if layer is None:
        for one in model.leaves():
            weights = _filters_of(model, one)
            if weights is not None:
                return one, weights
        raise ValueError(f"The model {model.name!r} has no layer with filters.")
    found = layer if isinstance(layer, Layer) else model.get_layer(layer)
    weights = _filters_of(model, found)
    if weights is None:
        raise ValueError(
            f"The layer {found.name!r} ({type(found).__name__}) has no filters to draw."
        )
    return found, weights


def _filters_of(model, layer):
    kernel = getattr(layer, "depthwise_kernel", None)
    kernel = getattr(layer, "kernel", None) if kernel is None else kernel
    if kernel is None:
        return None
    weights = np.array(kernel.value)
    shape = model.inputs[0].shape[1:]
    if weights.ndim == 2 and len(shape) == 3 and None not in shape:
        if weights.shape[0] != math.prod(shape):
            return None
        return weights.reshape(*shape, -1)
    if weights.ndim != 4:
        return None
    if isinstance(layer, Conv2DTranspose):  # its axes are (h, w, out, in)
        return weights.swapaxes(2, 3)
    if hasattr(layer, "depth_multiplier"):  # each filter is for one channel
        height, width, *_ = weights.shape
        return weights.reshape(height, width, 1, -1)
    return weights


def outputs_of_layers(model: Model) -> list[tuple[Layer, Any]]:
    """(layer, symbolic output) of each call in a model, in order; without inputs and views.

    A nested model counts as one layer. A layer with several outputs has several entries.
    """
    graph = LayerGraph(model.inputs, model.outputs)
    return [
        (node.layer, tensor)
        for node in graph.nodes
        if not node.is_input and not node.layer.is_view
        for tensor in node.outputs
    ]


def feature_maps(
    model: Model,
    image: ArrayLike,
    layers: str | Layer | list[str | Layer] | None = None,
    count: int = 8,
    fig: Figure | None = None,
) -> Any:
    """Draw an image, and below it what each layer makes of it.

    A row has the first channels of a layer's output, dark where it is smallest; layers without an
    image, such as dense ones, have a strip with one stripe per unit.

    Args:
        model: a built model of one image.
        image: (height, width) or (height, width, channels), bytes or floats, as for the model.
        layers: a layer, its name, or a list of these; None: all but those that only reshape.
        count: how many channels to draw at most.
        fig: the Figure or SubFigure to draw into.

    Returns:
        The figure: axes for the image, then one for each layer, whose image holds the output.

    Raises:
        ValueError: not one image, an unknown layer, or a `count` below 1.

    Example:

    >>> import numpy as np
    >>> import fastcnn as keras
    >>> from fastcnn import plot
    >>> conv = keras.layers.Conv2D(4, 3, name="conv")
    >>> model = keras.Sequential([keras.Input((9, 9, 1)), conv])
    >>> figure = plot.feature_maps(model, np.zeros((9, 9)))
    >>> figure.axes[1].get_title(loc="left")
    'conv: 7 x 7 x 4'
    """
    count = check_count(count, "count")
    batch, picture = as_batch(model, image)
    found = _chosen(model, layers)
    arrays = _run(model, batch, [tensor for _, tensor in found])
    rows = len(arrays) + 1
    heights = [1.4, *(1.0 if array.ndim == 3 else 0.4 for array in arrays)]
    unit = min(max(WIDTH / count, 0.4), 1.2)  # of a map, in inches
    title = 0.28  # the height of the line above the maps
    total = unit * sum(heights) + title * rows
    if fig is None:
        fig = new_figure(WIDTH, total)
    grid = fig.add_gridspec(
        rows, 1, left=0.01, right=0.99, top=1 - 0.9 * title / total, bottom=0.1 * title / total,
        hspace=title * rows / (unit * sum(heights)), height_ratios=heights,
    )  # fmt: skip
    ax = fig.add_subplot(grid[0])
    draw_image(ax, picture)
    _label(ax, "image", picture.shape)
    for row, ((layer, _), array) in enumerate(zip(found, arrays, strict=True), 1):
        ax = fig.add_subplot(grid[row])
        _draw_maps(ax, array, count)
        _label(ax, layer.name, array.shape)
    return fig


def _run(model, batch, tensors):
    """The values of symbolic tensors of a model for a batch of one image, without the batch."""
    if not tensors:
        return []
    outputs = Model(model.inputs, tensors, name="feature_maps")(batch)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [np.asarray(output)[0] for output in outputs]


def _chosen(model, layers):
    found = [pair for pair in outputs_of_layers(model) if len(pair[1].shape) in (2, 4)]
    if layers is None:
        return found
    chosen = []
    for wanted in [layers] if isinstance(layers, (str, Layer)) else layers:
        pairs = [pair for pair in found if wanted in (pair[0], pair[0].name)]
        if not pairs:
            names = [layer.name for layer, _ in found]
            raise ValueError(f"There is no layer {wanted!r} to draw. The layers are: {names}.")
        chosen += pairs
    return chosen


def _draw_maps(ax, array, count):
    if array.ndim == 1:
        ax.imshow(array[None], cmap=MAPS, aspect="auto", interpolation="none")
    else:
        tiles = np.moveaxis(array[..., :count], -1, 0)
        blank = np.full((count - len(tiles), *tiles.shape[1:]), np.nan, tiles.dtype)
        # as wide with few channels as with many, so that the maps of all layers have one size
        array = mosaic(np.concatenate([tiles, blank]), count)
        ax.imshow(array, cmap=MAPS, interpolation="none")
    ax.set_axis_off()


def _label(ax, name, shape):
    ax.set_anchor("NW")
    text = f"{name}: {' x '.join(map(str, shape))}"
    ax.set_title(text, loc="left", fontsize=SMALL, pad=3, y=1)
