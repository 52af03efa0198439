"""Weights to and from PyTorch state dictionaries, without requiring PyTorch.

    state = keras.utils.to_torch_state_dict(model)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})

    keras.utils.from_torch_state_dict(model, net.state_dict())

    layer               fastcnn                                 PyTorch
    Conv2D              kernel (height, width, in, out)         weight (out, in, height, width)
    DepthwiseConv2D     kernel (height, width, in, multiplier)  weight (in * multiplier, 1, ...)
    Conv2DTranspose     kernel (height, width, out, in)         weight (in, out, height, width)
    SeparableConv2D     depthwise_kernel, pointwise_kernel      depthwise.weight, pointwise.weight
    Dense               kernel (in, out)                        weight (out, in)
    BatchNormalization  gamma, beta, moving_mean, ...           weight, bias, running_mean, ...
    PReLU               alpha (1, 1, channels)                  weight (channels,)

The 1D layers have one axis less. PyTorch's images and sequences are channels-first, so its Flatten
orders the features differently: the weights of the layers after a Flatten are reordered (see
`torch_layout`). The name of a weight is the layer's
name, a dot and the name above; `names` overrides the layer names. A layer that is called several
times has one set of weights in both packages.
"""

import numpy as np

from fastcnn.utils.torch_layout import layouts

COUNTER = "num_batches_tracked"  # in PyTorch's batch normalization, without counterpart here


def to_torch_state_dict(model, names=None):
    """Return the weights of a built model in PyTorch's layout, with PyTorch's names.

    Args:
        model: a built model.
        names: {layer name: name of the PyTorch module}, or a list of module names in the order of
            the layers with weights (as in `summary`, nested models expanded), such as ["0", "3"]
            for a `torch.nn.Sequential`; by default the layer names.

    Returns:
        {name: array}; the arrays are new, float32 and C-contiguous.

    Raises:
        ValueError: a layer whose weights have no counterpart in PyTorch, or an order of features
            that cannot be inferred, such as that of a `Permute` before a Flatten.
    """
    state = {}
    for name, weight, forth, _ in _entries(model, names):
        state[name] = np.array(forth(weight.value), order="C")
        prefix, _, last = name.rpartition(".")
        if last == "running_var":
            state[f"{prefix}.{COUNTER}"] = np.zeros((), np.int64)
    return state


def from_torch_state_dict(model, state_dict, names=None):
    """Load a PyTorch module's weights into a built model; nothing is assigned unless all match.

    Args:
        model: a built model.
        state_dict: {name: array or tensor}, as returned by `module.state_dict()`.
        names: see `to_torch_state_dict`.

    Raises:
        ValueError: names or shapes do not match, or see `to_torch_state_dict`.
    """
    entries = list(_entries(model, names))
    wanted = [name for name, *_ in entries]
    missing = [name for name in wanted if name not in state_dict]
    unknown = [n for n in state_dict if n not in wanted and not n.endswith(f".{COUNTER}")]
    if missing or unknown:
        raise ValueError(
            f"The weights do not match this model. Missing: {missing[:4] or 'none'}. "
            f"Not in the model: {unknown[:4] or 'none'}."
        )
    values = []
    for name, weight, forth, back in entries:
        array = _as_array(state_dict[name])
        shape = forth(np.broadcast_to(np.zeros((), weight.dtype), weight.shape)).shape
        if array.shape != shape or array.dtype.kind not in "fiu":
            raise ValueError(
                f"{name!r} should have shape {shape}. Received shape {array.shape} and dtype "
                f"{array.dtype}."
            )
        values.append(back(array))
    for (_, weight, *_), value in zip(entries, values, strict=True):
        weight.assign(value)


def _as_array(tensor):
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        try:
            return tensor.numpy()
        except TypeError:  # NumPy has no bfloat16; float32 holds all its values
            return tensor.float().numpy()
    array = np.asarray(tensor)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _entries(model, names):
    """Yield (name in PyTorch, Variable, function to PyTorch's layout, inverse function)."""
    model._require_built("has no weights yet")
    orders = layouts(model.make_graph())
    found = [layer for layer in dict.fromkeys(model.leaves()) if layer in orders]
    prefixes = _prefixes([layer.name for layer in found], names)
    for layer, prefix in zip(found, prefixes, strict=True):
        kind = type(layer).__name__
        if kind not in LAYERS:
            raise ValueError(
                f"The weights of {layer.name!r} ({kind}) have no counterpart in PyTorch."
            )
        for name, weight, forth, back in LAYERS[kind](layer, orders[layer]):
            yield f"{prefix}.{name}", weight, forth, back


