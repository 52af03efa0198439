"""Lazy imports, which keep `import fastcnn` fast, and the errors about names that are missing."""

import functools
import importlib
import sys

OLD_NAMES = {  # old names of losses and metrics that `tensorflow.keras` still has
    **dict.fromkeys(("kld", "KLD", "kullback_leibler_divergence"), "kl_divergence"),
    **dict.fromkeys(("mae", "MAE"), "mean_absolute_error"),
    **dict.fromkeys(("mape", "MAPE"), "mean_absolute_percentage_error"),
    **dict.fromkeys(("mse", "MSE"), "mean_squared_error"),
    **dict.fromkeys(("msle", "MSLE"), "mean_squared_logarithmic_error"),
    "logcosh": "log_cosh",
}


def attach(package, parts, old_names=None):
    """Return (`__getattr__`, `__dir__`) for a package.

    Args:
        package: its `__name__`.
        parts: {module in the package: the names that the package re-exports from it}.
        old_names: {alias: one of those names}.
    """
    homes = {name: part for part, names in parts.items() for name in names}

    def __getattr__(name):  # noqa: N807 - the hook of a module
        name = (old_names or {}).get(name, name)
        part = homes.get(name, name)
        if part not in parts:
            raise missing(package, name)
        module = importlib.import_module(f"{package}.{part}")
        value = getattr(module, name) if name in homes else module
        setattr(sys.modules[package], name, value)
        return value

    def __dir__():  # noqa: N807
        return sorted({*vars(sys.modules[package]), *homes, *parts})

    return __getattr__, __dir__


def missing(module, name):
    """The AttributeError for a missing name of a module: it says what to use instead."""
    if name.startswith("_"):
        return AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    from fastcnn.core.missing import sentence

    # without `obj` Python does not append a suggestion of its own
    return AttributeError(sentence(module, name), name=name)


def explain_missing(*modules):
    """Let plain modules say what to use instead of a missing name."""
    for module in modules:
        vars(module).setdefault("__getattr__", functools.partial(_raise_missing, module.__name__))
        # with a path, even an empty one, `from module import name` asks the import hooks
        vars(module).setdefault("__path__", [])


def _raise_missing(module, name):
    raise missing(module, name)


class _MissingModules:
    """Import hook that is asked last, for what no other hook found: it says what to use instead.

    `from package import name` comes here as well, if the package has no such attribute.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        package, _, name = name.rpartition(".")
        module = sys.modules.get(package) if package.partition(".")[0] == "fastcnn" else None
        if module and name not in dir(module):
            try:
                getattr(module, name)
            except AttributeError as error:
                message = str(error)
                if not message.rstrip(".").endswith(repr(name)):  # it says more than Python's error
                    # with its `name` set, `from package import name` would replace this error
                    raise ModuleNotFoundError(message) from None
        return None


sys.meta_path.append(_MissingModules)
