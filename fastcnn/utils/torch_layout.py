"""In which order PyTorch has the features that a layer with weights reads.

PyTorch's images are channels-first, those of this package channels-last. Layers that keep the axes
of an image, such as convolutions and pools, are not affected. A Flatten is: its features come in
another order, and the weights of the next layers must follow it. The same is true of sequences,
which are what 1D layers return; other values with three axes are the same in both packages. Where
the counterpart of a layer is not obvious (does the PyTorch module permute its input for a
`Permute`, or is the `Permute` only there because the layouts differ?), an error is better than a
guess.
"""

from typing import Any, NamedTuple

import numpy as np

# Images that arrive channels-first, as in PyTorch: no problem for layers that take images.
AT_INPUT = "Permute of the input"
ELEMENTWISE = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")


class Features(NamedTuple):
    """What is known about the order in which PyTorch has the features of a value.

    order: None if the order is the same, otherwise the index of each of PyTorch's features in this
        package's order.
    cause: None, or what makes the order unknown.
    is_computed: whether the value depends on weights.
    is_sequence: whether PyTorch has it with channels first, with three axes.
    is_reshaped: whether it got its three axes from a Reshape, in an unknown order if it is a
        sequence.
    """

    order: Any = None
    cause: str | None = None
    is_computed: bool = False
    is_sequence: bool = False
    is_reshaped: bool = False


def layouts(graph):
    """The layers with weights, and the order of the features they read (see `Features`).

    Args:
        graph: a model's `plan.graph.Graph`.

    Returns:
        {layer: order}

    Raises:
        ValueError: the order is not known, or a layer acts on another axis in PyTorch.
    """
    found = {}
    values = dict.fromkeys(graph.inputs, Features())
    for use in graph.uses:
        layer, kind = use.layer, type(use.layer).__name__
        features = _after(use, kind, [values[value] for value in use.reads])
        if layer.weights:
            if features.cause == AT_INPUT and len(use.input_shape) == 4:
                features = Features()
            what = f"the features before {layer.name!r}"
            if features.cause is not None:
                raise _unknown(what, features.cause)
            _check_axis(layer, kind, use.input_shape, features.is_sequence)
            order = features.order
            if not np.array_equal(found.setdefault(layer, order), order):
                raise _unknown(what, "shared layer behind different layers")
            order = None if kind == "Dense" else order
            features = features._replace(order=order, cause=None, is_computed=True)
        values[use.output] = features
    for features in (values[value] for value in graph.outputs):
        order, cause, *_ = features
        if order is not None:
            cause = "Flatten without a Dense after it"
        if found and cause is not None:
            raise _unknown("the model's outputs", cause)
    return found


def _unknown(what, cause):
    return ValueError(f"PyTorch orders {what} differently: a {cause} cannot be converted.")


def _after(use, kind, inputs):
    """The `Features` of a layer's output, for those of its inputs."""
    is_1d = kind.endswith(("1D", "1DTranspose"))
    was_sequence = any(features.is_sequence for features in inputs)
    was_reshaped = any(features.is_reshaped for features in inputs)
    if isinstance(use.inputs, tuple):
        order, cause = _merged(use.layer, kind, use.input_shape, inputs)
        if cause is None and was_sequence and _is_mixed(use.input_shape, inputs):
            cause = f"merge by {kind} of a sequence and another value"
    else:
        order, cause, is_computed, *_ = inputs[0]
        if cause is None:
            order, cause = _order_after(use, kind, order, was_sequence)
            if cause == AT_INPUT and is_computed:
                cause = "Permute of images"
            if cause is None and is_1d and was_reshaped:
                cause = "Reshape to a sequence"
        elif cause == AT_INPUT and kind in ("Flatten", "Permute", "Reshape"):
            cause = f"{kind} after a Permute"
    has_three_axes = len(use.output_shape) == 3
    moves = kind in ("Permute", "Reshape") and _channels_first(use.output_shape) is not None
    return Features(
        order,
        cause,
        is_computed=any(features.is_computed for features in inputs),
        is_sequence=has_three_axes and (is_1d or was_sequence),
        is_reshaped=has_three_axes and not is_1d and (was_reshaped or moves),
    )


