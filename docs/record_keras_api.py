"""Record what Keras offers a Sequential script: `python docs/record_keras_api.py`.

Needs Keras. Writes keras_api.json beside this file: for each public module the names and their
arguments. make_keras_table.py compares it with this package.
"""

import inspect
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras

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
    "wrappers",
)


def arguments(entry):
    """The names of an entry's arguments, those of **kwargs left out."""
    try:
        parameters = inspect.signature(entry).parameters.values()
    except (TypeError, ValueError):
        return []
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [p.name for p in named if p.name not in ("self", "cls", "kwargs")]


def public(module):
    """{name: arguments} of what a module offers."""
    names = {}
    for name in sorted(dir(module)):
        entry = getattr(module, name)
        if name.startswith("_") or (inspect.ismodule(entry) and module is not keras.datasets):
            continue
        names[name] = arguments(entry)
    return names


def methods(cls):
    """{name: arguments} of a class's public methods; None for properties."""
    found = {}
    for name in sorted(dir(cls)):
        entry = getattr(cls, name)
        if name.startswith("_"):
            continue
        found[name] = arguments(entry) if callable(entry) else None
    return found


def main():
    api = {"keras": keras.__version__, "modules": {}, "Sequential": methods(keras.Sequential)}
    for path in MODULES:
        module = keras
        for part in path.split("."):
            module = getattr(module, part)
        api["modules"][path] = public(module)
    lines = []
    for path, names in api["modules"].items():
        rows = ",\n".join(f"{json.dumps(n)}: {json.dumps(a)}" for n, a in names.items())
        lines.append(f"{json.dumps(path)}: {{\n{rows}\n}}")
    rows = ",\n".join(f"{json.dumps(n)}: {json.dumps(a)}" for n, a in api["Sequential"].items())
    text = (
        f'{{"keras": "{api["keras"]}",\n"modules": {{\n'
        + ",\n".join(lines)
        + f'\n}},\n"Sequential": {{\n{rows}\n}}\n}}\n'
    )
    json.loads(text)
    Path(__file__).with_name("keras_api.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
