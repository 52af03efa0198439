"""Networks with forks and merges, shared by the tests and the benchmarks.

A net is defined once, with the functional API: `define(keras)` returns the model, made with Keras,
with fastcnn or with the `Recorder` below, which has the same face and only notes the calls. The
notes are `Node`s, from which the peers build the same network in PyTorch and as an ONNX graph.
Layers are named after their class in the order of their creation ("Conv2D_3"), so that weights go
by name: the order of a model's `get_weights` depends on its graph.
"""

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.support.shapes import Node, output_shape, patterned_images, weight_values

# What may be given by position, as in Keras.
POSITIONAL = {
    "Conv2D": ("filters", "kernel_size", "strides", "padding"),
    "Conv2DTranspose": ("filters", "kernel_size", "strides", "padding"),
    "DepthwiseConv2D": ("kernel_size", "strides", "padding"),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "Dense": ("units", "activation"),
    "Activation": ("activation",),
    "ReLU": ("max_value",),
}


class Named:
    """A module shaped like Keras whose layers get names: class and number in order of creation."""

    def __init__(self, keras):
        self.Input, self.Model = keras.Input, keras.Model
        self._layers, self._counts = keras.layers, Counter()
        self.layers = self

    def __getattr__(self, kind):
        def make(*args, **config):
            self._counts[kind] += 1
            name = f"{kind}_{self._counts[kind]}"
            return getattr(self._layers, kind)(*args, name=name, **config)

        return make


class Recorder:
    """Shaped like Keras; notes which layer was called on what as a list of `Node`s."""

    def __init__(self):
        self.nodes = []
        self.layers = self

    def Input(self, shape, name=None):  # noqa: N802 (as in Keras)
        return self._add(Node("Input", {}, name, (), tuple(shape)))

    def Model(self, inputs, outputs, name=None):  # noqa: N802
        def call(values):
            """Record the calls of the model again; a nested model shares its layers."""
            known = dict(zip(_flat(inputs), _flat(values), strict=True))
            return self._replay(outputs, known)

        call.inputs, call.outputs = _flat(inputs), _flat(outputs)
        return call

    def __getattr__(self, kind):
        def make(*args, name, **config):
            config |= zip(POSITIONAL.get(kind, ()), args, strict=False)

            def call(values):
                shapes = [self.nodes[value].shape for value in _flat(values)]
                shape = output_shape(kind, config, *shapes)
                return self._add(Node(kind, config, name, tuple(_flat(values)), shape))

            return call

        return make

    def _add(self, node):
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _replay(self, value, known):
        if value not in known:
            node = self.nodes[value]
            inputs = tuple(self._replay(source, known) for source in node.inputs)
            known[value] = self._add(node._replace(inputs=inputs))
        return known[value]

    def reachable(self, model):
        """The nodes that the model's outputs depend on, and its inputs, numbered from 0."""
        used = set(model.inputs) | set(model.outputs)
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in used:
                used.update(self.nodes[index].inputs)
        numbers = {index: number for number, index in enumerate(sorted(used))}
        nodes = [self.nodes[index] for index in numbers]
        return [node._replace(inputs=tuple(numbers[i] for i in node.inputs)) for node in nodes]


def _flat(values):
    return list(values) if isinstance(values, (list, tuple)) else [values]


