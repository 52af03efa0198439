"""Grids of arguments of each layer, as rows of layer_cases.py that only the Keras oracle uses.

Their names are keys of the recorded results, and their data follow from them.
"""

import itertools

ACTIVATIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
)


def _join(values):
    words = [f"{k}={v}" for k, v in values.items()]
    return ", ".join(words).replace("'", "")


def _grid(layer, shape, *axes, **fixed):
    """Every combination of `axes`, each a list of dictionaries of arguments."""
    for parts in itertools.product(*axes):
        arguments = dict(fixed)
        for part in parts:
            arguments.update(part)
        yield f"{layer}({_join(arguments)}) {shape}", layer, arguments, shape


def _values(name, *values):
    return [{name: value} for value in values]


def rows():
    """(name, layer's class name, arguments, shape) of every combination."""
    padding = _values("padding", "valid", "same")
    kernels = _values("kernel_size", 1, 2, 3, [2, 3], 5)
    windows = [{"strides": 2}, {"strides": [1, 2]}, {"dilation_rate": 2}]
    plain = {"use_bias": False, "activation": "tanh"}
    yield from _grid("Conv2D", (7, 6, 2), kernels, padding, filters=3)
    yield from _grid("Conv2D", (8, 7, 2), windows, padding, filters=3, kernel_size=3)
    yield from _grid(
        "Conv2D", (5, 5, 4), _values("groups", 2, 4), padding, filters=4, kernel_size=3
    )
    yield from _grid("Conv2D", (5, 5, 3), _values("groups", 3), filters=6, kernel_size=2, strides=2)
    for activation in ("relu", "elu", "softmax", "gelu"):
        yield from _grid("Conv2D", (4, 4, 2), filters=3, kernel_size=2, activation=activation)
    yield from _grid("Conv2D", (4, 4, 2), filters=3, kernel_size=2, **plain)

    depth = _values("depth_multiplier", 1, 2)
    square = [{"strides": 2}, {"dilation_rate": 2}]  # all that TensorFlow can do
    yield from _grid(
        "DepthwiseConv2D", (7, 6, 3), _values("kernel_size", 2, [3, 2]), padding, depth
    )
    yield from _grid("DepthwiseConv2D", (8, 7, 2), square, padding, depth, kernel_size=3)
    yield from _grid("DepthwiseConv2D", (4, 4, 2), kernel_size=2, **plain)
    yield from _grid("SeparableConv2D", (6, 5, 3), padding, depth, filters=4, kernel_size=3)
    yield from _grid("SeparableConv2D", (7, 7, 2), square, padding, filters=3, kernel_size=3)
    yield from _grid("SeparableConv2D", (4, 4, 2), filters=3, kernel_size=2, **plain)

    strides = _values("strides", 1, 2, [2, 3])
    yield from _grid("Conv2DTranspose", (4, 3, 2), kernels, padding, filters=3)
    yield from _grid("Conv2DTranspose", (3, 4, 2), strides, kernels, padding, filters=2)
    yield from _grid(
        "Conv2DTranspose", (3, 4, 2), padding, filters=2, kernel_size=3, dilation_rate=2
    )
    output_padding = _values("output_padding", 0, 1)
    yield from _grid(
        "Conv2DTranspose", (3, 4, 2), output_padding, padding, filters=2, kernel_size=3, strides=2
    )
    yield from _grid("Conv2DTranspose", (3, 3, 2), filters=3, kernel_size=2, **plain)

    pool = _values("pool_size", 2, 3, [1, 3])
    for layer in ("MaxPooling2D", "AveragePooling2D"):
        yield from _grid(layer, (7, 6, 2), pool, padding)
        yield from _grid(layer, (7, 6, 2), _values("strides", 1, 2), padding, pool_size=3)
    for layer in ("GlobalAveragePooling2D", "GlobalMaxPooling2D"):
        yield from _grid(layer, (4, 5, 3), _values("keepdims", False, True))

    yield from _sequences()

    yield from _grid("Dense", (5,), units=4)
    yield from _grid("Dense", (3, 4), units=2, activation="sigmoid")
    yield from _grid("Dense", (5,), units=4, use_bias=False, activation="softmax")

    norm = [{}, {"scale": False}, {"center": False}, {"momentum": 0.5, "epsilon": 0.1}]
    yield from _grid("BatchNormalization", (4, 3, 3), norm)
    yield from _grid("BatchNormalization", (6,), norm)
    yield from _grid("BatchNormalization", (4, 3, 3), axis=1)
    yield from _grid("BatchNormalization", (4, 3, 3), trainable=False)

    yield from _grid("Normalization", (3, 2))
    yield from _grid("Normalization", (3, 2), axis=[1, 2])
    yield from _grid("Normalization", (3, 2), axis=None, mean=1.0, variance=4.0)
    invert = _values("invert", False, True)
    yield from _grid("Normalization", (3, 2), invert, mean=[1.0, 2.0], variance=[4.0, 9.0])
    yield from _grid("Rescaling", (3, 2), scale=0.5, offset=-1.0)

    # without sparsemax: Keras adds up all cumulative sums of the support for its tau, so that
    # two equal values give 0 and 0 instead of a half each
    for name in ACTIVATIONS:
        yield from _grid("Activation", (4, 5), activation=name)
    rectifiers = [
        {},
        {"max_value": 0.5},
        {"negative_slope": 0.2},
        {"negative_slope": 0.1, "max_value": 0.7, "threshold": 0.2},
        {"threshold": 0.3},
    ]
    yield from _grid("ReLU", (4, 5), rectifiers)
    yield from _grid("LeakyReLU", (4, 5), [{}, {"negative_slope": 0.5}])
    yield from _grid("ELU", (4, 5), [{}, {"alpha": 0.3}])
    yield from _grid("Softmax", (4, 3, 2), [{}, {"axis": 1}, {"axis": [1, 2]}])
    yield from _grid("PReLU", (3, 2, 2), [{}, {"shared_axes": [1, 2]}, {"shared_axes": [1]}])

    yield from _grid("Flatten", (2, 3, 2))
    yield from _grid("Reshape", (2, 6, 3), _values("target_shape", [4, -1], [36], [3, 6, 2]))
    frames = [1, [1, 2], [[0, 1], [2, 0]]]
    yield from _grid("ZeroPadding2D", (3, 2, 2), _values("padding", *frames))
    yield from _grid("Cropping2D", (6, 6, 2), _values("cropping", *frames))
    factors = _values("size", 2, [2, 3], [1, 2])
    kinds = _values("interpolation", "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    yield from _grid("UpSampling2D", (3, 4, 2), factors, kinds)

    # deterministic: only one shift, angle or zoom is possible
    fill = _values("fill_mode", "reflect", "wrap", "nearest", "constant")
    how = _values("interpolation", "bilinear", "nearest")
    shape = (6, 5, 2)
    shift = {"height_factor": [0.23, 0.23], "width_factor": [-0.81, -0.81], "fill_value": 0.5}
    yield from _grid("RandomTranslation", shape, fill, how, **shift)
    yield from _grid("RandomRotation", shape, fill, how, factor=[0.11, 0.11], fill_value=0.5)
    zoom = {"height_factor": [0.73, 0.73], "width_factor": [-0.37, -0.37], "fill_value": 0.5}
    yield from _grid("RandomZoom", shape, fill, how, **zoom)
    yield from _grid("RandomZoom", shape, height_factor=[0.91, 0.91])

    yield from _grid("Resizing", (8, 6, 2), kinds, _values("height", 5, 12), width=7)
    yield from _grid("Resizing", (8, 6, 2), kinds, antialias=True, height=3, width=7)
    aspects = [{"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 0.5}]
    sizes = [{"height": 4, "width": 4}, {"height": 3, "width": 7}]
    yield from _grid("Resizing", (5, 8, 2), aspects, sizes)
    sizes = [{"height": 3, "width": 4}, {"height": 6, "width": 7}, {"height": 7, "width": 2}]
    yield from _grid("CenterCrop", (6, 7, 2), sizes)

    norm = [{}, {"axis": 1}, {"axis": [1, -1]}, {"axis": [1, 2, 3], "scale": False}]
    yield from _grid("LayerNormalization", (4, 3, 2), norm)
    yield from _grid("LayerNormalization", (5,), epsilon=0.1, center=False)
    yield from _grid("UnitNormalization", (4, 3, 2), [{}, {"axis": 2}, {"axis": [1, 3]}])

    yield from _grid("RMSNormalization", (4, 3, 2), [{}, {"axis": [2, 3]}, {"axis": [1, 2, 3]}])
    yield from _grid("RMSNormalization", (5,), epsilon=0.1)
    yield from _grid("LayerNormalization", (4, 3, 2), axis=[1, 3], rms_scaling=True)
    yield from _grid("AlphaDropout", (4, 5), rate=0.0)

    # without windows as long as the input, which Keras cannot train on TensorFlow
    sizes = _values("output_size", [2, 3], [5, 4], [7, 6])
    for layer in ("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"):
        yield from _grid(layer, (7, 6, 2), sizes)
    for layer in ("AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D"):
        yield from _grid(layer, (7, 2), _values("output_size", 2, 3, 5, 7, 9))

    yield from _grid("Identity", (4, 5))
    yield from _grid("ActivityRegularization", (4, 5), l1=0.1, l2=0.2)
    yield from _grid("Permute", (2, 3, 4), _values("dims", [3, 1, 2], [2, 1, 3]))
    yield from _grid("RepeatVector", (4,), n=3)

    yield from _grid("Dropout", (4, 5), rate=0.0)
    yield from _grid("GaussianNoise", (4, 5), stddev=0.0)
    yield from _grid("GaussianDropout", (4, 5), rate=0.0)
    yield from _grid("RandomBrightness", (4, 5, 2), factor=[0.3, 0.3], value_range=[-1, 1])
    yield from _grid("SpatialDropout2D", (4, 5, 2), rate=0.0)
    yield from _grid("RandomContrast", (4, 5, 2), factor=0.0)


def _sequences():
    """The rows of the layers for sequences."""
    padding = _values("padding", "valid", "same")
    causal = _values("padding", "valid", "same", "causal")
    kernels = _values("kernel_size", 1, 2, 5)
    windows = [{"strides": 2}, {"strides": 3}, {"dilation_rate": 2}]
    plain = {"use_bias": False, "activation": "tanh"}
    yield from _grid("Conv1D", (7, 2), kernels, causal, filters=3)
    yield from _grid("Conv1D", (8, 2), windows, causal, filters=3, kernel_size=3)
    yield from _grid("Conv1D", (5, 4), _values("groups", 2, 4), causal, filters=4, kernel_size=3)
    for activation in ("relu", "softmax"):
        yield from _grid("Conv1D", (4, 2), filters=3, kernel_size=2, activation=activation)
    yield from _grid("Conv1D", (4, 2), filters=3, kernel_size=2, **plain)

    depth = _values("depth_multiplier", 1, 2)
    yield from _grid("DepthwiseConv1D", (7, 3), padding, depth, kernel_size=3)
    yield from _grid("DepthwiseConv1D", (8, 2), windows, padding, kernel_size=3)
    yield from _grid("SeparableConv1D", (6, 3), padding, depth, filters=4, kernel_size=3)
    yield from _grid("SeparableConv1D", (8, 2), windows, padding, filters=3, kernel_size=3)
    yield from _grid("SeparableConv1D", (4, 2), filters=3, kernel_size=2, **plain)

    strides = _values("strides", 1, 2, 3)
    yield from _grid("Conv1DTranspose", (4, 2), strides, kernels, padding, filters=3)
    output_padding = _values("output_padding", 0, 1)
    settings = {"filters": 2, "kernel_size": 3, "strides": 2}
    yield from _grid("Conv1DTranspose", (4, 2), output_padding, padding, **settings)
    yield from _grid("Conv1DTranspose", (4, 2), filters=3, kernel_size=2, **plain)

    for layer in ("MaxPooling1D", "AveragePooling1D"):
        yield from _grid(layer, (7, 2), _values("pool_size", 2, 3), padding)
        yield from _grid(layer, (7, 2), _values("strides", 1, 2), padding, pool_size=3)
    for layer in ("GlobalAveragePooling1D", "GlobalMaxPooling1D"):
        yield from _grid(layer, (5, 3), _values("keepdims", False, True))
    frames = [1, [0, 2], [2, 1]]
    yield from _grid("ZeroPadding1D", (3, 2), _values("padding", *frames))
    yield from _grid("Cropping1D", (6, 2), _values("cropping", *frames))
    yield from _grid("UpSampling1D", (4, 2), _values("size", 1, 2, 3))
    yield from _grid("SpatialDropout1D", (4, 2), rate=0.0)
