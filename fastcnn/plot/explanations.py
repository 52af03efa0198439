"""`grad_cam` and `saliency`: what in an image speaks for a class, by `fastcnn.gradients`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps

from fastcnn.layers.core import Dense
from fastcnn.layers.resizing import Resizing
from fastcnn.models.gradients import gradients
from fastcnn.models.model import Model
from fastcnn.plot.arguments import as_batch, as_probabilities, name_of
from fastcnn.plot.figures import SMALL, draw_image, new_axes
from fastcnn.plot.layers import outputs_of_layers

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from fastcnn.layers.base import Layer
    from fastcnn.plot.arguments import Names

HEAT = "inferno"
OPACITY = 0.6  # of the heat over the picture where it is largest


def grad_cam(
    model: Model,
    image: ArrayLike,
    layer: str | Layer | None = None,
    label: int | None = None,
    class_names: Names = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw an image and over it, as heat, where the features are that speak for a class.

    The heat is relu(sum over channels c of w[c] * features[h, w, c]), w[c] the mean over h and w of
    the score's gradient, enlarged to the image (Selvaraju et al. 2017, arXiv:1610.02391). The score
    is the input of a final softmax or sigmoid, whose own gradient vanishes where the model is sure.

    Args:
        model: a built model of one image, whose output is a score or probability for each class.
        image: (height, width) or (height, width, channels), bytes or floats, as for the model.
        layer: whose output the features are; None: the last one with images, but no pooling.
        label: the class; None: the predicted one.
        class_names: a list, or a dictionary {index: name}; None: indices.
        ax: the Axes to draw into.

    Returns:
        The axes. The second image in it is the colored heat, whose opacity grows with it; it is
        transparent if nothing speaks for the class.

    Raises:
        ValueError: not one image, an unknown layer or class, or a layer without images.
    """
    batch, picture = as_batch(model, image)
    label, title = _class_of(model, batch, label, class_names)
    found, tensor = _find_features(model, layer)
    features = np.asarray(Model(model.inputs, tensor, name="features")(batch))[0]
    weights = score_gradient(model, batch, label, found)[0].mean(axis=(0, 1))
    heat = np.maximum((features * weights).sum(axis=-1), 0)
    heat = heat / max(float(heat.max()), 1e-30)
    height, width = picture.shape[:2]
    resize = Resizing(height, width, name="heat")
    heat = np.asarray(resize(heat[None, :, :, None]))[0, :, :, 0].clip(0, 1)
    if ax is None:
        ax = new_axes(2.4, 2.6)
    draw_image(ax, picture)
    colored = colormaps[HEAT](heat)
    colored[..., 3] = OPACITY * heat  # not `alpha`, which SVG files ignore
    ax.imshow(colored, interpolation="none")
    ax.set_title(title, fontsize=SMALL, y=1)
    return ax


def saliency(
    model: Model,
    image: ArrayLike,
    label: int | None = None,
    class_names: Names = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw on which pixels the score of a class depends the most: bright ones.

    The value of a pixel is the largest absolute gradient of its channels (Simonyan et al. 2013,
    arXiv:1312.6034). Score and arguments are those of `grad_cam`.

    Returns:
        The axes. The image in it holds the absolute gradients.
    """
    batch, _ = as_batch(model, image)
    label, title = _class_of(model, batch, label, class_names)
    values = np.abs(score_gradient(model, batch, label)[0]).max(axis=-1)
    if ax is None:
        ax = new_axes(2.4, 2.6)
    top = max(float(values.max()), 1e-30)
    ax.imshow(values, cmap=HEAT, vmin=0, vmax=top, interpolation="none")
    ax.set_axis_off()
    ax.set_title(title, fontsize=SMALL, y=1)
    return ax


def score_gradient(model: Model, batch: NDArray, label: int, wrt: Layer | None = None) -> NDArray:
    """The gradient of a class's score, before a final softmax or sigmoid, as `gradients` gives it.

    With one unit for two classes, the score of class 0 is that of class 1 with the other sign.
    """
    units = int(model.outputs[0].shape[-1] or 1)
    sign = 1.0
    if units == 1:
        sign, label = (1.0 if label == 1 else -1.0), 0
    last, of = _before_activation(model, label)
    if of is None:
        of = np.zeros((1, units), np.float32)
        of[0, label] = 1
    if last is not model.outputs[0]:
        model = Model(model.inputs, last, name="scores")
    return np.asarray(gradients(model, batch, of=(sign * of).astype(model.dtype), wrt=wrt))


def _before_activation(model, label):
    """(the symbolic tensor of the scores or what a dense layer makes them from, its weights)."""
    tensor = model.outputs[0]
    node = tensor.node
    activation = getattr(getattr(node.layer, "activation", None), "name", None)
    if activation not in ("softmax", "sigmoid") or len(node.tensors) != 1:
        return tensor, None
    if isinstance(node.layer, Dense) and len(node.tensors[0].shape) == 2:
        return node.tensors[0], np.array(node.layer.kernel.value)[None, :, label]
    if node.layer.sole_activation is not None:
        return node.tensors[0], None
    return tensor, None


def _class_of(model, batch, label, class_names):
    """(the class, a title with its name and probability)."""
    shapes = [tuple(tensor.shape) for tensor in model.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ValueError(
            f"The model must have one output (n, classes). Received one with outputs {shapes}."
        )
    scores = np.asarray(model(batch))
    classes = max(scores.shape[1], 2)
    try:
        probabilities = as_probabilities(scores)[0]
    except ValueError:  # scores, not probabilities
        probabilities = None
        if scores.shape[1] == 1:
            scores = np.concatenate([-scores, scores], axis=1)
    if label is None:
        label = int((scores[0] if probabilities is None else probabilities).argmax())
    if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
        raise ValueError(f"`label` must be the index of a class. Received label={label!r}.")
    if not 0 <= label < classes:
        raise ValueError(f"`label` must be in [0, {classes}). Received label={label}.")
    title = name_of(label, class_names)
    if probabilities is not None:
        title += f" {100 * probabilities[label]:.0f} %"
    return int(label), title


def _find_features(model, layer):
    """(the layer that is asked for, or the last one with images, its symbolic output)."""
    found = outputs_of_layers(model)
    images = [pair for pair in found if len(pair[1].shape) == 4]
    if layer is not None:
        named = [pair for pair in images if layer in (pair[0], pair[0].name)]
        if len(named) == 1:
            return named[0]
        names = [one.name for one, _ in images]
        problem = "is used several times" if named else "is not a layer with images"
        raise ValueError(f"layer={layer!r} {problem}. Those with images are: {names}.")
    wide = [pair for pair in images if not _is_pooling(pair[0]) and _has_positions(pair[1])]
    if not wide:
        raise ValueError(f"The model {model.name!r} has no layer with images.")
    return wide[-1]


def _has_positions(tensor):
    return any(size is None or size > 1 for size in tensor.shape[1:3])


def _is_pooling(layer: Any) -> bool:
    return "Pooling" in type(layer).__name__
