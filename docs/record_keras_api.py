"""Record Keras's public API for Sequential scripts: `python docs/record_keras_api.py`.

Requires Keras. Writes keras_api.json next to this file. It holds the names in each public module,
and the methods of the classes that scripts subclass or call. Each comes with its parameters as in
its signature: ["x", "axis=-1", "*", "name=None", "**kwargs"], or null for a property. A default
that is not a plain value is written as "...". make_keras_table.py and test_signatures.py compare
the record with this package.
"""

import inspect
import json
import os
from operator import attrgetter
from pathlib import Path

MODULES = (
    "layers",
    "activations",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "datasets",
    "models",
    "saving",
    "utils",
    "random",
    "backend",
    "config",
    "distribution",
    "wrappers",
    "ops",
    "ops.image",
    "ops.linalg",
    "ops.nn",
    "ops.numpy",
)


CLASSES = (
    "Sequential",
    "Model",
    "layers.Layer",
    "losses.Loss",
    "metrics.Metric",
    "optimizers.Optimizer",
    "optimizers.schedules.LearningRateSchedule",
    "callbacks.Callback",
    "callbacks.CallbackList",
    "initializers.Initializer",
    "regularizers.Regularizer",
    "constraints.Constraint",
)
CALLED = ("__init__", "__call__")  # special methods that are part of the public API
PLAIN = (type(None), bool, int, float, str)


def is_plain(value):
    """Whether a default is a value that its repr describes completely."""
    if isinstance(value, (tuple, list)):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


def parameters(entry):
    """Parameters of a class or function as strings, without `self`; [] if unknown."""
    try:
        found = list(inspect.signature(entry).parameters.values())
    except (TypeError, ValueError):
        return []
    written, star = [], False
    for p in found:
        if p.name in ("self", "cls"):
            continue
        if p.kind is p.VAR_POSITIONAL:
            star = True
        elif p.kind is p.KEYWORD_ONLY and not star:
            written.append("*")
            star = True
        default = ""
        if p.default is not p.empty:
            default = f"={p.default!r}" if is_plain(p.default) else "=..."
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        written.append(f"{mark}{p.name}{default}")
    return written


def public(module):
    """{name: parameters} of a module's public names."""
    names = {}
    for name in sorted(dir(module)):
        entry = getattr(module, name)
        is_part = inspect.ismodule(entry) and not module.__name__.endswith(".datasets")
        if name.startswith("_") or is_part:
            continue
        names[name] = parameters(entry)
    return names


def methods(cls):
    """{name: parameters} of a class's public methods; parameters are None for properties."""
    found = {}
    for name in sorted(dir(cls)):
        entry = getattr(cls, name)
        if name.startswith("_") and (name not in CALLED or entry is getattr(object, name, None)):
            continue
        found[name] = parameters(entry) if callable(entry) else None
    return found


def rows(entries):
    """Format a dictionary as JSON, one entry per line."""
    lines = (f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    modules = {path: public(attrgetter(path)(keras)) for path in MODULES}
    classes = {path: methods(attrgetter(path)(keras)) for path in CLASSES}
    groups = ",\n".join(
        f'"{group}": {{\n'
        + ",\n".join(f"{json.dumps(name)}: {rows(found)}" for name, found in entries.items())
        + "\n}"
        for group, entries in (("modules", modules), ("classes", classes))
    )
    text = f'{{"keras": "{keras.__version__}",\n{groups}\n}}\n'
    json.loads(text)
    Path(__file__).with_name("keras_api.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
