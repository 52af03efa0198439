"""The ONNX nodes of each layer. `EXPORTERS` is the table; `onnx.Graph` collects the nodes.

Each function takes the graph and the layer, and leaves the layer's output as `graph.tensor`.
"""

import math
from collections.abc import Callable

import numpy as np

from fastcnn import config, layers
from fastcnn.kernels import shapes
from fastcnn.kernels.reference.curves import SELU_ALPHA, SELU_SCALE
from fastcnn.layers.adaptive_pooling import Windows
from fastcnn.layers.resampling import resize_matrix

EXPORTERS: dict[type, Callable] = {}


def exports(*names):
    """Decorator: the function exports the layer classes with these names, as far as they exist."""

    def add(function):
        for name in names:
            if hasattr(layers, name):
                EXPORTERS[getattr(layers, name)] = function
        return function

    return add


def add_layer(graph, layer):
    """Add the nodes of a layer.

    Raises:
        ValueError: the layer cannot be exported to ONNX.
    """
    function = EXPORTERS.get(type(layer))
    if function is None:
        raise ValueError(
            f"The layer {layer.name!r} of type {type(layer).__name__} cannot be exported to ONNX."
        )
    function(graph, layer)


# ------------------------------------------------------------------------------------ activations


def add_activation(graph, activation):
    """Add the nodes of an `ActivationFunction`."""
    kind = type(activation).name
    x = graph.tensor
    if kind == "linear":
        return
    if kind in SIMPLE:
        graph.then(SIMPLE[kind])
    elif kind in OVER_AXIS and isinstance(activation.axis, int):
        graph.to_channels_last()
        graph.then(OVER_AXIS[kind], axis=activation.axis)
    elif kind == "softmax":
        graph.to_channels_last()
        _softmax_over_axes(graph, activation.axis)
    elif kind in FORMULAS:
        graph.tensor = FORMULAS[kind](graph.op, x, activation)
    else:
        raise ValueError(f"The activation {activation.name!r} cannot be exported to ONNX.")


SIMPLE = {
    "exponential": "Exp",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
OVER_AXIS = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}


def reduce(graph, kind, x, axes):
    """Add a node of `kind`, ReduceMax, ReduceMin or ReduceMean; return the name of its output."""
    if graph.opset < 18:
        return graph.op(kind, x, axes=list(axes))
    return graph.op(kind, x, np.array(axes, np.int64))


def _softmax_over_axes(graph, axes):
    axes = np.array(axes, np.int64)
    most = reduce(graph, "ReduceMax", graph.tensor, axes.tolist())
    powers = graph.op("Exp", graph.op("Sub", graph.tensor, most))
    graph.tensor = graph.op("Div", powers, graph.op("ReduceSum", powers, axes))


def _relu(op, x, activation):
    if not activation.parameters:
        return op("Relu", x)
    if activation.threshold == activation.slope == 0:
        return op("Clip", x, 0.0, float(activation.most))
    upper = x if activation.most is None else op("Min", x, float(activation.most))
    lower = op("Mul", op("Sub", x, float(activation.threshold)), float(activation.slope))
    return op("Where", op("LessOrEqual", x, float(activation.threshold)), lower, upper)


def _gelu(op, x, activation):
    if activation.approximate:
        cubic = op("Mul", op("Mul", op("Mul", x, x), x), 0.044715)
        gate = op("Tanh", op("Mul", op("Add", x, cubic), math.sqrt(2 / math.pi)))
    else:
        gate = op("Erf", op("Mul", x, math.sqrt(0.5)))
    return op("Mul", op("Mul", x, 0.5), op("Add", gate, 1.0))


def _between(op, x, low, high):
    return op("Clip", x, float(low), float(high))


def _hard_sigmoid(op, x):
    return _between(op, op("Add", op("Mul", x, 1 / 6), 0.5), 0, 1)


def _sparse_plus(op, x, activation):
    root = op("Add", op("Max", x, -1.0), 1.0)
    return op("Where", op("Less", x, 1.0), op("Mul", op("Mul", root, root), 0.25), x)


