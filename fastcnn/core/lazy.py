"""Lazy imports of rarely used modules, to keep `import fastcnn` fast."""

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
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{part}")
        value = getattr(module, name) if name in homes else module
        setattr(sys.modules[package], name, value)
        return value

    def __dir__():  # noqa: N807
        return sorted({*vars(sys.modules[package]), *homes, *parts})

    return __getattr__, __dir__