def _prefixes(own, names):
    """The names of the PyTorch modules of the layers with these names."""
    if isinstance(names, (list, tuple)):
        prefixes = list(names)
        fits = len(names) == len(own)
    else:
        prefixes = [(names or {}).get(name, name) for name in own]
        fits = set(names or ()) <= set(own)
    if not fits or len(set(prefixes)) < len(prefixes):
        raise ValueError(
            f"The argument `names` must have one name for each of {own}, all different. "
            f"Received names={names!r}."
        )
    return prefixes


def _axes(*axes):
    """(a transposition, its inverse)."""
    return (lambda w: w.transpose(axes)), (lambda w: w.transpose(np.argsort(axes)))


SAME = (lambda w: w, lambda w: w)


def _channels_outside(weight):
    """(the last two axes of a kernel first and swapped, the inverse)."""
    *window, inputs, outputs = range(len(weight.shape))
    return _axes(outputs, inputs, *window)


def _convolution(layer, order):
    yield ("weight", layer.kernel, *_channels_outside(layer.kernel))
    if layer.bias is not None:
        yield ("bias", layer.bias, *SAME)


def _depthwise(weight):
    *window, channels, multiplier = weight.shape
    axes = range(len(window))

    def forth(w):
        w = w.transpose(len(window), len(window) + 1, *axes)
        return w.reshape(channels * multiplier, 1, *window)

    def back(w):
        return np.moveaxis(w.reshape(channels, multiplier, *window), (0, 1), (-2, -1))

    return forth, back


def _depthwise_convolution(layer, order):
    kernel = layer.weights[0]
    yield ("weight", kernel, *_depthwise(kernel))
    if layer.bias is not None:
        yield ("bias", layer.bias, *SAME)


def _separable_convolution(layer, order):
    yield ("depthwise.weight", layer.depthwise_kernel, *_depthwise(layer.depthwise_kernel))
    yield ("pointwise.weight", layer.pointwise_kernel, *_channels_outside(layer.pointwise_kernel))
    if layer.bias is not None:
        yield ("pointwise.bias", layer.bias, *SAME)


def _reordered(order):
    """(reordering of the first axis to PyTorch's order, its inverse)."""
    if order is None:
        return SAME
    return (lambda w: w[order]), (lambda w: w[np.argsort(order)])


def _dense(layer, order):
    forth, back = _reordered(order)
    yield "weight", layer.kernel, (lambda w: forth(w).T), (lambda w: back(w.T))
    if layer.bias is not None:
        yield ("bias", layer.bias, *SAME)


def _batch_normalization(layer, order):
    names = {
        "weight": layer.gamma,
        "bias": layer.beta,
        "running_mean": layer.moving_mean,
        "running_var": layer.moving_variance,
    }
    for name, weight in names.items():
        if weight is not None:
            yield (name, weight, *_reordered(order))


def _prelu(layer, order):
    if layer.alpha.size != layer.alpha.shape[-1] or order is not None:
        raise ValueError(
            f"PyTorch has one value per channel where {layer.name!r} has shape "
            f"{layer.alpha.shape}: pass `shared_axes` to the layer."
        )
    shape = layer.alpha.shape
    yield "weight", layer.alpha, (lambda w: w.reshape(-1)), (lambda w: w.reshape(shape))


LAYERS = {
    "BatchNormalization": _batch_normalization,
    "Conv1D": _convolution,
    "Conv1DTranspose": _convolution,
    "Conv2D": _convolution,
    "Conv2DTranspose": _convolution,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise_convolution,
    "DepthwiseConv2D": _depthwise_convolution,
    "PReLU": _prelu,
    "SeparableConv1D": _separable_convolution,
    "SeparableConv2D": _separable_convolution,
}
