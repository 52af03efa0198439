"""The config of a graph, as Keras writes it: layers, and the calls that connect them.

    {"layers": [{..., "name": "conv", "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}, ...],
     "input_layers": ["image", 0, 0], "output_layers": [["head", 0, 0], ["tail", 0, 0]]}

A tensor is {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, output]}}.
A config may come from a file, so nothing in it is trusted.
"""

from __future__ import annotations

import reprlib
from collections import deque
from typing import TYPE_CHECKING

from fastcnn.core.nested import flatten, replace
from fastcnn.layers.base import Layer
from fastcnn.layers.core import InputLayer
from fastcnn.layers.symbolic import KerasTensor
from fastcnn.saving.limits import MAX_LAYER_CALLS, MAX_NESTING
from fastcnn.saving.serialization import Deserializer, serialize_object

if TYPE_CHECKING:
    from typing import Any

TENSOR = "__keras_tensor__"
KEYS = ("name", "inbound_nodes")  # what an entry has besides the layer's own config


def config_of(model) -> dict[str, Any]:
    """The entries of a graph in the config of its model."""
    config = _connections(model)
    entries = []
    for layer, entry in zip(model.operations, config["layers"], strict=True):
        if layer.default_training is not None:
            for call in entry["inbound_nodes"]:
                call["kwargs"].setdefault("training", layer.default_training)
        entries.append({**serialize_object(layer), **entry})
    config["layers"] = entries
    return config


def _connections(model):
    """`config_of` without the layers' own configs."""
    position = {
        id(node): (layer, index)
        for layer in model.operations
        for index, node in enumerate(model.nodes_of(layer))
    }

    def tensor_config(leaf):
        if not isinstance(leaf, KerasTensor):
            return leaf
        layer, index = position[id(leaf.node)]
        history = [layer.name, index, leaf.index]
        config = {"shape": leaf.shape, "dtype": leaf.dtype, "keras_history": history}
        return {"class_name": TENSOR, "config": config}

    def call_config(node):
        arguments = replace(node.arguments, tensor_config)
        kwargs = {} if node.training is None else {"training": node.training}
        if node.layer.takes_mask:
            kwargs["mask"] = replace(node.arguments, lambda leaf: None)
        several = node.layer.is_operation  # called on several arguments instead of a list
        return {"args": list(arguments) if several else [arguments], "kwargs": kwargs}

    def end_config(tensor):
        layer, index = position[id(tensor.node)]
        return [layer.name, index + _first_call(layer), tensor.index]

    layers = []
    for layer in model.operations:
        calls = [call_config(node) for node in model.nodes_of(layer) if not node.is_input]
        layers.append({"name": layer.name, "inbound_nodes": calls})
    return {
        "layers": layers,
        "input_layers": replace(model.input, end_config),
        "output_layers": replace(model.output, end_config),
    }


def _first_call(layer):
    """The number of a layer's first call in `input_layers` and `output_layers`.

    There, but not in `keras_history`, Keras counts the calls of nested graphs from 1.
    """
    return int(hasattr(layer, "nodes_of"))


def tensors_from(config, custom_objects=None):
    """(inputs, outputs) of the graph that a config describes, made of new layers.

    Raises:
        ValueError: a config that is not valid: the same name twice, a tensor of a layer or call
            that does not exist, or calls that depend on each other.
    """
    entries = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError("The config of a graph must contain a list `layers`.")
    reader = Deserializer.for_model("the config of the graph", custom_objects)
    builder = Builder(from_config=True)
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("inbound_nodes"), list):
            raise ValueError("Each layer in the config of a graph must have `inbound_nodes`.")
        layer = reader.make({key: value for key, value in entry.items() if key not in KEYS})
        builder.add(entry.get("name"), layer, entry["inbound_nodes"])
    builder.check_calls()
    return builder.connect(config)


def copy_of(model, clone, input_tensors=None):
    """(inputs, outputs) of a model's graph with `clone(layer)` for each layer.

    Args:
        clone: function of a layer.
        input_tensors: symbolic tensors to use for the inputs; by default new ones.
    """
    config = _connections(model)
    given = {}
    if input_tensors is not None:
        given = dict(zip(model.input_names, input_tensors, strict=True))
    builder = Builder()
    for layer, entry in zip(model.operations, config["layers"], strict=True):
        new = layer if layer.name in given else clone(layer)
        builder.add(layer.name, new, entry["inbound_nodes"], given.get(layer.name))
    return builder.connect(config)