def _is_mixed(shapes, inputs):
    """Whether a value with three axes is not a sequence, and its order matters."""
    return any(
        len(shape) == 3
        and not features.is_sequence
        and features.is_computed
        and _channels_first(shape) is not None
        for shape, features in zip(shapes, inputs, strict=True)
    )


def _order_after(use, kind, order, is_sequence):
    """(order, cause) after a layer; only layers that change the order change them."""
    before, after = tuple(use.input_shape), tuple(use.output_shape)
    if kind == "Permute" and is_sequence and use.layer.dims != (1, 2):
        return None, "Permute of sequences"
    if kind == "Permute" and len(before) > 3 and use.layer.dims != tuple(range(1, len(before))):
        return None, AT_INPUT if use.layer.dims == (2, 3, 1) else "Permute of images"
    if kind == "RepeatVector" and order is not None:
        return None, "RepeatVector after a Flatten"
    if kind not in ("Flatten", "Reshape") or before[1:] == after[1:]:
        return order, None
    if order is not None:
        return None, f"{kind} after a Flatten"
    if None in before[1:]:
        return None, f"{kind} of an unknown size"
    if (len(before) == 4 or is_sequence) and len(after) == 2:
        return _channels_first(before), None
    if is_sequence and _channels_first(before) is not None:
        return None, f"{kind} of sequences"
    if any(len(shape) > 3 and _channels_first(shape) is not None for shape in (before, after)):
        return None, f"{kind} of images"
    return None, None


def _merged(layer, kind, shapes, inputs):
    """(order, cause) after a layer with several inputs."""
    causes = {features.cause for features in inputs} - {None}
    ranks = {len(shape) for shape in shapes}
    if causes == {AT_INPUT} and ranks == {4} and any(f.cause is None for f in inputs):
        causes = set()  # the others show that PyTorch has images, too
    if causes:
        return None, min(causes - {AT_INPUT} or causes)
    orders = [features.order for features in inputs]
    if kind == "Concatenate":
        return _concatenated(orders, shapes), None
    if kind in ELEMENTWISE and not {3, 4} <= ranks:
        orders = [o for o, shape in zip(orders, shapes, strict=True) if shape[1:] != (1,)]
    elif kind != "Dot" or max(ranks) > 3:
        return None, f"merge by {kind} of inputs of shapes {shapes}"
    order = orders[0] if orders else None
    if not all(np.array_equal(order, other) for other in orders):
        return None, f"merge by {kind} of features in different orders"
    if len(ranks) > 1 and order is not None:
        return None, f"merge by {kind} of a Flatten and values with more axes"
    return None if kind == "Dot" else order, None


def _concatenated(orders, shapes):
    """The order of vectors side by side."""
    if all(order is None for order in orders):
        return None
    found, start = [], 0
    for order, (_, size) in zip(orders, shapes, strict=True):
        found.append(start + (np.arange(size) if order is None else order))
        start += size
    return np.concatenate(found)


def _channels_first(shape):
    """The index of each feature of a channels-first sample in a channels-last one, in order.

    None if the order is the same, or not known because a size is not.
    """
    if None in shape[1:]:
        return None
    order = np.moveaxis(np.arange(np.prod(shape[1:])).reshape(shape[1:]), -1, 0).ravel()
    return None if (np.diff(order) == 1).all() else order


def _check_axis(layer, kind, shape, is_sequence):
    """Raise ValueError if PyTorch's counterpart of a layer acts on another axis."""
    rank = len(shape)
    # the axis that PyTorch's normalization acts on
    channels = 1 if rank == 3 and not is_sequence else rank - 1
    if kind == "Dense" and (rank > 3 or is_sequence):
        last = "sequences is that of the steps" if is_sequence else "images is the width"
        what = f"PyTorch's Linear acts on the last axis, which in {last}"
    elif kind == "BatchNormalization" and layer.axis % rank != channels:
        what = f"PyTorch's batch normalization acts on the channels, not on axis {layer.axis}"
    elif kind == "PReLU" and rank == 3 and not is_sequence and layer.alpha.size > 1:
        what = "PyTorch's PReLU acts on the first axis of a sample"
    else:
        return
    raise ValueError(f"{what}: {layer.name!r} with inputs of shape {shape} cannot be converted.")
