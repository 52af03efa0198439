"""Named cases, shared by the tests and the benchmarks.

CONV2D, POOL2D and DENSE map names to shapes on which kernels are tested; NETS maps names to whole
networks. A net is plain data, so that one description builds it with any Keras-like module
(`net.build(fastcnn)`, `net.build(keras)`), with PyTorch and as an ONNX graph, and counts its FLOPs
and weights. Everything random follows from a seed through NumPy's `RandomState`, whose streams
never change. This module needs NumPy alone: it is its own oracle for output shapes.
"""

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

CHANNELS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)


def pair(value):
    """An int or two ints as two ints."""
    return (value, value) if isinstance(value, int) else tuple(value)


def pads_and_output(image, window, strides, padding, dilation=(1, 1)):
    """((top, bottom, left, right), (out height, out width)) of a sliding window, as in Keras."""
    pads, output = [], []
    for size, length, stride, spread in zip(image, window, strides, dilation, strict=True):
        reach = (length - 1) * spread + 1
        missing = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
        total = missing if padding == "same" else 0
        pads += [total // 2, total - total // 2]
        output.append((size + total - reach) // stride + 1)
    return tuple(pads), tuple(output)


# --- kernel cases --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Conv2DCase:
    """x (n, h, w, ic), w (kh, kw, ic, oc), y (n, oh, ow, oc)."""

    n: int
    image: tuple[int, int]
    ic: int
    oc: int
    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: str = "valid"
    dilation: tuple[int, int] = (1, 1)

    @property
    def x_shape(self):
        return (self.n, *self.image, self.ic)

    @property
    def w_shape(self):
        return (*self.kernel_size, self.ic, self.oc)

    @property
    def y_shape(self):
        return (self.n, *self._geometry[1], self.oc)

    @property
    def pads(self):
        return self._geometry[0]

    @property
    def _geometry(self):
        return pads_and_output(
            self.image, self.kernel_size, self.strides, self.padding, self.dilation
        )

    @property
    def flops(self):
        """Of one dense pass; forward and each of the two gradients cost the same."""
        return 2 * math.prod(self.y_shape) * math.prod(self.kernel_size) * self.ic


@dataclass(frozen=True)
class Pool2DCase:
    """x (n, h, w, c), y (n, oh, ow, c)."""

    n: int
    image: tuple[int, int]
    c: int
    pool_size: tuple[int, int] = (2, 2)
    strides: tuple[int, int] = (2, 2)
    padding: str = "valid"

    @property
    def x_shape(self):
        return (self.n, *self.image, self.c)

    @property
    def y_shape(self):
        return (self.n, *self._geometry[1], self.c)

    @property
    def pads(self):
        return self._geometry[0]

    @property
    def _geometry(self):
        return pads_and_output(self.image, self.pool_size, self.strides, self.padding)


@dataclass(frozen=True)
class DenseCase:
    """x (n, inputs), w (inputs, outputs), y (n, outputs)."""

    n: int
    inputs: int
    outputs: int

    @property
    def flops(self):
        return 2 * self.n * self.inputs * self.outputs


def _conv2d_cases():
    for shift in (0, 4, 7, 11):  # every channel count meets itself and three others
        for index, ic in enumerate(CHANNELS):
            oc = CHANNELS[(index + shift) % len(CHANNELS)]
            yield f"ic{ic}-oc{oc}", Conv2DCase(2, (6, 7), ic, oc)
    for kh, kw in itertools.product(range(1, 8), repeat=2):
        padding = "valid" if (kh + kw) % 2 else "same"
        case = Conv2DCase(2, (9, 8), 3, 17, (kh, kw), padding=padding)
        yield f"kernel{kh}x{kw}-{padding}", case
    for strides in ((2, 2), (1, 2), (2, 1), (3, 3), (4, 3)):
        for kernel, padding in itertools.product((1, 3, 4, 7), ("valid", "same")):
            case = Conv2DCase(2, (12, 11), 4, 18, (kernel, kernel), strides, padding)
            yield f"stride{strides[0]}x{strides[1]}-kernel{kernel}-{padding}", case
    for dilation in ((2, 2), (1, 3), (3, 1), (2, 3)):
        for kernel, padding in itertools.product(((3, 3), (2, 4)), ("valid", "same")):
            case = Conv2DCase(2, (11, 13), 5, 9, kernel, (1, 1), padding, dilation)
            name = f"dilation{dilation[0]}x{dilation[1]}-kernel{kernel[0]}x{kernel[1]}-{padding}"
            yield name, case
    for n, kernel in ((33, (5, 5)), (9, (7, 5)), (2, (3, 7)), (3, (7, 7))):
        case = Conv2DCase(n, (10, 10), 8, 24, kernel, padding="same")
        yield f"sum-of-3x3-kernels-{kernel[0]}x{kernel[1]}-batch{n}", case
    yield "sum-of-3x3-kernels-large-image", Conv2DCase(1, (40, 40), 8, 24, (5, 5))
    for n in (0, 1, 5):
        yield f"batch{n}", Conv2DCase(n, (8, 8), 8, 16)
        yield f"batch{n}-one-channel", Conv2DCase(n, (8, 8), 1, 64)
    yield "window-is-the-image", Conv2DCase(3, (5, 6), 7, 33, (5, 6))
    yield "image-of-one-pixel", Conv2DCase(3, (1, 1), 9, 31, (3, 3), padding="same")
    yield "one-row", Conv2DCase(2, (1, 40), 16, 16, (1, 5), padding="same")
    yield "one-column", Conv2DCase(2, (40, 1), 16, 16, (5, 1), padding="same")
    yield "stride-beyond-the-kernel", Conv2DCase(2, (13, 13), 8, 16, (2, 2), (4, 4))


def _pool2d_cases():
    for c in CHANNELS:
        yield f"c{c}", Pool2DCase(2, (6, 6), c)
    for pool, strides in (
        ((2, 2), (1, 1)),  # overlapping
        ((3, 3), (2, 2)),  # overlapping
        ((3, 3), (1, 2)),
        ((2, 3), (2, 3)),
        ((3, 3), (3, 3)),
        ((1, 1), (2, 2)),
        ((2, 2), (3, 3)),  # gaps
        ((5, 4), (2, 3)),
    ):
        for padding in ("valid", "same"):
            name = f"pool{pool[0]}x{pool[1]}-stride{strides[0]}x{strides[1]}-{padding}"
            yield name, Pool2DCase(2, (11, 10), 9, pool, strides, padding)
    for n in (0, 1, 5):
        yield f"batch{n}", Pool2DCase(n, (8, 8), 16)
    yield "rest", Pool2DCase(3, (11, 11), 64)  # the last row and column are never read
    yield "whole-image", Pool2DCase(2, (7, 7), 33, (7, 7), (7, 7))
    yield "window-of-255", Pool2DCase(2, (17, 15), 3, (17, 15), (1, 1))
    yield "window-of-272", Pool2DCase(2, (20, 20), 3, (17, 16), (2, 2), "same")


def _dense_cases():
    for shift in (0, 4, 7, 11):
        for index, inputs in enumerate(CHANNELS):
            outputs = CHANNELS[(index + shift) % len(CHANNELS)]
            yield f"in{inputs}-out{outputs}", DenseCase(5, inputs, outputs)
    for n in (0, 1, 2, 3, 31, 32, 33, 100):
        yield f"batch{n}", DenseCase(n, 100, 10)
    yield "long", DenseCase(3, 3000, 17)
    yield "wide", DenseCase(3, 17, 1000)


CONV2D = dict(_conv2d_cases())
POOL2D = dict(_pool2d_cases())
DENSE = dict(_dense_cases())


# --- networks ------------------------------------------------------------------------------------


SAME_SHAPE = ("BatchNormalization", "Dropout", "Activation", "ReLU", "Add", "Subtract", "Multiply")


class Node(NamedTuple):
    """One call of a layer; calls of one layer have the same name. Shapes are without the batch."""

    kind: str  # the layer's class
    config: dict
    name: str
    inputs: tuple  # the indices of the nodes whose outputs it reads
    shape: tuple  # of its output

    def weight_shapes(self, *inputs):
        """[(role, shape), ...] of the layer's weights, in Keras's order."""
        config, channels = self.config, inputs[0][-1] if inputs else 0
        if self.kind == "BatchNormalization":
            roles = ("gamma", "beta", "moving_mean", "moving_variance")
            return [(role, (channels,)) for role in roles]
        if self.kind == "Conv2D":
            shape, bias = (
                (*pair(config["kernel_size"]), channels, config["filters"]),
                self.shape[-1],
            )
        elif self.kind == "Conv2DTranspose":
            shape, bias = (
                (*pair(config["kernel_size"]), config["filters"], channels),
                self.shape[-1],
            )
        elif self.kind == "DepthwiseConv2D":
            shape, bias = (*pair(config["kernel_size"]), channels, 1), channels
        elif self.kind == "Dense":
            shape, bias = (channels, config["units"]), config["units"]
        else:
            return []
        shapes = [("depthwise" if self.kind == "DepthwiseConv2D" else "kernel", shape)]
        return [*shapes, ("bias", (bias,))] if config.get("use_bias", True) else shapes

    def flops(self, *inputs):
        """Dense multiplications and additions for one sample, without those of the biases."""
        kernels = [s for role, s in self.weight_shapes(*inputs) if role in ("kernel", "depthwise")]
        image = inputs[0] if self.kind == "Conv2DTranspose" else self.shape
        return 2 * sum(math.prod(image[:-1]) * math.prod(shape) for shape in kernels)


def weight_values(role, shape, random):
    """A weight: glorot-uniform kernels, the others within 0.05 of 0 or 1."""
    center = 1.0 if role in ("gamma", "moving_variance") else 0.0
    limit = 0.05
    if role == "kernel":
        limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    elif role == "depthwise":  # each output has one input channel
        limit = math.sqrt(3 / math.prod(shape[:2]))
    values = center + limit * (2 * random.random_sample(shape) - 1)
    return values.astype(np.float32)


@dataclass(frozen=True)
class Net:
    """A network as plain data: `layers` is ((class name, configuration), ...) in Keras's words."""

    name: str
    title: str
    input_shape: tuple[int, int, int]
    layers: tuple
    classes: int = 10
    from_logits: bool = False
    images: int = 8192  # in the training set of a benchmark: 256 batches of 32

    @property
    def needs(self):
        """The names of the layer classes that it is made of."""
        return sorted({kind for kind, _ in self.layers})

    def build(self, keras):
        """The Sequential model, not compiled, made with `keras` (or any module shaped like it)."""
        layers = [getattr(keras.layers, kind)(**config) for kind, config in self.layers]
        return keras.Sequential([keras.Input(shape=self.input_shape), *layers])

    def compile(self, model, keras, **options):
        """`model` compiled as the tutorials do: Adam, sparse crossentropy, accuracy."""
        loss = "sparse_categorical_crossentropy"
        if self.from_logits:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer="adam", loss=loss, metrics=["accuracy"], **options)
        return model

    def steps(self, n=None):
        """((class name, configuration, input shape, output shape), ...), batch size `n` first."""
        shape, steps = self.input_shape, []
        for kind, config in self.layers:
            output = output_shape(kind, config, shape)
            steps.append((kind, config, (n, *shape), (n, *output)))
            shape = output
        return steps

    def nodes(self):
        """[Node, ...], the input first; like those of a net that is a graph."""
        nodes = [Node("Input", {}, None, (), self.input_shape)]
        for index, (kind, config, _, y) in enumerate(self.steps()):
            nodes.append(Node(kind, config, f"{kind}_{index}", (index,), y[1:]))
        return nodes

    def cases(self, n):
        """{"conv2d_1": Conv2DCase, ...}: the kernel cases of its layers, with `n` images."""
        cases, counts = {}, {}
        for kind, config, x, y in self.steps(n):
            stem = {
                "Conv2D": "conv2d",
                "Dense": "dense",
                "MaxPooling2D": "max_pool2d",
                "AveragePooling2D": "average_pool2d",
            }.get(kind)
            if stem is None:
                continue
            counts[stem] = counts.get(stem, 0) + 1
            padding = config.get("padding", "valid")
            if kind == "Conv2D":
                kernel, strides = pair(config["kernel_size"]), pair(config.get("strides", 1))
                case = Conv2DCase(n, x[1:3], x[3], y[3], kernel, strides, padding)
            elif kind == "Dense":
                case = DenseCase(n, x[1], y[1])
            else:
                pool = pair(config["pool_size"])
                case = Pool2DCase(n, x[1:3], x[3], pool, pair(config.get("strides", pool)), padding)
            cases[f"{stem}_{counts[stem]}"] = case
        return cases

    def flops(self, n, training):
        """Dense multiplications and additions of convolutions and dense layers, for `n` images.

        Training adds both gradients, but for the gradient of the first layer's input.
        """
        passes = [case.flops for case in self.cases(n).values() if hasattr(case, "flops")]
        return 3 * sum(passes) - passes[0] if training else sum(passes)

    def weight_shapes(self):
        """((role, shape), ...) in the order of Keras's `get_weights`."""
        shapes = []
        for x, node in itertools.pairwise(self.nodes()):
            shapes += node.weight_shapes(x.shape)
        return tuple(shapes)

    def weights(self, seed=0):
        """Weights for `set_weights`: glorot-uniform kernels, the others within 0.05 of 0 or 1."""
        random = np.random.RandomState(seed)
        return [weight_values(role, shape, random) for role, shape in self.weight_shapes()]

    def named_weights(self):
        """{layer's name: weights}; the names are those of `nodes`."""
        weights, named = iter(self.weights()), {}
        for x, node in itertools.pairwise(self.nodes()):
            named[node.name] = [next(weights) for _ in node.weight_shapes(x.shape)]
        return named

    def set_weights(self, model):
        """Give a model that `build` returned the weights of `weights()`."""
        model.set_weights(self.weights())

    def data(self, n, seed=0):
        """Images float32 (n, *input_shape) in [0, 1], labels int64 (n,)."""
        return patterned_images(np.random.RandomState(seed), self.input_shape, self.classes, n)


def patterned_images(random, shape, classes, n, labels=None):
    """Images float32 (n, *shape) in [0, 1], labels int64 (n,), learnable but not easily.

    Each class has a coarse pattern of its own; an image is a mixture of its class's pattern,
    another class's and noise, in steps of 1/255 as pixels are. So a class is learned within a
    hundred steps while the loss stays away from zero. No patch is quite even: pooling windows
    would hold ties, and every rounding error would break them in another way.
    """
    height, width, channels = shape
    coarse = (classes, height // 4, width // 4, channels)
    patterns = random.random_sample(coarse).repeat(4, 1).repeat(4, 2)
    drawn, others = (random.randint(0, classes, n) for _ in range(2))
    labels = drawn if labels is None else labels
    shares = 0.25 + 0.5 * random.random_sample((2, n, 1, 1, 1))
    images = shares[0] * patterns[labels] + (1 - shares[0]) * patterns[others]
    images += shares[1] * (random.random_sample(images.shape) - 0.5)
    pixels = np.clip(255 * images, 0, 255).astype(np.uint8)
    return (pixels / 255.0).astype(np.float32), labels.astype(np.int64)


def window_of(kind, config):
    """(size, strides, padding) of a convolution or a pool."""
    size = pair(config["kernel_size"] if "Conv" in kind else config["pool_size"])
    strides = pair(config.get("strides", 1 if "Conv" in kind else size))
    return size, strides, config.get("padding", "valid")


def output_shape(kind, config, shape, *others):
    """The shape of a layer's output, for inputs of these shapes, all without the batch."""
    if kind in ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D"):
        _, size = pads_and_output(shape[:2], *window_of(kind, config))
        return (*size, config["filters"] if kind == "Conv2D" else shape[2])
    if kind == "Conv2DTranspose":  # padding "same" only
        _, strides, _ = window_of(kind, config)
        return (shape[0] * strides[0], shape[1] * strides[1], config["filters"])
    if kind == "GlobalAveragePooling2D":
        return (shape[2],)
    if kind == "Concatenate":
        return (*shape[:-1], sum(each[-1] for each in (shape, *others)))
    if kind == "Flatten":
        return (math.prod(shape),)
    if kind == "Dense":
        return (config["units"],)
    if kind in SAME_SHAPE:
        return shape
    raise ValueError(f"No shape rule for the layer {kind!r}.")


def _conv(filters, kernel_size=3, activation="relu", padding="valid"):
    return "Conv2D", {
        "filters": filters,
        "kernel_size": kernel_size,
        "activation": activation,
        "padding": padding,
    }


def _dense(units, activation=None):
    return "Dense", {"units": units, "activation": activation}


_MAX = ("MaxPooling2D", {"pool_size": 2})
_MEAN = ("AveragePooling2D", {"pool_size": 2})
_FLATTEN = ("Flatten", {})


def _conv_norm_relu(filters):
    yield _conv(filters, activation=None, padding="same")
    yield "BatchNormalization", {}
    yield "Activation", {"activation": "relu"}


_NETS = (
    Net(
        "tutorial",
        "the tutorial's CNN",
        (28, 28, 1),
        (_conv(64), _MAX, _conv(64), _MAX, _FLATTEN, _dense(128, "relu"), _dense(10, "softmax")),
    ),
    Net(
        "dnn",
        "the tutorial's DNN",
        (28, 28, 1),
        (_FLATTEN, _dense(128, "relu"), _dense(10, "softmax")),
    ),
    Net(
        "lenet5",
        "LeNet-5 (tanh, average pools)",
        (28, 28, 1),
        (
            *(_conv(6, 5, "tanh", "same"), _MEAN, _conv(16, 5, "tanh"), _MEAN, _FLATTEN),
            *(_dense(120, "tanh"), _dense(84, "tanh"), _dense(10, "softmax")),
        ),
    ),
    Net(
        "mnist_convnet",
        "Keras's mnist_convnet (32, 64, dropout)",
        (28, 28, 1),
        (
            *(_conv(32), _MAX, _conv(64), _MAX, _FLATTEN),
            *(("Dropout", {"rate": 0.5}), _dense(10, "softmax")),
        ),
    ),
    Net(
        "cifar10",
        "TensorFlow's CIFAR-10 tutorial net (32, 64, 64)",
        (32, 32, 3),
        (
            *(_conv(32), _MAX, _conv(64), _MAX, _conv(64), _FLATTEN),
            *(_dense(64, "relu"), _dense(10)),
        ),
        from_logits=True,
    ),
    Net(
        "vgg",
        "VGG-like, same padding, batch norm, 32-32-64-64",
        (28, 28, 1),
        (
            *(*_conv_norm_relu(32), *_conv_norm_relu(32), _MAX),
            *(*_conv_norm_relu(64), *_conv_norm_relu(64), _MAX),
            *(_FLATTEN, _dense(128, "relu"), _dense(10, "softmax")),
        ),
    ),
)
NETS = {net.name: net for net in _NETS}