def check_calls(layers):
    """Check the size of a model of these layers, given as pairs (layer, number of its calls).

    Models that call nested models several times can be far larger than their config.

    Raises:
        ValueError: it would call more than `MAX_LAYER_CALLS` layers, or models are nested too deep.
    """
    calls, depth = _count_calls(layers, {})
    if calls > MAX_LAYER_CALLS:
        raise ValueError(
            f"A model can have at most {MAX_LAYER_CALLS} calls of layers, including those in each "
            f"call of a nested model. Received {calls}."
        )
    if depth > MAX_NESTING:
        raise ValueError(f"Models can be nested at most {MAX_NESTING} levels deep.")


def _count_calls(layers, known):
    """(number of calls, levels of nested models) for pairs (layer, number of its calls)."""
    total, depth = 0, 0
    for layer, count in layers:
        inner = known.get(id(layer))
        if inner is None:
            inner = (1, 0)
            if hasattr(layer, "nodes_of"):
                pairs = [(part, len(layer.nodes_of(part))) for part in layer.operations]
                inner = _count_calls(pairs, known)
            elif hasattr(layer, "layers"):
                inner = _count_calls([(part, 1) for part in layer.layers], known)
            known[id(layer)] = inner
        total += inner[0] * count
        depth = max(depth, inner[1] + 1)
    return total, depth