def _squareplus(op, x, activation):
    root = op("Sqrt", op("Add", op("Mul", x, x), float(activation.b)))
    return op("Mul", op("Add", x, root), 0.5)


def _hard_shrink(op, x, activation):
    inside = op("LessOrEqual", op("Abs", x), float(activation.threshold))
    return op("Where", inside, 0.0, x)


FORMULAS = {
    "celu": lambda op, x, a: op("Celu", x, alpha=float(a.alpha)),
    "elu": lambda op, x, a: op("Elu", x, alpha=float(a.settings["alpha"])),
    "gelu": _gelu,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": lambda op, x, a: _hard_sigmoid(op, x),
    "hard_silu": lambda op, x, a: op("Mul", x, _hard_sigmoid(op, x)),
    "hard_tanh": lambda op, x, a: _between(op, x, -1, 1),
    "leaky_relu": lambda op, x, a: op("LeakyRelu", x, alpha=float(a.slope)),
    "log_sigmoid": lambda op, x, a: op("Neg", op("Softplus", op("Neg", x))),
    "mish": lambda op, x, a: op("Mul", x, op("Tanh", op("Softplus", x))),
    "relu": _relu,
    "relu6": lambda op, x, a: _between(op, x, 0, 6),
    "selu": lambda op, x, a: op("Selu", x, alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "silu": lambda op, x, a: op("Mul", x, op("Sigmoid", x)),
    "soft_shrink": lambda op, x, a: op("Sub", x, _between(op, x, -a.threshold, a.threshold)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda op, x, a: _between(op, op("Mul", op("Add", x, 1.0), 0.5), 0, 1),
    "squareplus": _squareplus,
    "tanh_shrink": lambda op, x, a: op("Sub", x, op("Tanh", x)),
}


@exports("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax")
def _activation(graph, layer):
    add_activation(graph, layer.activation)


@exports("PReLU")
def _prelu(graph, layer):
    graph.to_channels_last()
    graph.then("PRelu", layer.alpha.value)


# ---------------------------------------------------------------------------------- convolutions


def pads(layer, window, dilation=None):
    """ONNX's attributes for a layer's padding: [before, ..., after, ...] where it is known.

    Raises:
        ValueError: it depends on an unknown image size, and runtimes compute it in another way.
    """
    if layer.padding == "valid":
        return {}
    dilation = dilation or (1,) * len(window)
    axes = list(zip(layer.input_shape[1:-1], window, layer.strides, dilation, strict=True))
    known = [_pads_of_axis(layer.padding, *axis) for axis in axes]
    if None not in known:
        return {"pads": [*(before for before, _ in known), *(after for _, after in known)]}
    for _, length, stride, spread in axes:
        if spread > 1 or length < stride:
            raise ValueError(
                f"The layer {layer.name!r} needs a fixed image size to be exported: with padding "
                '"same", runtimes do not support dilation or windows smaller than their stride.'
            )
    return {"auto_pad": "SAME_UPPER"}  # the odd extra pixel goes to the bottom and right


def _pads_of_axis(padding, size, window, stride, dilation):
    """(before, after) on one axis; None if they depend on an unknown size."""
    if padding == "same" and size is None and window > 1 and stride > 1:
        return None
    return shapes.resolve_padding(padding, size or 1, window, stride, dilation)


def channels_outside(kernel):
    """A kernel (height, width, in, out), or (steps, in, out), with its last two axes first."""
    *window, inputs, outputs = range(kernel.ndim)
    return kernel.transpose(outputs, inputs, *window)


def convolve(graph, layer, kernel, bias, window, strides=None, groups=1, **settings):
    """Add a Conv node; the kernel is in ONNX's layout (out, in / groups, height, width)."""
    graph.to_channels_first(kernel.ndim)
    graph.then(
        "Conv",
        kernel,
        *([] if bias is None else [bias]),
        kernel_shape=window,
        strides=layer.strides if strides is None else strides,
        group=groups,
        **settings,
    )


def bias_of(layer):
    """The values of a layer's bias, or None."""
    return None if layer.bias is None else layer.bias.value


@exports("Conv2D", "Conv1D")
def _convolution(graph, layer):
    kernel = channels_outside(layer.kernel.value)
    padding = pads(layer, layer.kernel_size, layer.dilation_rate)
    convolve(
        graph,
        layer,
        kernel,
        bias_of(layer),
        layer.kernel_size,
        groups=layer.groups,
        dilations=layer.dilation_rate,
        **padding,
    )
    add_activation(graph, layer.activation)


def depthwise(graph, layer, kernel, bias):
    """Add the depthwise convolution of a depthwise or separable layer."""
    *window, channels, multiplier = kernel.shape
    kernel = channels_outside(kernel).swapaxes(0, 1).reshape(channels * multiplier, 1, *window)
    convolve(
        graph,
        layer,
        kernel,
        bias,
        window,
        groups=channels,
        dilations=layer.dilation_rate,
        **pads(layer, window, layer.dilation_rate),
    )


@exports("DepthwiseConv2D", "DepthwiseConv1D")
def _depthwise_convolution(graph, layer):
    kernel = getattr(layer, "depthwise_kernel", None) or layer.kernel
    depthwise(graph, layer, kernel.value, bias_of(layer))
    add_activation(graph, layer.activation)


@exports("SeparableConv2D", "SeparableConv1D")
def _separable_convolution(graph, layer):
    depthwise(graph, layer, layer.depthwise_kernel.value, None)
    kernel = channels_outside(layer.pointwise_kernel.value)
    one = (1,) * layer.rank
    convolve(graph, layer, kernel, bias_of(layer), one, strides=one)
    add_activation(graph, layer.activation)


@exports("Conv2DTranspose", "Conv1DTranspose")
def _transposed_convolution(graph, layer):
    _require_fixed_size(layer)
    begin, end, more = [], [], []
    sizes = zip(layer.input_shape[1:-1], layer.output_shape[1:-1], strict=True)
    for axis, (size, wanted) in enumerate(sizes):
        window = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        rest = (size - 1) * layer.strides[axis] + window - wanted
        before, after, extra = transpose_pads(layer, rest)
        begin.append(before)
        end.append(after)
        more.append(extra)
    graph.to_channels_first(layer.kernel.value.ndim)
    bias = bias_of(layer)
    graph.then(
        "ConvTranspose",
        channels_outside(layer.kernel.value),
        *([] if bias is None else [bias]),
        kernel_shape=layer.kernel_size,
        strides=layer.strides,
        dilations=layer.dilation_rate,
        pads=[*begin, *end],
        output_padding=more,
    )
    add_activation(graph, layer.activation)


def transpose_pads(layer, rest):
    """(cropped before, cropped after, added after) for an axis that is `rest` pixels too long."""
    if rest <= 0:
        return 0, 0, -rest
    return rest // 2, rest - rest // 2, 0


# ------------------------------------------------------------------------------ pooling and shapes


@exports("MaxPooling2D", "AveragePooling2D", "MaxPooling1D", "AveragePooling1D")
def _pool(graph, layer):
    kind = "MaxPool" if layer.is_max_pool else "AveragePool"
    graph.to_channels_first(layer.rank + 2)
    padding = pads(layer, layer.pool_size)
    graph.then(kind, kernel_shape=layer.pool_size, strides=layer.strides, **padding)


@exports("GlobalAveragePooling2D", "GlobalAveragePooling1D")
def _global_average_pool(graph, layer):
    _global_pool(graph, layer, "GlobalAveragePool")


@exports("GlobalMaxPooling2D", "GlobalMaxPooling1D")
def _global_max_pool(graph, layer):
    _global_pool(graph, layer, "GlobalMaxPool")


def _global_pool(graph, layer, kind):
    graph.to_channels_first(layer.rank + 2)
    graph.then(kind)
    if layer.keepdims:
        return
    graph.then("Flatten", axis=1)
    graph.channels_first = 0


@exports("AdaptiveAveragePooling2D", "AdaptiveAveragePooling1D")
def _adaptive_average_pool(graph, layer):
    _adaptive_pool(graph, layer, "AveragePool")


@exports("AdaptiveMaxPooling2D", "AdaptiveMaxPooling1D")
def _adaptive_max_pool(graph, layer):
    _adaptive_pool(graph, layer, "MaxPool")


def _adaptive_pool(graph, layer, kind):
    """All windows of each of the two sizes, then those that are wanted."""
    for axis, size, count in _pooled_axes(graph, layer):
        windows = Windows(size, count)
        lengths = windows.end - windows.first
        pooled, wanted, offset = [], windows.first.copy(), 0
        for length in np.unique(lengths).tolist():
            shape = [length if other == axis else 1 for other in range(2, layer.rank + 2)]
            pooled.append(graph.op(kind, graph.tensor, kernel_shape=shape))
            wanted[lengths == length] += offset
            offset += size - length + 1
        graph.tensor = graph.op("Concat", *pooled, axis=axis) if len(pooled) > 1 else pooled[0]
        graph.then("Gather", wanted, axis=axis)


def _pooled_axes(graph, layer):
    """[(axis, size, output size)] of the axes whose size changes, of channels-first input."""
    _require_fixed_size(layer)
    graph.to_channels_first(layer.rank + 2)
    sizes = zip(layer.input_shape[1:-1], layer.output_size, strict=True)
    return [(axis, *pair) for axis, pair in enumerate(sizes, 2) if pair[0] != pair[1]]


@exports("Flatten")
def _flatten(graph, layer):
    graph.to_channels_last()
    graph.then("Flatten", axis=1)


@exports("Reshape")
def _reshape(graph, layer):
    graph.to_channels_last()
    sizes = [-1 if size is None else size for size in layer.output_shape[1:]]
    graph.then("Reshape", np.array([0, *sizes], np.int64))


@exports("ZeroPadding2D", "ZeroPadding1D")
def _zero_padding(graph, layer):
    graph.to_channels_last()
    before, after = zip(*layer.frame, strict=True)
    graph.then("Pad", np.array([0, *before, 0, 0, *after, 0], np.int64), 0.0)


@exports("Cropping2D", "Cropping1D")
def _cropping(graph, layer):
    graph.to_channels_last()
    before, after = zip(*layer.frame, strict=True)
    ends = [-size if size else np.iinfo(np.int64).max for size in after]
    axes = np.arange(1, 1 + len(before))
    graph.then("Slice", np.array(before), np.array(ends), axes)


@exports("Permute")
def _permute(graph, layer):
    graph.to_channels_last()
    graph.then("Transpose", perm=[0, *layer.dims])


@exports("RepeatVector")
def _repeat_vector(graph, layer):
    graph.then("Unsqueeze", np.array([1], np.int64))
    graph.then("Tile", np.array([1, layer.n, 1], np.int64))


# --------------------------------------------------------------------------------------- resizing


RESIZING = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear"},
}


def resize(graph, layer, scales, size=(None, None), new_size=(None, None)):
    """Add a Resize node for integer scales, otherwise two matrix products.

    The products support every interpolation, and their output size does not depend on how a runtime
    rounds.
    """
    graph.to_channels_first(len(layer.input_shape))
    settings = RESIZING.get(layer.interpolation)
    antialias = getattr(layer, "antialias", False)
    if settings is None or antialias or any(scale % 1 for scale in scales):
        _require_fixed_size(layer)
        rows, columns = (
            resize_matrix(old, new, layer.interpolation, antialias)
            for old, new in zip(size, new_size, strict=True)
        )
        graph.tensor = graph.op("MatMul", rows, graph.op("MatMul", graph.tensor, columns.T))
    else:
        scales = np.array([1, 1, *scales], np.float32)
        how = "half_pixel"
        graph.then("Resize", None, scales, coordinate_transformation_mode=how, **settings)


def _require_fixed_size(layer):
    if None in layer.input_shape[1:-1]:
        raise ValueError(f"The layer {layer.name!r} needs a fixed image size to be exported.")


@exports("UpSampling2D", "UpSampling1D")
def _up_sampling(graph, layer):
    resize(graph, layer, layer.factors, layer.input_shape[1:-1], layer.output_shape[1:-1])


@exports("Resizing", "CenterCrop", "RandomCrop")
def _cut(graph, layer):
    _require_fixed_size(layer)
    image, new_size = layer.input_shape[1:3], layer.output_shape[1:3]
    top, left, height, width = layer.window(*image)
    graph.to_channels_last()
    if (height, width) > image:
        pads = np.array([0, -top, -left, 0] * 2, np.int64)
        graph.then("Pad", pads, layer.fill_value)
    elif (height, width) < image:
        ends = np.array([top + height, left + width])
        graph.then("Slice", np.array([top, left]), ends, np.array([1, 2]))
    if (height, width) != new_size:
        scales = new_size[0] / height, new_size[1] / width
        resize(graph, layer, scales, (height, width), new_size)


# ----------------------------------------------------------------------------------------- others


@exports("Dense")
def _dense(graph, layer):
    graph.to_channels_last()
    bias = bias_of(layer)
    if len(layer.input_shape) == 2:
        graph.then("Gemm", layer.kernel.value, *([] if bias is None else [bias]))
    else:
        graph.then("MatMul", layer.kernel.value)
        if bias is not None:
            graph.then("Add", bias)
    add_activation(graph, layer.activation)


@exports("BatchNormalization")
def _batch_normalization(graph, layer):
    rank = len(layer.input_shape)
    axis = layer.axis % rank
    if axis == rank - 1 and rank in (2, 3, 4):
        if rank > 2:
            graph.to_channels_first(rank)
        mean, variance = layer.moving_mean.value, layer.moving_variance.value
        gamma = np.ones_like(mean) if layer.gamma is None else layer.gamma.value
        beta = np.zeros_like(mean) if layer.beta is None else layer.beta.value
        graph.then("BatchNormalization", gamma, beta, mean, variance, epsilon=layer.epsilon)
        return
    graph.to_channels_last()
    shape = [-1 if index == axis else 1 for index in range(rank)]
    factor, offset = layer.as_affine()
    graph.then("Mul", factor.reshape(shape))
    graph.then("Add", offset.reshape(shape))


@exports("RMSNormalization")
def _rms_normalization(graph, layer):
    _divide_by_rms(graph, layer, layer.scale)


def _divide_by_rms(graph, layer, weight, centered=False):
    """Add the nodes of `RootMeanSquare`."""
    graph.to_channels_last()
    x, axes = graph.tensor, layer.axes(layer.input_shape)
    deviation = graph.op("Sub", x, reduce(graph, "ReduceMean", x, axes)) if centered else x
    variance = reduce(graph, "ReduceMean", graph.op("Mul", deviation, deviation), axes)
    graph.then("Div", graph.op("Sqrt", graph.op("Add", variance, float(layer.epsilon))))
    sizes = enumerate(layer.input_shape)
    graph.then("Mul", weight.value.reshape([size if axis in axes else 1 for axis, size in sizes]))


@exports("LayerNormalization")
def _layer_normalization(graph, layer):
    if layer.rms_scaling:
        _divide_by_rms(graph, layer, layer.gamma, centered=True)
        return
    axes, rank = layer.axes(layer.input_shape), len(layer.input_shape)
    if axes != tuple(range(rank - len(axes), rank)):
        raise ValueError(
            f"The layer {layer.name!r} cannot be exported to ONNX, where `axis` must be the last "
            f"axes. Received axis={layer.axis}."
        )
    graph.to_channels_last()
    shape = [layer.input_shape[axis] for axis in axes]
    scale = np.ones(shape, np.float32) if layer.gamma is None else layer.gamma.value.reshape(shape)
    bias = [] if layer.beta is None else [layer.beta.value.reshape(shape)]
    graph.then("LayerNormalization", scale, *bias, axis=axes[0], epsilon=layer.epsilon)


@exports("GroupNormalization")
def _group_normalization(graph, layer):
    """InstanceNormalization of (n, groups, all elements of a group): channels have to be first."""
    rank = len(layer.input_shape)
    axis = layer.axis % rank
    order = [0, axis, *(other for other in range(1, rank) if other != axis)]
    is_image = rank == 4 and axis == 3
    if is_image:
        graph.to_channels_first()
    else:
        graph.to_channels_last()
        graph.then("Transpose", perm=order)
    shape = graph.op("Shape", graph.tensor)
    graph.then("Reshape", np.array([0, layer.groups, -1], np.int64))
    ones, zeros = np.ones(layer.groups, np.float32), np.zeros(layer.groups, np.float32)
    graph.then("InstanceNormalization", ones, zeros, epsilon=layer.epsilon)
    graph.then("Reshape", shape)
    for kind, weight in (("Mul", layer.gamma), ("Add", layer.beta)):
        if weight is not None:
            graph.then(kind, weight.value.reshape(-1, *[1] * (rank - 2)))
    if not is_image:
        graph.then("Transpose", perm=np.argsort(order).tolist())


@exports("UnitNormalization")
def _unit_normalization(graph, layer):
    graph.to_channels_last()
    axes = layer.axes(layer.input_shape)
    graph.tensor = unit_length(graph, graph.tensor, axes, 1 / layer.LARGEST)


def unit_length(graph, x, axes, least):
    """The tensor x divided by its length along `axes`, which counts as at least `least`."""
    squares = graph.op("ReduceSum", graph.op("Mul", x, x), np.array(axes, np.int64))
    return graph.op("Div", x, graph.op("Max", graph.op("Sqrt", squares), least))


@exports("SpectralNormalization")
def _spectral_normalization(graph, layer):
    layer.layer.build_once(layer.input_shape)
    add_layer(graph, layer.layer)


@exports("Rescaling")
def _rescaling(graph, layer):
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        graph.to_channels_last()
    graph.then("Mul", np.asarray(layer.scale, np.float32))
    if np.any(layer.offset):
        graph.then("Add", np.asarray(layer.offset, np.float32))


@exports("Pipeline")
def _pipeline(graph, layer):
    for part in layer.layers:
        add_layer(graph, part)


@exports("AutoContrast")
def _auto_contrast(graph, layer):
    graph.to_channels_last()
    x, op = graph.tensor, graph.op
    low, high = layer.value_range
    ends = [reduce(graph, kind, x, [1, 2]) for kind in ("ReduceMin", "ReduceMax")]
    share = op("Div", op("Sub", x, ends[0]), op("Sub", *reversed(ends)))
    stretched = op("Add", op("Mul", share, np.float32(high - low)), np.float32(low))
    graph.tensor = op("Where", op("Equal", *ends), x, stretched)


@exports("Normalization")
def _normalization(graph, layer):
    graph.to_channels_last()
    mean = np.reshape(layer.mean, layer._against)
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance)), config.epsilon())
    deviation = deviation.reshape(layer._against)
    if layer.invert:
        graph.then("Mul", deviation)
        graph.then("Add", mean)
    else:
        graph.then("Sub", mean)
        graph.then("Div", deviation)


@exports(
    "ActivityRegularization",
    "Identity",
    "InputLayer",
    "Dropout",
    "AlphaDropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "RandomFlip",
    "RandomTranslation",
    "RandomRotation",
    "RandomZoom",
    "RandomContrast",
    "RandomErasing",
    "RandomBrightness",
    "AugMix",
    "CutMix",
    "Equalization",
    "MixUp",
    "RandAugment",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "Solarization",
    "GaussianNoise",
    "GaussianDropout",
)
def _nothing(graph, layer):
    """Layers that are the identity outside of training."""
