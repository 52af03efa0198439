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
from fastcnn.layers.core import InputLayer
from fastcnn.layers.symbolic import KerasTensor

if TYPE_CHECKING:
    from typing import Any

TENSOR = "__keras_tensor__"
KEYS = ("name", "inbound_nodes")  # what an entry has besides the layer's own config


def config_of(model) -> dict[str, Any]:
    """The entries of a graph in the config of its model."""
    from fastcnn.saving.serialization import serialize_object

    position = {
        id(node): (layer.name, index)
        for layer in model.operations
        for index, node in enumerate(model.nodes_of(layer))
    }

    def history(tensor):
        return [*position[id(tensor.node)], tensor.index]

    def tensor_config(leaf):
        if not isinstance(leaf, KerasTensor):
            return leaf
        config = {"shape": leaf.shape, "dtype": leaf.dtype, "keras_history": history(leaf)}
        return {"class_name": TENSOR, "config": config}

    def call_config(node):
        if node.is_input:
            return None
        arguments = replace(node.arguments, tensor_config)
        several = node.layer.is_operation  # called on several arguments instead of a list
        kwargs = {} if node.training is None else {"training": node.training}
        return {"args": list(arguments) if several else [arguments], "kwargs": kwargs}

    layers = []
    for layer in model.operations:
        calls = [call_config(node) for node in model.nodes_of(layer)]
        entry = {**serialize_object(layer), "name": layer.name}
        entry["inbound_nodes"] = [call for call in calls if call is not None]
        layers.append(entry)
    return {
        "layers": layers,
        "input_layers": replace(model.input, history),
        "output_layers": replace(model.output, history),
    }


def tensors_from(config, custom_objects=None):
    """(inputs, outputs) of the graph that a config describes, made of new layers.

    Raises:
        ValueError: a config that is not valid: the same name twice, a tensor of a layer or call
            that does not exist, or calls that depend on each other.
    """
    from fastcnn.saving.serialization import Deserializer

    entries = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError("The config of a graph must contain a list `layers`.")
    deserializer = Deserializer("the config of the graph", custom_objects)
    builder = Builder()
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("inbound_nodes"), list):
            raise ValueError("Each layer in the config of a graph must have `inbound_nodes`.")
        layer = {key: value for key, value in entry.items() if key not in KEYS}
        builder.add(entry.get("name"), deserializer.make(layer), entry["inbound_nodes"])
    builder.connect()
    return builder.tensors(config, "input_layers"), builder.tensors(config, "output_layers")


