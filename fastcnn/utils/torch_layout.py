"""In which order PyTorch has the features that a layer with weights reads.

PyTorch's images are channels-first, those of this package channels-last. Layers that keep the axes
of an image, such as convolutions and pools, are not affected. A Flatten is: its features come in
another order, and the weights of the next layers must follow it. Where the counterpart of a layer
is not obvious (does the PyTorch module permute its input for a `Permute`, or is the `Permute` only
there because the layouts differ?), an error is better than a guess.
"""

import numpy as np

# Images that arrive channels-first, as in PyTorch: no problem for layers that take images.
AT_INPUT = "Permute of the input"


def layouts(leaves, shape):
    """The layers with weights, and the order of the features they read.

    Args:
        leaves: a model's layers in the order they run.
        shape: the model's input shape.

    Returns:
        A list of (layer, order). `order` is None if PyTorch has the features in the same order,
        otherwise the index of each of PyTorch's features in this package's order.

    Raises:
        ValueError: the order is not known, or a layer acts on another axis in PyTorch.
    """
    found = {}
    order = None
    cause = None  # what makes the order unknown
    for layer in leaves:
        kind, before = type(layer).__name__, tuple(shape)
        shape = layer.compute_output_shape(before)
        if cause is None:
            order, cause = _after(layer, kind, before, tuple(shape), order)
            if cause == AT_INPUT and found:
                cause = "Permute of images"
        elif cause == AT_INPUT and kind in ("Flatten", "Permute", "Reshape"):
            cause = f"{kind} after a Permute"
        if not layer.weights:
            continue
        if cause == AT_INPUT and len(before) == 4:
            cause = None
        what = f"the features before {layer.name!r}"
        if cause is not None:
            raise _unknown(what, cause)
        _check_axis(layer, kind, before)
        if not np.array_equal(found.setdefault(layer, order), order):
            raise _unknown(what, "shared layer behind different layers")
        if kind == "Dense":
            order = None
    if found and order is not None:
        cause = "Flatten without a Dense after it"
    if found and cause is not None:
        raise _unknown("the model's outputs", cause)
    return list(found.items())


def _unknown(what, cause):
    return ValueError(f"PyTorch orders {what} differently: a {cause} cannot be converted.")


def _after(layer, kind, before, after, order):
    """(order, cause) after a layer; only layers that change the order change them."""
    if kind == "Permute" and len(before) > 3 and layer.dims != tuple(range(1, len(before))):
        return None, AT_INPUT if layer.dims == (2, 3, 1) else "Permute of images"
    if kind == "RepeatVector" and order is not None:
        return None, "RepeatVector after a Flatten"
    if kind not in ("Flatten", "Reshape") or before[1:] == after[1:]:
        return order, None
    if order is not None:
        return None, f"{kind} after a Flatten"
    if None in before[1:]:
        return None, f"{kind} of an unknown size"
    if len(before) == 4 and len(after) == 2:
        return _channels_first(before), None
    if any(len(shape) > 3 and _channels_first(shape) is not None for shape in (before, after)):
        return None, f"{kind} of images"
    return None, None


def _channels_first(shape):
    """The index of each feature of a channels-first sample in a channels-last one, in order.

    None if the order is the same.
    """
    order = np.moveaxis(np.arange(np.prod(shape[1:])).reshape(shape[1:]), -1, 0).ravel()
    return None if (np.diff(order) == 1).all() else order


def _check_axis(layer, kind, shape):
    """Raise ValueError if PyTorch's counterpart of a layer acts on another axis."""
    rank = len(shape)
    channels = 1 if rank == 3 else rank - 1  # the axis that PyTorch's normalization acts on
    if kind == "Dense" and rank > 3:
        what = "PyTorch's Linear acts on the last axis, which in images is the width"
    elif kind == "BatchNormalization" and layer.axis % rank != channels:
        what = f"PyTorch's batch normalization acts on the channels, not on axis {layer.axis}"
    elif kind == "PReLU" and rank == 3 and layer.alpha.size > 1:
        what = "PyTorch's PReLU acts on the first axis of a sample"
    else:
        return
    raise ValueError(f"{what}: {layer.name!r} with inputs of shape {shape} cannot be converted.")
