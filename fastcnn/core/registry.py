"""Names: unique names for objects, and the lookup from strings to classes.

In Keras `optimizer="adam"`, `loss=losses.MeanSquaredError()` and a config dictionary are equally
valid. A `Registry` resolves all three, for layers, losses, metrics, optimizers, initializers and
activations; its error lists the valid names.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from fastcnn.core.types import Config

_own = threading.local()  # `counters`: {prefix: how many names were given} of the thread
_custom_objects: contextvars.ContextVar[Config] = contextvars.ContextVar(
    "custom_objects",
    default={},  # noqa: B039 - never changed
)
_registries: dict[str, Registry] = {}
_scope: contextvars.ContextVar[str] = contextvars.ContextVar("scope", default="")


def snake_case(name):
    """`MaxPooling2D` -> `max_pooling2d`, as Keras names layers."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix):
    """`conv2d`, then `conv2d_1`, `conv2d_2`, ...: a counter per prefix and, as in Keras, thread.

    So the names of a model do not depend on the models that other threads build.
    """
    try:
        counters = _own.counters
    except AttributeError:
        counters = _own.counters = {}
    count = counters.get(prefix, 0)
    counters[prefix] = count + 1
    return prefix if count == 0 else f"{prefix}_{count}"


def reset_names():
    """Reset all counters of the calling thread, like Keras's `clear_session`.

    Keras resets those of all threads: a model that another thread is building could then get two
    layers of one name.
    """
    vars(_own).clear()


@contextlib.contextmanager
def scope(path):
    """Context manager: the paths of weights created in it begin with `path`."""
    token = _scope.set(path)
    try:
        yield
    finally:
        _scope.reset(token)


def scoped(name):
    """The path of a layer that creates its weights here: its name after the path of the scope."""
    path = _scope.get()
    return f"{path}/{name}" if path else name


class Registry:
    """Maps names to classes or instances of one kind.

    Args:
        kind: the name of an entry in error messages, such as "optimizer".
        module: the Keras module of this kind, for configs: "keras.optimizers".
        parts: modules with additional entries, imported when a name is not found otherwise.
    """

    def __init__(self, kind, module, parts=()):
        self.kind = kind
        self.module = module
        self._parts = parts
        self._entries = {}
        self._names = []
        _registries[kind] = self

    @staticmethod
    def of(kind):
        """The registry of this kind, for code that must not import the modules of its entries."""
        return _registries[kind]

    def _load_parts(self):
        for part in self._parts:
            importlib.import_module(part)
        self._parts = ()  # not earlier: another thread would not find what is still being imported

    def register(self, name, *aliases, listed=True):
        """Decorator: register an entry under `name`, its class name and the aliases.

        Only `name` is listed in error messages; not even that if the name alone is not enough to
        create the entry.
        """

        def add(entry):
            if listed:
                self._names.append(name)
            class_name = getattr(entry, "__name__", name)
            for key in (name, class_name, *aliases):
                self._entries[key] = entry
            return entry

        return add

    def names(self):
        """The listed names, sorted."""
        self._load_parts()
        return sorted(self._names)

    def has(self, entry):
        """Whether the class or instance is one of the entries."""
        self._load_parts()
        return any(entry is other for other in self._entries.values())

    def contains(self, name):
        """Whether an entry is registered under this name."""
        self._load_parts()
        return name in self._entries

    def lookup(self, name):
        """The entry registered under `name`; otherwise a ValueError that lists the valid names."""
        entry = self._entries.get(name)
        if entry is None and self._parts:
            self._load_parts()
            entry = self._entries.get(name)
        if entry is None and isinstance(name, str):
            entry = self._entries.get(name.lower())
        if entry is None:
            raise self.unknown(name)
        return entry

    def unknown(self, identifier):
        """The exception for an unknown identifier."""
        import difflib

        self._load_parts()
        message = f"Unknown {self.kind}: {identifier!r}."
        if isinstance(identifier, str):
            close = difflib.get_close_matches(identifier.lower(), self._entries, n=1)
            if close:
                message += f" Did you mean {close[0]!r}?"
        return ValueError(f"{message} Valid {self.kind} names are: {', '.join(self.names())}.")

    def get(self, identifier, base):
        """Convert a string, config dictionary, class or instance to an instance of `base`.

        None stays None. Raises ValueError for everything else.
        """
        if identifier is None or isinstance(identifier, base):
            return identifier
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, type) and issubclass(identifier, base):
            return identifier()
        if isinstance(identifier, str):
            entry = self.lookup(identifier)
            return entry() if isinstance(entry, type) else entry
        raise self.unknown(identifier)

    def serialize(self, instance):
        """The dictionary that Keras writes for an object: module, class name and config.

        Raises:
            ValueError: an object without a config, such as a function.
        """
        if instance is None:
            return None
        if not hasattr(instance, "get_config"):
            raise ValueError(
                "A function cannot be written to a config: make it a class with a `get_config`, "
                "registered by `register_keras_serializable`. "
                f"Received the {self.kind} {instance!r}."
            )
        return {
            "module": self.module,
            "class_name": type(instance).__name__,
            "config": instance.get_config(),
            "registered_name": None,
        }

    def deserialize(self, config, custom_objects=None):
        """An instance from what `serialize` wrote. Only registered classes can come out.

        custom_objects: {class name: class} that come before the registered ones, also for the
            objects inside of this one.
        """
        name = config.get("class_name")
        if not isinstance(name, str):
            raise ValueError(
                f"The config of {self.kind} needs a `class_name` string. Received {config!r}."
            )
        customs = {**_custom_objects.get(), **(custom_objects or {})}
        entry = customs.get(config.get("registered_name")) or customs.get(name) or self.lookup(name)
        if not isinstance(entry, type):
            return entry
        before = _custom_objects.set(customs)
        try:
            return entry.from_config(config.get("config") or {})
        finally:
            _custom_objects.reset(before)


def custom_object(name):
    """The custom object of this name in the `deserialize` that is running, or None."""
    return _custom_objects.get().get(name) if isinstance(name, str) else None


def named(config):
    """A config for a name; other configs are returned unchanged."""
    return {"class_name": config} if isinstance(config, str) else config


class Configurable:
    """get_config / from_config for objects whose config consists of their constructor arguments."""

    def get_config(self) -> Config:
        """The constructor arguments that recreate this object, as a dictionary of plain values."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Create an object from the result of `get_config`."""
        return cls(**config)

    def __repr__(self):
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"
