"""Objects to and from the config dictionaries that Keras writes.

    {"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None}

A file only names things; they are looked up in tables of this package. `module` selects a table
(layers, losses, ...) and `class_name` an entry; custom classes come only from `custom_objects` or
`register_keras_serializable`. Nothing is imported and no function is created from text. A Keras
argument that this package does not support is accepted with a neutral value; with any other value
the error names it.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import inspect
import json
import math
import reprlib
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.saving.limits import MAX_HEADER, MAX_NESTING, MAX_NODES, ObjectCount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from fastcnn.core.types import Config, CustomObjects

_registered: dict[str, Any] = {}
_in_scope: contextvars.ContextVar[tuple[dict[str, Any], ...]] = contextvars.ContextVar(
    "in_scope", default=()
)
_shared: contextvars.ContextVar[dict[int, int]] = contextvars.ContextVar(
    "shared",
    default={},  # noqa: B039 - never changed
)
_reader: contextvars.ContextVar[Deserializer | None] = contextvars.ContextVar(
    "reader", default=None
)

MAX_ERROR = 1000  # characters of an error message, which may quote the file
MAX_NAME = 200  # characters of a class name
POLICIES = ("DTypePolicy", "FloatDTypePolicy")

# Arguments that this package may not support, with the value that has no effect.
NEUTRAL = {
    "data_format": "channels_last",
    "dtype": "float32",
    "optional": False,
    "ragged": False,
    "renorm_momentum": 0.99,
    "sparse": False,
    "synchronized": False,
}


def tables():
    """{Keras module: our registry}."""
    from fastcnn import (
        activations,
        constraints,
        initializers,
        losses,
        metrics,
        optimizers,
        regularizers,
    )
    from fastcnn.layers.operations import registry as operations
    from fastcnn.layers.registry import registry as layers

    return {
        "keras.layers": layers,
        "keras": layers,  # models register themselves as layers
        "keras.models": layers,
        "keras.src.models.functional": layers,
        "keras.src.ops.numpy": operations,
        "keras.activations": activations.registry,
        "keras.constraints": constraints.registry,
        "keras.initializers": initializers.registry,
        "keras.losses": losses.registry,
        "keras.metrics": metrics.registry,
        "keras.optimizers": optimizers.registry,
        "keras.optimizers.schedules": optimizers.schedules.registry,
        "keras.regularizers": regularizers.registry,
    }


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[type], type]:
    """Class decorator: model files may refer to the class as "package>name".

    Example:

    >>> import fastcnn as keras
    >>> @keras.saving.register_keras_serializable(package="mine")
    ... class Scale(keras.layers.Layer):
    ...     pass
    >>> keras.saving.get_registered_name(Scale)
    'mine>Scale'
    """

    def add(entry):
        _registered[f"{package}>{name or entry.__name__}"] = entry
        return entry

    return add


def get_registered_name(obj: Any) -> str:
    """The name under which a class was registered, otherwise its own name."""
    for name, other in _registered.items():
        if other is obj:
            return name
    return obj.__name__


def get_registered_object(
    name: str, custom_objects: CustomObjects = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The class registered under a name, or None."""
    for objects in (custom_objects or {}, module_objects or {}):
        if name in objects:
            return objects[name]
    return custom_object(name)


def get_custom_objects() -> dict[str, Any]:
    """The dictionary {name: registered class}; it may be modified."""
    return _registered


@contextlib.contextmanager
def custom_object_scope(custom_objects: CustomObjects) -> Iterator[None]:
    """Context manager: inside it, model files may refer to these objects, {name: class}.

    Other threads do not see them, as in Keras.
    """
    before = _in_scope.set((dict(custom_objects or {}), *_in_scope.get()))
    try:
        yield
    finally:
        _in_scope.reset(before)


CustomObjectScope = custom_object_scope


def custom_object(*names):
    """The object registered or in scope under one of the names, or None."""
    for objects in (*_in_scope.get(), _registered):
        for name in names:
            if isinstance(name, str) and name in objects:
                return objects[name]
    return None


# -------------------------------------------------------------------------------------- to a file


