"""Random graphs of layers as source code for real Keras and fastcnn.

`Graph(seed)` has the text of a function `build(keras)` that returns a model, of a function
`settings(keras)` that returns the arguments of `compile`, and random data for both. The text does
not depend on either package: what differs between them is a difference of the packages.
"""

import textwrap
from dataclasses import dataclass

import numpy as np

from tests.support import random_layers
from tests.support.random_layers import IMAGE_SIZES, Draw, call

MERGES = ("Add", "Add", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
OPERATORS = ("+", "+", "-", "*")
LOSSES = {  # by the activation of the head
    None: ("mse", "mae", "huber"),
    "softmax": ("categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence"),
    "sigmoid": ("binary_crossentropy", "mse"),
    "softplus": ("poisson", "mse"),
}
METRICS = {
    "categorical_crossentropy": ("accuracy", "categorical_accuracy", "mae"),
    "sparse_categorical_crossentropy": ("accuracy", "sparse_categorical_crossentropy"),
    "binary_crossentropy": ("accuracy", "mse"),
}
OPTIMIZERS = (
    "SGD(0.02, momentum=0.9)",
    "SGD(0.02, momentum=0.9, nesterov=True)",
    "Adam(0.003, epsilon=1e-3)",
    "RMSprop(0.002, epsilon=1e-3)",
    "SGD(0.05, clipnorm=1.0)",
)


@dataclass(eq=False)
class Tensor:
    """A variable of the text, the shape of a sample, and how many layers read it."""

    name: str
    shape: tuple
    uses: int = 0


class Writer:
    """The lines of a function and the tensors that it has so far."""

    def __init__(self, draw, depth=0):
        self.draw, self.depth = draw, depth
        self.lines, self.tensors = [], []

    def new_name(self, prefix="x"):
        self.draw.names += 1
        return f"{prefix}{self.draw.names}"

    def let(self, expression, shape, *read):
        """Assign an expression that reads tensors to a new tensor."""
        for tensor in read:
            tensor.uses += 1
        tensor = Tensor(self.new_name(), shape)
        self.lines.append(f"{tensor.name} = {expression}")
        self.tensors.append(tensor)
        return tensor

    def input(self, shape, name=None):
        named = f", name={name!r}" if name else ""
        return self.let(f"keras.Input({shape}{named})", shape)

    def apply(self, layer, shape, *read):
        """Call a layer on one tensor, or on a list of several."""
        names = ", ".join(tensor.name for tensor in read)
        return self.let(f"{layer}({names if len(read) == 1 else f'[{names}]'})", shape, *read)

    def step(self, tensor):
        layer, shape = random_layers.layer(self.draw, tensor.shape)
        return self.apply(layer, shape, tensor)

    def like(self, tensor, wanted):
        """A tensor of the same size with another one's channels."""
        layer = random_layers.to_shape(self.draw, tensor.shape, wanted)
        return self.apply(layer, (*tensor.shape[:-1], wanted[-1]), tensor)

    def any(self, rank=None):
        """A tensor, most often one that is not read yet, most often a new one."""
        tensors = [t for t in self.tensors if rank is None or len(t.shape) == rank]
        unread = [tensor for tensor in tensors if not tensor.uses]
        if unread and self.draw.chance(0.7):
            return self.draw.pick(unread)
        return self.draw.pick(tensors[-6:]) if tensors else None

    def same_size(self, tensor):
        """Other tensors that differ from this one in their channels at most."""
        size = tensor.shape[:-1]
        return [t for t in self.tensors if t is not tensor and t.shape[:-1] == size]

    def partners(self, tensor, count=1):
        """`count` tensors of the same shape: others if there are any, else new ones."""
        others = self.same_size(tensor)
        fitting = [other for other in others if other.shape == tensor.shape]
        found = self.draw.several(fitting, count) if self.draw.chance(0.5) else []
        while len(found) < count:
            source = self.draw.pick([tensor, *others[-3:]])
            found.append(self.like(source, tensor.shape))
        return found


# --- moves: each adds a few lines


def step(writer):
    writer.step(writer.any())


def merge(writer):
    first = writer.any()
    kind = writer.draw.pick(MERGES)
    count = 1 if kind == "Subtract" else writer.draw.pick((1, 1, 2))
    tensors = [first, *writer.partners(first, count)]
    if writer.draw.chance(0.2):
        names = ", ".join(tensor.name for tensor in tensors)
        writer.let(f"layers.{kind.lower()}([{names}])", first.shape, *tensors)
    else:
        writer.apply(call(kind), first.shape, *tensors)


def operator(writer):
    first = writer.any()
    (second,) = writer.partners(first)
    sign = writer.draw.pick(OPERATORS)
    if writer.draw.chance(0.15):
        number = writer.draw.pick(("0.5", "2"))
        pair = writer.draw.pick((f"{first.name} {sign} {number}", f"{number} {sign} {first.name}"))
        writer.let(pair, first.shape, first)
    else:
        writer.let(f"{first.name} {sign} {second.name}", first.shape, first, second)


def concatenate(writer):
    first = writer.any()
    others = writer.same_size(first) or writer.partners(first)
    tensors = [first, *writer.draw.several(others, writer.draw.pick((1, 1, 2)))]
    shape = (*first.shape[:-1], sum(tensor.shape[-1] for tensor in tensors))
    if shape[-1] > 24:
        return merge(writer)
    if len(shape) == 3 and writer.draw.chance(0.2):
        tensors = [first, *writer.partners(first)]
        shape = (first.shape[0], 2 * first.shape[1], first.shape[2])
        if shape[1] > 12:
            return merge(writer)
        return writer.apply(call("Concatenate", 2), shape, *tensors)
    return writer.apply(call("Concatenate"), shape, *tensors)


def skip(writer):
    """A residual block."""
    first = last = writer.any()
    for _ in range(writer.draw.integer(1, 2)):
        last = writer.like(last, first.shape)
        if writer.draw.chance(0.6):
            last = writer.apply(call("BatchNormalization"), last.shape, last)
        if writer.draw.chance(0.4):
            last = writer.apply(call("Activation", "relu"), last.shape, last)
    total = writer.apply(call("Add"), first.shape, *writer.draw.several([first, last], 2))
    if writer.draw.chance(0.6):
        writer.apply(call("ReLU"), total.shape, total)


def broadcast(writer):
    """One value per channel, or per position, or a vector, applied to an image."""
    image = writer.any(rank=3)
    if image is None:
        return merge(writer)
    height, width, channels = image.shape
    kind = writer.draw.integer(0, 2)
    if kind == 0:
        pooled = call("GlobalAveragePooling2D", keepdims=True)
        other = writer.apply(pooled, (1, 1, channels), image)
        other = writer.apply(
            call("Conv2D", channels, 1, activation="sigmoid"), (1, 1, channels), other
        )
    elif kind == 1:
        other = writer.like(image, (height, width, 1))
    else:
        vector = writer.any(rank=1) or to_vector(writer)
        other = writer.like(vector, (channels,))
    pair = [image, other] if writer.draw.chance(0.7) else [other, image]
    return writer.apply(call(writer.draw.pick(("Multiply", "Add", "Maximum"))), image.shape, *pair)


def shared(writer):
    """One layer or Sequential, called on two tensors, or twice in a row."""
    first = writer.any()
    name = writer.new_name("shared")
    if writer.draw.chance(0.3):
        layer = random_layers.to_shape(writer.draw, first.shape, first.shape)
        writer.lines.append(f"{name} = {layer}")
        middle = writer.apply(name, first.shape, first)
        return writer.apply(name, first.shape, middle)
    layer, shape = random_layers.layer(writer.draw, first.shape)
    writer.lines.append(f"{name} = {layer}")
    (second,) = writer.partners(first)
    writer.apply(name, shape, first)
    return writer.apply(name, shape, second)


def sequential(writer):
    """A Sequential, built before or by its call, called once or twice."""
    draw, first = writer.draw, writer.any()
    name, shape, parts = writer.new_name("chain"), first.shape, []
    for _ in range(draw.integer(1, 3)):
        text, shape = random_layers.layer(draw, shape)
        parts.append(text)
    given = [f"keras.Input({first.shape})"] if draw.chance(0.6) else []
    named = f", name={name!r}" if draw.chance(0.4) else ""
    writer.lines.append(f"{name} = keras.Sequential([{', '.join(given + parts)}]{named})")
    second = writer.partners(first)[0] if draw.chance(0.4) else None
    writer.apply(name, shape, first)
    if second:
        writer.apply(name, shape, second)


def nested(writer):
    """A model of its own, with one or two inputs and outputs, called once or twice."""
    draw = writer.draw
    if writer.depth == 2:
        return step(writer)
    inputs = [writer.any()]
    if draw.chance(0.4):
        inputs.append(writer.any())
    name = writer.new_name("model")
    inner = Writer(draw, writer.depth + 1)
    entries = [inner.input(tensor.shape) for tensor in inputs]
    for _ in range(draw.integer(1, 3)):
        draw.pick(MOVES)(inner)
    outputs = inner.tensors[-1:]
    outputs += [entry for entry in entries[1:] if not entry.uses]
    unread = [t for t in inner.tensors if not t.uses and t not in outputs + entries]
    outputs += unread[: draw.integer(0, 1)]
    writer.lines += inner.lines
    entry_names, output_names = (
        named(tensors) for tensors in (entries, [t for t in outputs if t not in entries])
    )
    outputs = [t for t in outputs if t not in entries]
    title = f", name={name!r}" if draw.chance(0.5) else ""
    writer.lines.append(f"{name} = keras.Model({entry_names}, {output_names}{title})")
    if draw.chance(0.1):
        writer.lines.append(f"{name}.trainable = False")
    for _ in range(draw.pick((1, 1, 2))):
        result = writer.apply(name, outputs[0].shape, *inputs)
        for index, output in reversed(list(enumerate(outputs))):
            if len(outputs) > 1:
                writer.let(f"{result.name}[{index}]", output.shape)
        if len(outputs) > 1:
            writer.tensors.remove(result)
        if len(inputs) == 1:
            inputs = writer.partners(inputs[0])


def named(tensors):
    """The text of one tensor or of a list of several."""
    names = ", ".join(tensor.name for tensor in tensors)
    return names if len(tensors) == 1 else f"[{names}]"


def to_vector(writer, tensor=None):
    image = tensor or writer.any(rank=3)
    if image is None:
        return step(writer)
    kind = writer.draw.pick(("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"))
    if np.prod(image.shape) > 150 and kind == "Flatten":
        kind = "GlobalAveragePooling2D"
    size = int(np.prod(image.shape)) if kind == "Flatten" else image.shape[2]
    return writer.apply(call(kind), (size,), image)


def to_image(writer):
    vector = writer.any(rank=1)
    if vector is None:
        return step(writer)
    shape = tuple(writer.draw.integer(low, high) for low, high in ((3, 6), (3, 6), (1, 3)))
    size = int(np.prod(shape))
    flat = writer.apply(call("Dense", size, activation="tanh"), (size,), vector)
    return writer.apply(call("Reshape", shape), shape, flat)


def dot(writer):
    first = writer.any(rank=1) or to_vector(writer)
    if first is None or len(first.shape) != 1:
        return None
    (second,) = writer.partners(first)
    settings = {"normalize": True} if writer.draw.chance(0.4) else {}
    return writer.apply(call("Dot", 1, **settings), (1,), first, second)


MOVES = (
    *(step, step, step, step, merge, merge, merge, operator, concatenate, concatenate, skip, skip),
    *(broadcast, shared, shared, sequential, nested, nested, to_vector, to_image, dot),
)


@dataclass
class Head:
    """An output, what its loss is, and what the targets look like."""

    key: str
    tensor: Tensor
    loss: str | None
    metrics: tuple
    weight: float


class Graph:
    """A random model, what to compile it with, and its data."""

    def __init__(self, seed):
        self.seed = seed
        self.draw = draw = Draw([seed, 14])
        self.writer = Writer(draw)
        self.batch = draw.integer(5, 8)
        self.inputs = self._draw_inputs()
        for _ in range(draw.integer(2, 8)):
            draw.pick(MOVES)(self.writer)
        self.input_kind = "single" if len(self.inputs) == 1 else draw.pick(("list", "list", "dict"))
        count = draw.pick((1, 1, 1, 2, 2, 3))
        self.output_kind = draw.pick(("list", "dict") if count > 1 else ("single",) * 8 + ("list",))
        self.by_name = self.output_kind == "dict" or (count > 1 and draw.chance(0.4))
        self.heads = self._draw_heads(count)
        self.weighted = draw.chance(0.15) and all(
            head.loss and len(head.tensor.shape) == 1 for head in self.heads
        )
        self.data_kind = draw.pick(("list", "dict")) if len(self.inputs) > 1 else "single"
        self.build_text = self._build_text()
        self.settings_text = self._settings_text()

    @property
    def text(self):
        return f"{self.build_text}\n\n{self.settings_text}"

    def _draw_inputs(self):
        draw, inputs = self.draw, {}
        for index in range(draw.pick((1, 1, 1, 2, 2, 3))):
            if draw.chance(0.75 if index == 0 else 0.4):
                shape = (draw.pick(IMAGE_SIZES), draw.pick(IMAGE_SIZES), draw.integer(1, 3))
            else:
                shape = (draw.integer(2, 9),)
            first = next(iter(inputs.values())) if inputs else None
            if first and draw.chance(0.4):
                shape = first.shape
            name = draw.pick(("left", "image", "zero", "a")) + f"_{index}"
            inputs[name] = self.writer.input(shape, name)
        return inputs

    def _draw_heads(self, count):
        """Heads; what nobody reads yet goes into them, or now and then nowhere."""
        draw, writer = self.draw, self.writer
        loose = [tensor for tensor in writer.tensors if not tensor.uses]
        if len(loose) > 1 and draw.chance(0.1):
            loose.remove(draw.pick(loose))
        inner = [t for t in writer.tensors if t.uses and t not in self.inputs.values()]
        groups = [loose[index::count] for index in range(count)]
        heads = [self._draw_head(index, group) for index, group in enumerate(groups)]
        named_by_layers = self.by_name and self.output_kind == "list"
        if count > 1 and inner and not named_by_layers and draw.chance(0.25):
            loss = draw.pick((None, "mse"))
            heads.insert(
                draw.integer(0, count), Head("features", draw.pick(inner), loss, ("mae",), 0.1)
            )
        return heads

    def _draw_head(self, index, tensors):
        draw, writer = self.draw, self.writer
        tensors = tensors or [writer.any()]
        key = draw.pick(("head", "out", "b")) + f"_{index}"
        if len(tensors) > 1 or len(tensors[0].shape) == 1 or draw.chance(0.7):
            vectors = [to_vector(writer, t) if len(t.shape) > 1 else t for t in tensors]
            joined = vectors[0]
            if len(vectors) > 1:
                size = sum(vector.shape[0] for vector in vectors)
                joined = writer.apply(call("Concatenate"), (size,), *vectors)
        else:
            joined = tensors[0]
        activation = draw.pick((None, "softmax", "sigmoid", "softplus"))
        loss = draw.pick(LOSSES[activation])
        units = draw.integer(2 if activation == "softmax" else 1, 4)
        settings = {"activation": activation, "name": key}
        if self.output_kind == "dict" and draw.chance(0.3):
            settings["name"] = None
        layer = (
            call("Dense", units, **settings)
            if len(joined.shape) == 1
            else call("Conv2D", units, 1, **settings)
        )
        tensor = writer.apply(layer, (*joined.shape[:-1], units), joined)
        if index and draw.chance(0.12):
            loss = None
        metrics = METRICS.get(loss, ("mae", "mse")) if draw.chance(0.5) else ()
        metrics = tuple(draw.several(metrics, draw.integer(1, 2))) if metrics else ()
        return Head(key, tensor, loss, metrics, draw.pick((0.3, 1.0, 2.0)))

    def _build_text(self):
        inputs = self._structure(
            self.input_kind, {key: t.name for key, t in self.inputs.items()}, str
        )
        outputs = self._structure(self.output_kind, {h.key: h.tensor.name for h in self.heads}, str)
        title = f', name="graph_{self.seed}"' if self.draw.chance(0.5) else ""
        last = f"return keras.Model({inputs}, {outputs}{title})"
        lines = ["layers = keras.layers", *self.writer.lines, last]
        return "def build(keras):\n" + textwrap.indent("\n".join(lines), "    ")

    def _settings_text(self):
        """The arguments of `compile`, by head's name or in a list."""
        draw = self.draw
        settings = [f"optimizer=keras.optimizers.{draw.pick(OPTIMIZERS)}"]
        self.optimizer = settings[0]
        kind = "dict" if self.by_name else self.output_kind
        losses = {head.key: head.loss for head in self.heads}
        if self.output_kind == "dict":
            losses = {key: loss for key, loss in losses.items() if loss}
        settings.append(f"loss={self._structure(kind, losses, repr)}")
        metrics = {head.key: list(head.metrics) for head in self.heads}
        if any(metrics.values()):
            which = "weighted_metrics" if draw.chance(0.25) else "metrics"
            settings.append(f"{which}={self._structure(kind, metrics, repr)}")
        if len(self.heads) > 1 and draw.chance(0.5):
            weights = {
                head.key: head.weight
                for head in self.heads
                if head.loss or self.output_kind == "list"
            }
            settings.append(f"loss_weights={self._structure(kind, weights, repr)}")
        body = "".join(f"        {setting},\n" for setting in settings)
        return f"def settings(keras):\n    return dict(\n{body}    )"

    def _structure(self, kind, values, text):
        """The text of one value, a list, or a dict by names."""
        if kind == "dict":
            pairs = (f'"{key}": {text(value)}' for key, value in values.items())
            return "{" + ", ".join(pairs) + "}"
        texts = [text(value) for value in values.values()]
        return texts[0] if kind == "single" else f"[{', '.join(texts)}]"

    def build(self, keras):
        return self._run("build", keras)

    def compile(self, keras, model, **extra):
        model.compile(**self._run("settings", keras), **extra)

    def _run(self, name, keras):
        variables = {}
        exec(compile(self.text, f"graph {self.seed}", "exec"), variables)
        return variables[name](keras)

    def data(self, batches=2):
        """(x, y, sample_weight) in the structure that the model takes."""
        rng = np.random.default_rng([self.seed, 15])
        count = batches * self.batch
        x = {
            key: rng.uniform(-1, 1, (count, *tensor.shape)).astype(np.float32)
            for key, tensor in self.inputs.items()
        }
        y = {head.key: targets(rng, head, count) for head in self.heads}
        kind = "dict" if self.by_name else self.output_kind
        weight = None
        if self.weighted:
            weight = arranged(kind, {key: rng.random(count).astype(np.float32) for key in y})
        data_kind = "dict" if self.input_kind == "dict" else self.data_kind
        return arranged(data_kind, x), arranged(kind, y), weight

    def weights(self, model):
        """Initial weights for a model, by the names of its variables."""
        rng = np.random.default_rng([self.seed, 16])
        return [initial(rng, w.path.rsplit("/", 1)[-1], tuple(w.shape)) for w in model.weights]


def targets(rng, head, count):
    """Targets that suit the head's loss."""
    shape = (count, *head.tensor.shape)
    if head.loss == "sparse_categorical_crossentropy":
        return rng.integers(0, shape[-1], shape[:-1])
    if head.loss in ("categorical_crossentropy", "kl_divergence"):
        return np.eye(shape[-1], dtype=np.float32)[rng.integers(0, shape[-1], shape[:-1])]
    if head.loss == "binary_crossentropy":
        return rng.integers(0, 2, shape).astype(np.float32)
    return rng.random(shape).astype(np.float32)


def arranged(kind, values):
    if kind == "dict":
        return values
    values = list(values.values())
    return values[0] if kind == "single" else values


def initial(rng, name, shape):
    """Values of a size that keeps activations moderate."""
    values = rng.normal(size=shape)
    if name in ("gamma", "moving_variance", "variance"):
        return (1 + 0.3 * np.tanh(values)).astype(np.float32)
    if name in ("kernel", "depthwise_kernel", "pointwise_kernel") and len(shape) > 1:
        fan_in = int(np.prod(shape[:-1] if name != "depthwise_kernel" else shape[:2]))
        return (values / np.sqrt(fan_in)).astype(np.float32)
    return (0.2 * values).astype(np.float32)