class Builder:
    """Calls layers on each other in the order in which their inputs become available."""

    def __init__(self):
        self._layers = {}
        self._calls = {}  # {layer name: list of call configs}
        self._outputs = {}  # {(layer name, call): list of tensors}

    def add(self, name, layer, calls):
        """Add a layer and the configs of its calls."""
        if not isinstance(name, str) or name in self._layers:
            raise ValueError(
                "Each layer in the config of a graph must have a name of its own. "
                f"Received name={reprlib.repr(name)}."
            )
        self._layers[name] = layer
        self._calls[name] = calls
        if isinstance(layer, InputLayer):
            self._outputs[name, 0] = [layer.output]

    def connect(self):
        """Make all calls.

        The first call of a layer comes before its second one, as when the config was written.
        """
        waiting = {}  # {(layer name, call) of a missing tensor: names of the layers that need it}
        made = dict.fromkeys(self._layers, 0)
        ready = deque(name for name in self._layers if self._calls[name])
        remaining = sum(len(calls) for calls in self._calls.values())
        while ready:
            name = ready.popleft()
            while made[name] < len(self._calls[name]):
                arguments, training = self._parse(name, self._calls[name][made[name]])
                missing = self._missing(arguments)
                if missing is not None:
                    waiting.setdefault(missing, []).append(name)
                    break
                self._call(name, made[name], arguments, training)
                ready.extend(waiting.pop((name, made[name]), ()))
                made[name] += 1
                remaining -= 1
        if remaining:
            names = [name for name, calls in self._calls.items() if made[name] < len(calls)]
            raise ValueError(
                "The config of the graph is not valid: these layers depend on each other or on "
                f"calls that do not exist: {reprlib.repr(names)}."
            )

    def _parse(self, name, call):
        """(nesting of references, value of `training`) of a call's config."""
        arguments = call.get("args") if isinstance(call, dict) else None
        kwargs = call.get("kwargs", {}) if isinstance(call, dict) else None
        if not isinstance(arguments, list) or not arguments or not isinstance(kwargs, dict):
            raise ValueError(f"The call of the layer {name!r} in the config is not valid.")
        training = kwargs.get("training")
        others = [key for key, value in kwargs.items() if key != "training" and value is not None]
        if others or training not in (None, True, False):
            raise ValueError(
                f"The layer {name!r} is called with arguments that are not supported: "
                f"{reprlib.repr(kwargs)}."
            )
        is_operation = self._layers[name].is_operation
        if len(arguments) != 1 and not is_operation:
            raise ValueError(
                f"The layer {name!r} is called with {len(arguments)} arguments; one is supported."
            )
        return self._references(name, arguments if is_operation else arguments[0]), training

    def _references(self, name, tree):
        """The nesting with a `Reference` for each tensor."""
        if isinstance(tree, list):
            return [self._references(name, item) for item in tree]
        if isinstance(tree, dict) and tree.get("class_name") == TENSOR:
            config = tree.get("config")
            return self._reference(config.get("keras_history") if isinstance(config, dict) else 0)
        if isinstance(tree, dict) and "class_name" not in tree:
            return {key: self._references(name, item) for key, item in tree.items()}
        if isinstance(tree, (int, float)) and self._layers[name].is_operation:
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
            raise ValueError(f"A tensor in the config names the unknown layer {name!r}.")
        return Reference(name, call, output)

    def _missing(self, arguments):
        """The first call that has not been made although the arguments need it, or None."""
        for reference in _references_in(arguments):
            if (reference.layer, reference.call) not in self._outputs:
                return reference.layer, reference.call
        return None

    def _call(self, name, index, arguments, training):
        layer = self._layers[name]
        arguments = replace(arguments, self._resolve)
        if layer.is_operation:
            result = layer.apply(*arguments)
        else:
            result = layer(arguments, training=training)
        node = flatten(result)[0].node
        self._outputs[name, index] = node.outputs

    def _resolve(self, leaf):
        if not isinstance(leaf, Reference):
            return leaf
        outputs = self._outputs[leaf.layer, leaf.call]
        if leaf.output >= len(outputs):
            raise ValueError(
                f"A tensor in the config is output {leaf.output} of the layer {leaf.layer!r}, "
                f"which has {len(outputs)}."
            )
        return outputs[leaf.output]

    def tensors(self, config, key):
        """The nesting of tensors under `key`: one [layer, call, output], or several of them."""

        def resolve(tree):
            if isinstance(tree, dict):
                return {name: resolve(item) for name, item in tree.items()}
            is_leaf = isinstance(tree, (list, tuple)) and tree and isinstance(tree[0], str)
            if is_leaf or not isinstance(tree, (list, tuple)):
                reference = self._reference(tree)
                if self._missing(reference) is not None:
                    raise ValueError(f"`{key}` names a call that does not exist: {tree}.")
                return self._resolve(reference)
            return [resolve(item) for item in tree]

        return resolve(config.get(key))


class Reference:
    """A tensor in a config: an output of a call of a layer."""

    def __init__(self, layer, call, output):
        self.layer, self.call, self.output = layer, call, output


def _references_in(arguments):
    if isinstance(arguments, dict):
        arguments = [arguments[key] for key in sorted(arguments)]
    if isinstance(arguments, list):
        return [reference for item in arguments for reference in _references_in(item)]
    return [arguments] if isinstance(arguments, Reference) else []