@dataclass(frozen=True)
class GraphNet:
    """A network by its definition; otherwise like `shapes.Net`.

    `target` is what the labels are: the class of each image, of each of its pixels, or whether two
    images are of the same class.
    """

    name: str
    title: str
    define: Callable
    input_shape: tuple[int, int, int] = (32, 32, 3)
    classes: int = 10
    target: str = "image"
    images: int = 1024  # in the training set of a benchmark
    from_logits = False

    def nodes(self):
        """The calls of its layers, in an order in which each follows those that it depends on."""
        return _nodes(self.define)

    @property
    def needs(self):
        """The names of the layer classes that it is made of."""
        return sorted({node.kind for node in self.nodes()} - {"Input"})

    def build(self, keras):
        """The model, not compiled, made with `keras` (or any module shaped like it)."""
        return self.define(Named(keras))

    def compile(self, model, keras, **options):
        """`model` compiled: Adam, sparse crossentropy, accuracy."""
        loss = "sparse_categorical_crossentropy"
        model.compile(optimizer="adam", loss=loss, metrics=["accuracy"], **options)
        return model

    def named_weights(self, seed=0):
        """{layer's name: weights}, drawn as those of `shapes.Net`."""
        random, weights = np.random.RandomState(seed), {}
        nodes = self.nodes()
        for node in nodes:
            if node.name not in weights:
                shapes = node.weight_shapes(*(nodes[source].shape for source in node.inputs))
                weights[node.name] = [weight_values(role, shape, random) for role, shape in shapes]
        return {name: arrays for name, arrays in weights.items() if arrays}

    def set_weights(self, model):
        """Give a model that `build` returned the weights of `named_weights()`."""
        weights = self.named_weights()
        for layer in _layers(model):
            if layer.name in weights:
                layer.set_weights(weights[layer.name])

    def flops(self, n, training):
        """Dense multiplications and additions of convolutions and dense layers, for `n` images."""
        nodes, total = self.nodes(), 0
        for node in nodes:
            sources = [nodes[source] for source in node.inputs]
            passes = 1
            if training:  # no gradient of the model's inputs
                passes = 2 if all(source.kind == "Input" for source in sources) else 3
            total += passes * node.flops(*(source.shape for source in sources))
        return n * total

    def data(self, n, seed=0):
        """(inputs, labels): an array (n, *input_shape) or a list of them, and int64 labels."""
        random = np.random.RandomState(seed)
        draw = functools.partial(patterned_images, random, self.input_shape)
        if self.target == "pair":
            labels = random.randint(0, 2, n)
            first = random.randint(0, 10, n)
            second = np.where(labels == 1, first, (first + random.randint(1, 10, n)) % 10)
            images, _ = draw(10, 2 * n, np.concatenate([first, second]))
            return [images[:n], images[n:]], labels.astype(np.int64)
        images, labels = draw(self.classes, n)
        if self.target == "pixel":  # the class inside a rectangle, 0 around it
            height, width, _ = self.input_shape
            low, high = random.randint(0, height // 2, (2, n, 1)), random.randint(8, 32, (2, n, 1))
            rows, columns = (
                (np.arange(size) >= low[i]) & (np.arange(size) < low[i] + high[i])
                for i, size in enumerate((height, width))
            )
            inside = rows[:, :, None] & columns[:, None, :]
            images = np.where(inside[..., None], images, images[::-1]).astype(np.float32)
            labels = np.where(inside, labels[:, None, None], 0)
        return images, labels


@functools.cache
def _nodes(define):
    recorder = Recorder()
    return recorder.reachable(define(Named(recorder)))


def _layers(model):
    """The layers of a model and of the models that are nested in it."""
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else (layer,)


# --- the networks --------------------------------------------------------------------------------


def _conv_norm(keras, x, filters, kernel_size, strides=1, use_bias=False):
    x = keras.layers.Conv2D(
        filters, kernel_size, strides, "same", use_bias=use_bias, kernel_initializer="he_normal"
    )(x)
    return keras.layers.BatchNormalization()(x)


def resnet20(keras, input_shape=(32, 32, 3)):
    """He et al. 2015 for CIFAR-10: three stages of three blocks, shortcuts by 1x1 convolutions."""
    layers = keras.layers
    inputs = keras.Input(input_shape)
    x = layers.Activation("relu")(_conv_norm(keras, inputs, 16, 3))
    for filters in (16, 32, 64):
        for block in range(3):
            shortcut, strides = x, 2 if filters > 16 and block == 0 else 1
            x = layers.Activation("relu")(_conv_norm(keras, x, filters, 3, strides))
            x = _conv_norm(keras, x, filters, 3)
            if strides == 2:
                shortcut = _conv_norm(keras, shortcut, filters, 1, strides)
            x = layers.Activation("relu")(layers.Add()([x, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, "softmax")(x))


def resnet8(keras):
    """MLPerf Tiny's image classification: one block a stage, biases, shortcuts not normalized."""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(_conv_norm(keras, inputs, 16, 3, use_bias=True))
    for filters in (16, 32, 64):
        shortcut, strides = x, 2 if filters > 16 else 1
        x = _conv_norm(keras, x, filters, 3, strides, use_bias=True)
        x = layers.Activation("relu")(x)
        x = _conv_norm(keras, x, filters, 3, use_bias=True)
        if strides == 2:
            shortcut = layers.Conv2D(filters, 1, strides, "same")(shortcut)
        x = layers.Activation("relu")(layers.Add()([x, shortcut]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(inputs, layers.Dense(10, "softmax")(x))


def unet(keras):
    """Ronneberger et al. 2015, small: 16 to 128 filters, three skips, a class for each pixel."""
    layers = keras.layers

    def two_convs(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x = inputs = keras.Input((64, 64, 3))
    skips = []
    for filters in (16, 32, 64):
        skips.append(two_convs(x, filters))
        x = layers.MaxPooling2D(2)(skips[-1])
    x = two_convs(x, 128)
    for filters in (64, 32, 16):
        x = layers.Conv2DTranspose(filters, 2, 2, "same")(x)
        x = two_convs(layers.Concatenate()([skips.pop(), x]), filters)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(x))


def inception(keras):
    """Three modules of GoogLeNet (Szegedy et al. 2014) at half its width."""
    layers = keras.layers

    def conv(x, filters, kernel_size):
        return layers.Conv2D(filters, kernel_size, padding="same", activation="relu")(x)

    def module(x, one, three, five, pool):
        branches = [
            conv(x, one, 1),
            conv(conv(x, three[0], 1), three[1], 3),
            conv(conv(x, five[0], 1), five[1], 5),
            conv(layers.MaxPooling2D(3, 1, "same")(x), pool, 1),
        ]
        return layers.Concatenate()(branches)

    inputs = keras.Input((32, 32, 3))
    x = layers.MaxPooling2D(2)(conv(inputs, 32, 3))
    x = module(x, 32, (48, 64), (8, 16), 16)
    x = module(x, 64, (64, 96), (16, 48), 32)
    x = layers.MaxPooling2D(2)(x)
    x = module(x, 96, (48, 104), (8, 24), 32)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, "softmax")(x))


def mobilenet(keras):
    """Inverted residuals with ReLU(6) (Sandler et al. 2018) at half width, for small images."""
    layers = keras.layers

    def block(x, channels, expansion, filters, strides):
        y = x
        if expansion > 1:
            y = layers.ReLU(6.0)(_conv_norm(keras, y, expansion * channels, 1))
        y = layers.DepthwiseConv2D(3, strides, "same", use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
        y = _conv_norm(keras, y, filters, 1)
        return layers.Add()([x, y]) if strides == 1 and channels == filters else y

    inputs = keras.Input((32, 32, 3))
    x, channels = layers.ReLU(6.0)(_conv_norm(keras, inputs, 16, 3)), 16
    for expansion, filters, count, first in (
        (1, 8, 1, 1),
        (6, 16, 2, 2),
        (6, 24, 3, 2),
        (6, 32, 2, 1),
    ):
        for index in range(count):
            x = block(x, channels, expansion, filters, first if index == 0 else 1)
            channels = filters
    x = layers.ReLU(6.0)(_conv_norm(keras, x, 128, 1))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, "softmax")(x))


def siamese(keras):
    """Whether two images are of the same class: one tower for both, squared differences."""
    layers = keras.layers
    image = keras.Input((28, 28, 1))
    x = layers.MaxPooling2D(2)(layers.Conv2D(32, 3, activation="relu")(image))
    x = layers.MaxPooling2D(2)(layers.Conv2D(64, 3, activation="relu")(x))
    tower = keras.Model(image, layers.Dense(128)(layers.Flatten()(x)))
    left, right = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    difference = layers.Subtract()([tower(left), tower(right)])
    square = layers.Multiply()([difference, difference])
    return keras.Model([left, right], layers.Dense(2, "softmax")(square))


_GRAPHS = (
    GraphNet("resnet20", "ResNet-20", resnet20),
    GraphNet("resnet8", "ResNet-8 of MLPerf Tiny", resnet8),
    GraphNet("unet", "U-Net, 64 x 64", unet, (64, 64, 3), 3, "pixel"),
    GraphNet("inception", "three Inception modules", inception),
    GraphNet("mobilenet", "MobileNetV2, small", mobilenet),
    GraphNet("siamese", "siamese net, 28 x 28", siamese, (28, 28, 1), 2, "pair"),
)
GRAPHS = {net.name: net for net in _GRAPHS}
