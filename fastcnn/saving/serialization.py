"""Objects to and from the dictionaries that Keras writes: a file names, tables here decide.

    {"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None}

`module` picks a table of this package (layers, losses, ...), `class_name` an entry of it; classes
of a user's own come only from `custom_objects` or `register_keras_serializable`. Nothing is ever
imported, no function is made from text. Arguments of Keras's that this package does not have may
stand in a file as long as they say nothing; with a value they are named in the error.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import reprlib
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.saving.limits import (
    MAX_HEADER,
    MAX_NESTING,
    MAX_NODES,
    MAX_OBJECTS,
    MAX_OTHERS,
    MAX_THRESHOLDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from fastcnn.core.types import Config, CustomObjects

_registered = {}
_in_scope = []

MAX_ERROR = 1000  # characters of an error that may quote the file
MAX_NAME = 200  # characters of a class's name

# Arguments that this package may lack, with the value that stands for "as if it was not there".
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
    """{Keras's module: the registry here}."""
    from fastcnn import (
        activations,
        constraints,
        initializers,
        losses,
        metrics,
        optimizers,
        regularizers,
    )
    from fastcnn.layers.registry import registry as layers

    return {
        "keras.layers": layers,
        "keras": layers,  # Sequential
        "keras.models": layers,
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
    """Class decorator: model files may name the class, as "package>name".

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
    """The name under which a class was registered, else its own."""
    for name, other in _registered.items():
        if other is obj:
            return name
    return obj.__name__


def get_registered_object(
    name: str, custom_objects: CustomObjects = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The class that was registered under a name, or None."""
    for objects in (custom_objects or {}, module_objects or {}):
        if name in objects:
            return objects[name]
    return custom_object(name)


def get_custom_objects() -> dict[str, Any]:
    """The dictionary of registered classes, by their names; it may be changed."""
    return _registered


@contextlib.contextmanager
def custom_object_scope(custom_objects: CustomObjects) -> Iterator[None]:
    """Inside, model files may name these objects: a dictionary from name to class."""
    _in_scope.append(dict(custom_objects or {}))
    try:
        yield
    finally:
        _in_scope.pop()


CustomObjectScope = custom_object_scope


def custom_object(*names):
    """What a user registered or put in scope under one of the names, or None."""
    for objects in (*reversed(_in_scope), _registered):
        for name in names:
            if isinstance(name, str) and name in objects:
                return objects[name]
    return None


# -------------------------------------------------------------------------------------- to a file


def serialize(value):
    """An object, or a tree of them, as plain values for JSON."""
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
    if inspect.isfunction(getattr(value, "function", None)):  # a metric made of a function
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
    """An object, or a tree of them, as the plain values that Keras writes."""
    return serialize(obj)


def deserialize_keras_object(
    config: Config, custom_objects: CustomObjects = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object that `serialize_keras_object`, here or in Keras, has described.

    Raises:
        ValueError: it describes what this package does not have.
    """
    return Deserializer("the configuration", custom_objects).make(config)


def _table_of(entry):
    """The registry that has the class or function `entry`."""
    if inspect.isfunction(entry):  # `losses.mean_squared_error` stands for its class
        entry = getattr(entry, "loss_class", entry)
    return next((table for table in tables().values() if table.has(entry)), None)


def serialize_object(instance):
    """The dictionary of a layer, loss, metric, optimizer, ..."""
    if not hasattr(instance, "get_config"):
        raise ValueError(f"{instance!r} cannot be written to a file: it has no `get_config`.")
    entry = type(instance)
    table = _table_of(entry)
    is_ours = table is not None and entry.__module__.startswith("fastcnn.")
    config = {
        "module": getattr(entry, "keras_module", table.module) if is_ours else entry.__module__,
        "class_name": entry.__name__,
        "config": serialize(instance.get_config()),
        "registered_name": None if is_ours else get_registered_name(entry),
    }
    if getattr(instance, "input_shape", None) is not None and getattr(instance, "built", False):
        config["build_config"] = {"input_shape": list(instance.input_shape)}
    return config


# ------------------------------------------------------------------------------------ from a file


def parse(text, name):
    """A configuration in JSON, checked: size, nesting, no name twice, numbers that are numbers.

    Args:
        text: bytes or a string.
        name: what error messages call it.

    Raises:
        ValueError: it is no JSON, or beyond the limits.
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
        raise ValueError(f"{name}: it makes no sense: {error}") from None
    level = [tree]
    for _ in range(MAX_NESTING + 1):
        level = [
            item
            for node in level
            if isinstance(node, (dict, list))
            for item in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return tree
    raise ValueError(f"{name}: it is nested more than {MAX_NESTING} deep.")


def _without_duplicates(pairs):
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a name stands twice in it.")
    return tree


def _refuse_number(text):
    raise ValueError(f"{text} is no number.")


def _finite(text):
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _small(text):
    number = int(text) if len(text) < 20 else 1 << 63
    return number if abs(number) < 1 << 63 else _refuse_number(text)


class Deserializer:
    """Makes objects from a parsed configuration.

    Args:
        name: what error messages call the configuration.
        custom_objects: dictionary from name to class, for what is not of this package.
    """

    def __init__(self, name, custom_objects=None):
        self.name = name
        self._custom = custom_objects or {}
        self._tables = tables()
        self._counts = {}

    def error(self, message):
        """The exception for a configuration that cannot be followed."""
        return ValueError(f"{self.name}: {message}")

    def make(self, tree):
        """The object, or the tree of objects, that a parsed configuration describes."""
        if isinstance(tree, list):
            return [self.make(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if "class_name" not in tree:
            return {key: self.make(item) for key, item in tree.items()}
        class_name = tree["class_name"]
        if not isinstance(class_name, str) or len(class_name) > MAX_NAME:
            raise self.error(f"the class name {reprlib.repr(class_name)} makes no sense.")
        if class_name == "__numpy__" or class_name == "__tensor__":
            return self._array(tree)
        if class_name in ("DTypePolicy", "FloatDTypePolicy"):
            return self._policy(tree)
        if class_name in ("function", "type"):
            return self._function(tree)
        entry, known = self._entry(tree, class_name)
        config = tree.get("config")
        if config is None:
            config = {}
        if not isinstance(config, dict):
            raise self.error(f"the configuration of {class_name} is no dictionary.")
        if known:
            config = self._known_arguments(entry, class_name, config)
        config = {key: self.make(item) for key, item in config.items()}
        return self.call(class_name, entry.from_config, config)

    def _entry(self, tree, class_name):
        """(class, whether it is of this package) for a class name."""
        module, registered = tree.get("module"), tree.get("registered_name")
        custom = self._custom_entry(registered, class_name)
        if custom is not None:
            return custom, False
        if class_name in ("Functional", "Model"):
            raise self.error(
                "it holds a functional model (`Model(inputs, outputs)`); only `Sequential` models "
                "are supported."
            )
        table = self._tables.get(module) if isinstance(module, str) else None
        if table is None or (registered is not None and registered != class_name):
            raise self.error(
                f"it holds {class_name!r} of the module {reprlib.repr(module)}, not part of this "
                f"package: pass `custom_objects={{{class_name!r}: the class}}`."
            )
        try:
            entry = table.lookup(class_name)
        except ValueError as error:
            raise self.error(f"it holds what this package does not have: {error}") from None
        if not isinstance(entry, type):
            raise self.error(f"{class_name!r} is no class.")
        count = self._counts[table.module] = self._counts.get(table.module, 0) + 1
        limit = MAX_OBJECTS.get(table.module, MAX_OTHERS)
        if count > limit:
            raise self.error(f"it holds more than {limit} objects of {table.module}.")
        return entry, True

    def _custom_entry(self, *names):
        for name in names:
            if isinstance(name, str) and name in self._custom:
                return self._custom[name]
        return custom_object(*names)

    def _known_arguments(self, entry, class_name, config):
        """`config` without the arguments that the class lacks and that say nothing."""
        accepted = accepted_arguments(entry)
        if hasattr(entry, "keras_module"):  # a Sequential's configuration has these, too
            accepted |= {"build_input_shape", "dtype"}
        kept = {}
        for key, value in config.items():
            if key in accepted:
                kept[key] = value
            elif value not in (None, NEUTRAL.get(key)) and value != []:
                argument = f"{key}={reprlib.repr(value)}"
                raise self.error(
                    f"{class_name} has the argument {argument}, which is not supported."
                )
        thresholds = kept.get("num_thresholds")
        if isinstance(thresholds, (int, float)) and thresholds > MAX_THRESHOLDS:
            raise self.error(f"{class_name} has more than {MAX_THRESHOLDS} thresholds.")
        return kept

    def _array(self, tree):
        config = tree.get("config")
        if not isinstance(config, dict) or config.get("dtype") not in (
            *(f"{kind}{size}" for kind in ("int", "uint", "float") for size in (16, 32, 64)),
            *("int8", "uint8", "bool"),
        ):
            raise self.error("it holds an array of an unknown type.")
        return self.call("the array", np.array, config.get("value"), config["dtype"])

    def _policy(self, tree):
        config = tree.get("config")
        name = config.get("name") if isinstance(config, dict) else None
        if name not in ("float32", "float64"):
            raise self.error(f"the dtype {name!r} is not supported, only 'float32'.")
        return name

    def _function(self, tree):
        """A function or class that was given instead of an instance: by its name, from a table."""
        name, module = tree.get("config"), tree.get("module")
        custom = self._custom_entry(tree.get("registered_name"), name)
        if custom is not None:
            return custom
        table = self._tables.get(module) if isinstance(module, str) else None
        if table is None or not isinstance(name, str) or len(name) > MAX_NAME:
            name, module = reprlib.repr(name), reprlib.repr(module)
            raise self.error(
                f"it holds the function {name} of the module {module}, which is not part of "
                f"this package: pass `custom_objects={{{name}: the function}}`."
            )
        try:
            table.lookup(name)
        except ValueError as error:
            raise self.error(f"it holds what this package does not have: {error}") from None
        return name

    def call(self, what, function, *arguments):
        """`function(*arguments)`; whatever it says of a hostile configuration is a ValueError."""
        try:
            return function(*arguments)
        except MemoryError:
            raise
        except Exception as error:
            text = str(error)
            if isinstance(error, ValueError) and text.startswith(self.name):
                raise
            raise self.error(f"{what} cannot be made: {text[:MAX_ERROR]}") from error


def accepted_arguments(entry):
    """The names that a class's constructor takes, its bases' included."""
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