class Builder:
    """Calls layers on each other in the order in which their inputs become available.

    Args:
        from_config: whether `default_training` in a call stands for a call without `training`.
    """

    def __init__(self, from_config=False):
        self._from_config = from_config
        self._layers = {}
        self._calls = {}  # {layer name: list of call configs}
        self._outputs = {}  # {(layer name, call): list of tensors}

    def add(self, name, layer, calls, output=None):
        """Add a layer and the configs of its calls, or an input and the tensor to use for it."""
        if not isinstance(layer, Layer):
            raise ValueError(f"A graph consists of layers. Received {reprlib.repr(layer)}.")
        if not isinstance(name, str) or name in self._layers:
            raise ValueError(
                "Each layer in the config of a graph must have a name of its own. "
                f"Received name={reprlib.repr(name)}."
            )
        if layer.is_operation and len(calls) > 1:
            raise ValueError(f"The operation {name!r} in the config of a graph is used twice.")
        self._layers[name] = layer
        self._calls[name] = calls
        if isinstance(layer, InputLayer):
            if calls:
                raise ValueError(f"The input {name!r} in the config of a graph has inputs.")
            self._outputs[name, 0] = [layer.output if output is None else output]

    def check_calls(self):
        """See the function of this name."""
        check_calls([(layer, len(self._calls[name])) for name, layer in self._layers.items()])

    def connect(self, config):
        """Make all calls; return the nestings of the graph's inputs and outputs.

        The first call of a layer comes before its second one, as when the config was written.
        """
        made = dict.fromkeys(self._layers, 0)
        waiting = {}  # {(layer name, call) of a missing tensor: names of the layers that need it}
        missing = {}  # {layer name: how many tensors its next call still needs}
        next_call = {}  # {layer name: (arguments, training)}
        ready = deque()

        def prepare(name):
            arguments, training = self._parse(name, self._calls[name][made[name]])
            next_call[name] = arguments, training
            sources = {(leaf.layer, leaf.call) for leaf in _references_in(arguments)}
            needed = [source for source in sources if source not in self._outputs]
            for source in needed:
                waiting.setdefault(source, []).append(name)
            missing[name] = len(needed)
            if not needed:
                ready.append(name)

        for name, calls in self._calls.items():
            if calls:
                prepare(name)
        while ready:
            name = ready.popleft()
            self._call(name, made[name], *next_call[name])
            for other in waiting.pop((name, made[name]), ()):
                missing[other] -= 1
                if not missing[other]:
                    ready.append(other)
            made[name] += 1
            if made[name] < len(self._calls[name]):
                prepare(name)
        incomplete = [name for name, calls in self._calls.items() if made[name] < len(calls)]
        if incomplete:
            raise ValueError(
                "The config of the graph is not valid: these layers depend on each other or on "
                f"calls that do not exist: {reprlib.repr(incomplete)}."
            )
        return self._tensors(config, "input_layers"), self._tensors(config, "output_layers")

    def _parse(self, name, call):
        """(nesting of references, value of `training`) of a call's config."""
        arguments = call.get("args") if isinstance(call, dict) else None
        kwargs = call.get("kwargs", {}) if isinstance(call, dict) else None
        if not isinstance(arguments, list) or not isinstance(kwargs, dict):
            raise ValueError(f"The call of the layer {name!r} in the config is not valid.")
        kwargs = dict(kwargs)
        training = kwargs.pop("training", None)
        if not arguments and "inputs" in kwargs:
            arguments = [kwargs.pop("inputs")]
        has_others = any(leaf is not None for leaf in flatten(kwargs))  # such as masks
        if has_others or not (training is None or isinstance(training, bool)):
            raise ValueError(
                f"The layer {name!r} is called with arguments that are not supported: "
                f"{reprlib.repr({'training': training, **kwargs})}."
            )
        if self._from_config and training is self._layers[name].default_training:
            training = None
        is_operation = self._layers[name].is_operation
        expected = 2 if is_operation else 1
        if len(arguments) != expected:
            raise ValueError(
                f"The layer {name!r} is called with {len(arguments)} arguments instead of "
                f"{expected}."
            )
        tree = self._references(name, arguments if is_operation else arguments[0])
        if not _references_in(tree):
            raise ValueError(f"The layer {name!r} is called without a tensor.")
        return tree, training

    def _references(self, name, tree):
        """The nesting with a `Reference` for each tensor."""
        if isinstance(tree, list):
            return [self._references(name, item) for item in tree]
        if isinstance(tree, dict) and tree.get("class_name") == TENSOR:
            config = tree.get("config")
            return self._reference(config.get("keras_history") if isinstance(config, dict) else 0)
        if isinstance(tree, dict) and "class_name" not in tree:
            return {key: self._references(name, item) for key, item in tree.items()}
        if type(tree) in (int, float) and self._layers[name].is_operation:
            return tree
        raise ValueError(
            f"The layer {name!r} is called on something that is not a tensor: {reprlib.repr(tree)}."
        )

    def _reference(self, history):
        """[layer, call, output] as a `Reference`, checked as far as possible before the calls."""
        is_valid = isinstance(history, (list, tuple)) and len(history) == 3
        if is_valid:
            name, call, output = history
            is_valid = isinstance(name, str) and all(
                isinstance(index, int) and not isinstance(index, bool) and index >= 0
                for index in (call, output)
            )
        if not is_valid:
            raise ValueError(f"A tensor in the config is not valid: {reprlib.repr(history)}.")
        if name not in self._layers:
            raise ValueError(
                f"A tensor in the config names the unknown layer {reprlib.repr(name)}."
            )
        return Reference(name, call, output)

    def _call(self, name, index, arguments, training):
        layer = self._layers[name]
        arguments = replace(arguments, self._resolve)
        if layer.is_operation:
            result = layer.apply(*arguments)
        else:
            result = layer(arguments, training=training)
        self._outputs[name, index] = flatten(result)[0].node.outputs

    def _resolve(self, leaf):
        if not isinstance(leaf, Reference):
            return leaf
        outputs = self._outputs[leaf.layer, leaf.call]
        if leaf.output >= len(outputs):
            raise ValueError(
                f"A tensor in the config is output {leaf.output} of the layer "
                f"{reprlib.repr(leaf.layer)}, which has {len(outputs)}."
            )
        return outputs[leaf.output]

    def _tensors(self, config, key):
        """The nesting of tensors under `key`: one [layer, call, output], or several of them."""

        def resolve(tree):
            if isinstance(tree, dict):
                return {name: resolve(item) for name, item in tree.items()}
            is_leaf = isinstance(tree, (list, tuple)) and tree and isinstance(tree[0], str)
            if not is_leaf and isinstance(tree, (list, tuple)):
                return [resolve(item) for item in tree]
            leaf = self._reference(tree)
            leaf.call -= _first_call(self._layers[leaf.layer])
            if (leaf.layer, leaf.call) not in self._outputs:
                raise ValueError(f"`{key}` names a call that does not exist: {reprlib.repr(tree)}.")
            return self._resolve(leaf)

        return resolve(config.get(key))


class Reference:
    """A tensor in a config: an output of a call of a layer."""

    def __init__(self, layer, call, output):
        self.layer, self.call, self.output = layer, call, output


def _references_in(arguments):
    return [leaf for leaf in flatten(arguments) if isinstance(leaf, Reference)]
