"""Random layers as source code, with the shape that each returns: the material of random_graphs.py.

A function here takes the `Draw` and the shape of one sample and returns the text of a layer and the
shape of its output. The shapes are worked out here, with no help from the package under test.
"""

import numpy as np

IMAGE_SIZES = range(5, 13)
SMOOTH = ("tanh", "sigmoid", "elu", "softplus", "swish")


class Draw:
    """Random choices."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.names = 0  # of variables of the text so far

    def chance(self, probability):
        return self.rng.random() < probability

    def integer(self, low, high):
        """An integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, options):
        return options[self.integer(0, len(options) - 1)]

    def several(self, options, count):
        """`count` different options, in random order."""
        return [options[index] for index in self.rng.permutation(len(options))[:count]]


def activation(draw):
    return draw.pick((None, None, "relu", "relu", *SMOOTH))


def call(kind, /, *arguments, **settings):
    """The text of a layer. None is left out: it is the default."""
    texts = [repr(argument) for argument in arguments]
    texts += [f"{key}={value!r}" for key, value in settings.items() if value is not None]
    return f"layers.{kind}({', '.join(texts)})"


def common(draw, kernel="kernel"):
    """Settings that every layer with a kernel has."""
    return {
        "activation": activation(draw),
        f"{kernel}_regularizer": "l2" if draw.chance(0.1) else None,
        "activity_regularizer": "l2" if draw.chance(0.07) else None,
        "trainable": None if draw.chance(0.93) else False,
    }


def window(size, extent, stride, padding):
    """The size of the output of a convolution or pooling along one axis."""
    return -(-size // stride) if padding == "same" else (size - extent) // stride + 1


def windowed(draw, shape):
    """(extent, stride, padding, (height, width)) that fit an image."""
    extent, stride = draw.integer(1, min(3, *shape[:2])), draw.pick((1, 1, 1, 2))
    padding = draw.pick(("same", "same", "valid"))
    return extent, stride, padding, tuple(window(n, extent, stride, padding) for n in shape[:2])


def conv(draw, shape):
    extent, stride, padding, size = windowed(draw, shape)
    filters = draw.integer(1, 6)
    groups = 2 if shape[2] % 2 == 0 and filters % 2 == 0 and draw.chance(0.1) else None
    bias = {"use_bias": False} if draw.chance(0.15) else {}
    settings = {"strides": stride, "padding": padding, "groups": groups, **bias, **common(draw)}
    return call("Conv2D", filters, extent, **settings), (*size, filters)


def depthwise(draw, shape):
    extent, stride, padding, size = windowed(draw, shape)
    depth = draw.pick((1, 1, 2))
    settings = {"depth_multiplier": depth, **common(draw, "depthwise")}
    text = call("DepthwiseConv2D", extent, stride, padding, **settings)
    return text, (*size, depth * shape[2])


def separable(draw, shape):
    extent, stride, padding, size = windowed(draw, shape)
    filters = draw.integer(1, 5)
    text = call("SeparableConv2D", filters, extent, stride, padding, **common(draw, "pointwise"))
    return text, (*size, filters)


def transposed(draw, shape):
    extent, stride, padding = draw.integer(1, 3), draw.integer(1, 2), draw.pick(("same", "valid"))
    if max(shape[:2]) > 6:
        stride, padding = 1, "same"
    filters, beyond = draw.integer(1, 4), max(extent - stride, 0) if padding == "valid" else 0
    text = call("Conv2DTranspose", filters, extent, stride, padding, **common(draw))
    return text, (*(n * stride + beyond for n in shape[:2]), filters)


def pooling(draw, shape):
    extent, stride, padding, size = windowed(draw, shape)
    return call(draw.pick(("MaxPooling2D", "AveragePooling2D")), extent, stride, padding), (
        *size,
        shape[2],
    )


def upsampling(draw, shape):
    if max(shape[:2]) > 6:
        return activation_layer(draw, shape)
    settings = {"interpolation": draw.pick(("nearest", "nearest", "bilinear"))}
    return call("UpSampling2D", 2, **settings), (2 * shape[0], 2 * shape[1], shape[2])


def padding(draw, shape):
    top, left = draw.integer(0, 2), draw.integer(0, 1)
    return call("ZeroPadding2D", ((top, 1), (left, 1))), (
        shape[0] + top + 1,
        shape[1] + left + 1,
        shape[2],
    )


def cropping(draw, shape):
    if min(shape[:2]) < 4:
        return padding(draw, shape)
    top, left = draw.integer(0, 1), draw.integer(0, 1)
    return call("Cropping2D", ((top, 1), (left, 0))), (
        shape[0] - top - 1,
        shape[1] - left,
        shape[2],
    )


def dense(draw, shape):
    units = draw.integer(1, 6)
    return call("Dense", units, **common(draw)), (*shape[:-1], units)


def normalization(draw, shape):
    frozen = {"trainable": False} if draw.chance(0.1) else {}
    if draw.chance(0.7):
        settings = {"momentum": 0.9, **frozen}
        if draw.chance(0.15):
            settings[draw.pick(("center", "scale"))] = False
        return call("BatchNormalization", **settings), shape
    return call("LayerNormalization", **frozen), shape


def activation_layer(draw, shape):
    options = [
        call("ReLU"),
        call("LeakyReLU", 0.2),
        call("ELU"),
        call("Activation", draw.pick((*SMOOTH, "relu"))),
        call("PReLU", "uniform", **({"shared_axes": [1, 2]} if len(shape) == 3 else {})),
        call("Softmax"),
        call("Identity"),
    ]
    return draw.pick(options), shape


def without_weights(draw, shape):
    options = [
        call("Dropout", 0.0),
        call("Rescaling", 0.5, -0.25),
        call("ActivityRegularization", 0.01, 0.02),
        call("GaussianNoise", 0.0),
    ]
    return draw.pick(options), shape


IMAGE_LAYERS = (
    *(conv, conv, conv, conv, depthwise, separable, transposed, pooling, pooling, upsampling),
    *(padding, cropping, normalization, normalization, activation_layer, dense, without_weights),
)
VECTOR_LAYERS = (dense, dense, dense, normalization, activation_layer, without_weights)


def layer(draw, shape):
    """Any layer for a sample of `shape`."""
    return draw.pick(IMAGE_LAYERS if len(shape) == 3 else VECTOR_LAYERS)(draw, shape)


def to_shape(draw, shape, wanted):
    """A layer that keeps the size and returns `wanted` channels, or maps vectors to vectors."""
    channels = wanted[-1]
    if len(shape) == 1 or draw.chance(0.15):
        return call("Dense", channels, **common(draw))
    if channels == shape[-1] and draw.chance(0.3):
        return call("DepthwiseConv2D", 3, padding="same", **common(draw, "depthwise"))
    return call("Conv2D", channels, draw.integer(1, 3), padding="same", **common(draw))