def serialize(value):
    """An object, or a tree of objects, as plain values for JSON."""
    if value is None or isinstance(value, (str, bool, int, float)):
        if isinstance(value, float):
            return float(value)
        return value
    if isinstance(value, dict):
        return {str(key): serialize(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [serialize(item) for item in value]
    if isinstance(value, np.ndarray) and value.ndim:
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item()
    if inspect.isfunction(getattr(value, "function", None)):  # a metric that wraps a function
        value = value.function
    if inspect.isfunction(value) or isinstance(value, type):
        name = value.__name__
        table = _table_of(value)
        return {
            "module": table.module if table else value.__module__,
            "class_name": "type" if isinstance(value, type) else "function",
            "config": name,
            "registered_name": name if table else get_registered_name(value),
        }
    return serialize_object(value)


def serialize_keras_object(obj: Any) -> Any:
    """An object, or a tree of objects, as the plain values that Keras writes."""
    return serialize(obj)


def deserialize_keras_object(
    config: Config, custom_objects: CustomObjects = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object from the result of `serialize_keras_object`, here or in Keras.

    Raises:
        ValueError: it describes something that this package does not support.
    """
    return Deserializer("the configuration", custom_objects).make(config)


def _table_of(entry):
    """The registry that contains the class or function `entry`, or None."""
    if inspect.isfunction(entry):  # `losses.mean_squared_error` represents its class
        entry = getattr(entry, "loss_class", entry)
    return next((table for table in tables().values() if table.has(entry)), None)


def serialize_object(instance):
    """The dictionary of a layer, loss, metric, optimizer, ..."""
    if not hasattr(instance, "get_config"):
        raise ValueError(f"{instance!r} cannot be saved to a file: it has no `get_config`.")
    entry = type(instance)
    table = _table_of(entry)
    is_ours = table is not None and entry.__module__.startswith("fastcnn.")
    module = getattr(entry, "keras_module", table.module) if is_ours else entry.__module__
    is_public = is_ours and not module.startswith("keras.src.")
    config = {
        "module": module,
        "class_name": entry.__name__,
        "config": serialize(instance.get_config()),
        "registered_name": None if is_public else get_registered_name(entry),
    }
    is_operation = getattr(instance, "is_operation", False)
    is_built = getattr(instance, "built", False) and not is_operation
    if is_built and getattr(instance, "input_shape", None) is not None:
        config["build_config"] = {"input_shape": serialize(instance.build_shape)}
    if id(instance) in _shared.get():
        config["shared_object_id"] = _shared.get()[id(instance)]
    return config


@contextlib.contextmanager
def marking_shared_layers(model) -> Iterator[None]:
    """Context manager: a layer that is written more than once gets Keras's `shared_object_id`.

    That happens where a model and a model nested in it both use a layer directly.
    """
    counts: dict[int, int] = {}

    def visit(model):
        for layer in getattr(model, "layers", ()):
            count = counts[id(layer)] = counts.get(id(layer), 0) + 1
            if count == 1:
                visit(layer)

    visit(model)
    shared = [layer for layer, count in counts.items() if count > 1]
    before = _shared.set({layer: number for number, layer in enumerate(shared, 1)})
    try:
        yield
    finally:
        _shared.reset(before)


# ------------------------------------------------------------------------------------ from a file


def parse(text, name):
    """Parse a JSON configuration; check its size, nesting, keys (unique) and numbers (finite).

    Args:
        text: bytes or a string.
        name: the name used in error messages.

    Raises:
        ValueError: it is not valid JSON, or exceeds the limits.
    """
    if len(text) > MAX_HEADER:
        raise ValueError(f"{name}: it has {len(text)} bytes, more than {MAX_HEADER}.")
    try:
        if isinstance(text, (bytes, bytearray)):
            text = text.decode("utf-8")
        if sum(text.count(mark) for mark in ",[{") > MAX_NODES:
            raise ValueError(f"it has more than {MAX_NODES} values.")
        tree = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_number,
            parse_float=_finite,
            parse_int=_small,
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: it is not valid: {error}") from None
    calls: list[Any] = []
    if _is_deep(tree, calls) or _is_deep(calls):
        raise ValueError(f"{name}: it is nested more than {MAX_NESTING} levels deep.")
    return tree


def _is_deep(tree, calls=None):
    """Whether a tree has more than `MAX_NESTING` levels.

    The calls of a graph's layers are moved to the list `calls`: they would take half of the levels.
    """
    level = [tree]
    for _ in range(MAX_NESTING + 1):
        inner: list[Any] = []
        for node in level:
            if isinstance(node, list):
                inner.extend(node)
            elif isinstance(node, dict):
                for key, item in node.items():
                    is_call = key == "inbound_nodes" and calls is not None
                    (calls if is_call else inner).append(item)
        level = inner
        if not level:
            return False
    return True


def _without_duplicates(pairs):
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("it contains a duplicate key.")
    return tree


def _refuse_number(text):
    raise ValueError(f"{text} is not a valid number.")


def _finite(text):
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _small(text):
    number = int(text) if len(text) < 20 else 1 << 63
    return number if abs(number) < 1 << 63 else _refuse_number(text)


def check_limits(text, name):
    """Raise ValueError for a configuration that `parse` or a `Deserializer` finds too large."""
    count = ObjectCount()
    nodes = [parse(text, name)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes.extend(node)
        elif isinstance(node, dict):
            nodes.extend(node.values())
            _count_object(node, name, count)


def _count_object(tree, name, count):
    class_name, module, config = tree.get("class_name"), tree.get("module"), tree.get("config")
    if not isinstance(class_name, str) or class_name in POLICIES:
        return
    if len(class_name) > MAX_NAME:
        raise ValueError(f"{name}: the class name {reprlib.repr(class_name)} is not valid.")
    table = tables().get(module) if isinstance(module, str) else None
    if table is not None and isinstance(config, dict):
        try:
            count.add(table.module, class_name, config)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


class Deserializer:
    """Creates objects from a parsed configuration.

    Args:
        name: the configuration's name in error messages.
        custom_objects: {name: class}, for classes that are not part of this package.
    """

    def __init__(self, name, custom_objects=None):
        self.name = name
        self._custom = custom_objects or {}
        self._tables = tables()
        self._count = ObjectCount()
        self._shared = {}  # {Keras's `shared_object_id`: layer}

    @classmethod
    def for_model(cls, name, custom_objects=None):
        """What a model's `from_config` creates its layers with.

        For a model in a configuration that is being read, it has that configuration's name, custom
        objects and object count.
        """
        reader = copy.copy(_reader.get() or cls(name))
        reader._custom = {**reader._custom, **(custom_objects or {})}
        return reader

    def error(self, message):
        """A ValueError that names the configuration."""
        return ValueError(f"{self.name}: {message}")

    def make(self, tree):
        """Create the object, or the tree of objects, that a parsed configuration describes."""
        if isinstance(tree, list):
            return [self.make(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if "class_name" not in tree:
            return {key: self.make(item) for key, item in tree.items()}
        class_name = tree["class_name"]
        if not isinstance(class_name, str) or len(class_name) > MAX_NAME:
            raise self.error(f"the class name {reprlib.repr(class_name)} is not valid.")
        if class_name == "__numpy__" or class_name == "__tensor__":
            return self._array(tree)
        if class_name in POLICIES:
            return self._policy(tree)
        if class_name in ("function", "type"):
            return self._function(tree)
        entry, table = self._entry(tree, class_name)
        shared = tree.get("shared_object_id")
        if isinstance(shared, int) and type(self._shared.get(shared)) is entry:
            return self._shared[shared]
        config = tree.get("config")
        if config is None:
            config = {}
        if not isinstance(config, dict):
            raise self.error(f"the configuration of {class_name} is not a dictionary.")
        if table is not None:
            config = self._known_arguments(entry, class_name, config)
            try:
                self._count.add(table.module, class_name, config)
            except ValueError as error:
                raise self.error(error) from None
        if hasattr(entry, "config_keys"):
            instance = self._model(class_name, entry, config)
        else:
            config = {key: self.make(item) for key, item in config.items()}
            instance = self.call(class_name, entry.from_config, config)
        if isinstance(shared, int) and hasattr(instance, "nodes"):
            self._shared[shared] = instance
        return instance

    def _model(self, class_name, entry, config):
        """A model, whose `from_config` creates the layers."""
        before = _reader.set(self)
        try:
            return self.call(class_name, entry.from_config, config)
        finally:
            _reader.reset(before)

    def _entry(self, tree, class_name):
        """(class, its table or None for a custom class) for a class name."""
        module, registered = tree.get("module"), tree.get("registered_name")
        custom = self._custom_entry(registered, class_name)
        if custom is not None:
            return custom, None
        table = self._tables.get(module) if isinstance(module, str) else None
        if table is None or (registered is not None and registered != class_name):
            raise self.error(
                f"it contains {class_name!r} of the module {reprlib.repr(module)}, which is not "
                f"part of this package: pass `custom_objects={{{class_name!r}: the class}}`."
            )
        try:
            entry = table.lookup(class_name)
        except ValueError as error:
            raise self.error(f"it contains something that is not supported: {error}") from None
        if not isinstance(entry, type):
            raise self.error(f"{class_name!r} is not a class.")
        return entry, table

    def _custom_entry(self, *names):
        for name in names:
            if isinstance(name, str) and name in self._custom:
                return self._custom[name]
        return custom_object(*names)

    def _known_arguments(self, entry, class_name, config):
        """`config` without unsupported arguments that have a neutral value."""
        if getattr(entry, "any_arguments", False):
            return config
        accepted = accepted_arguments(entry)
        accepted.update(getattr(entry, "config_keys", ()))
        kept = {}
        for key, value in config.items():
            if key in accepted:
                kept[key] = value
            elif value not in (None, NEUTRAL.get(key)) and value != []:
                argument = f"{key}={reprlib.repr(value)}"
                raise self.error(
                    f"{class_name} has the argument {argument}, which is not supported."
                )
        return kept

    def _array(self, tree):
        config = tree.get("config")
        if not isinstance(config, dict) or config.get("dtype") not in (
            *(f"{kind}{size}" for kind in ("int", "uint", "float") for size in (16, 32, 64)),
            *("int8", "uint8", "bool"),
        ):
            raise self.error("it contains an array of an unknown type.")
        return self.call("the array", np.array, config.get("value"), config["dtype"])

    def _policy(self, tree):
        config = tree.get("config")
        name = config.get("name") if isinstance(config, dict) else None
        if name not in ("float32", "float64"):
            raise self.error(f"the dtype {name!r} is not supported, only 'float32'.")
        return name

    def _function(self, tree):
        """A function or class given instead of an instance, looked up by name in a table."""
        name, module = tree.get("config"), tree.get("module")
        custom = self._custom_entry(tree.get("registered_name"), name)
        if custom is not None:
            return custom
        table = self._tables.get(module) if isinstance(module, str) else None
        if module == "builtins" and isinstance(name, str):  # what Keras writes for its functions
            kinds = (self._tables["keras.losses"], self._tables["keras.metrics"])
            table = next((kind for kind in kinds if kind.contains(name)), None)
        if table is None or not isinstance(name, str) or len(name) > MAX_NAME:
            name, module = reprlib.repr(name), reprlib.repr(module)
            raise self.error(
                f"it contains the function {name} of the module {module}, which is not part of "
                f"this package: pass `custom_objects={{{name}: the function}}`."
            )
        try:
            table.lookup(name)
        except ValueError as error:
            raise self.error(f"it contains something that is not supported: {error}") from None
        return name

    def call(self, what, function, *arguments):
        """`function(*arguments)`; an exception that the configuration causes is a ValueError."""
        try:
            return function(*arguments)
        except MemoryError:
            raise
        except Exception as error:
            text = str(error)
            if isinstance(error, ValueError) and text.startswith(self.name):
                raise
            raise self.error(f"{what} cannot be created: {text[:MAX_ERROR]}") from error


def accepted_arguments(entry):
    """The argument names of a class's constructor, including those of its bases."""
    names = set()
    for cls in entry.__mro__:
        constructor = vars(cls).get("__init__")
        if constructor is None or cls is object:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        names.update(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}
