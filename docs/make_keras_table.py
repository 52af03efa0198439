"""Write docs/keras.md from the code: `python docs/make_keras_table.py`.

keras_api.json has what Keras offers (record_keras_api.py). For each of its names this script looks
whether fastcnn has it and which of its arguments are not taken: those that are missing in the
signature, and those that the source passes to `refuse`. test_docs.py keeps the page current.
"""

import ast
import functools
import importlib
import inspect
import json
import textwrap
from pathlib import Path

import fastcnn
from fastcnn.saving.serialization import accepted_arguments

HERE = Path(__file__).resolve().parent
API = json.loads((HERE / "keras_api.json").read_text("utf-8"))

HEAD = """\
# What of Keras is here

Written by `python docs/make_keras_table.py` from the code: do not edit. Keras: {version}.

A script of the Sequential path runs with its import line changed to `import fastcnn as keras` (or
`as tf`): `tests/keras/tutorials` has ten well-known tutorials, which end as they do with Keras. The
tables list what this package has of Keras's names, and how it differs; below each is what is not
there. An argument that is "not taken" raises an error that names it, unless it is left at its
default. The functional API (`Model(inputs, outputs)`), layers with `call`, `tf.data` and
`GradientTape` are not there; each says so in one sentence and names what to use.

Everywhere: `data_format` is "channels_last" only; the dtype is "float32" ("float64" with
`config.set_backend("reference")`).

A layer of your own is written with `build`, `forward` and `backward` (see `fastcnn.layers.base`), a
loss with `values` and `gradient`.
"""
EVERYWHERE = {"data_format", "dtype", "name", "kwargs"}
METHODS = {  # of Sequential: what scripts call; the rest is machinery of Keras's own
    *("add", "build", "compile", "compile_from_config", "count_params", "evaluate", "export"),
    *("fit", "from_config", "get_compile_config", "get_config", "get_layer", "get_weights"),
    *("layers", "load_weights", "losses", "metrics", "metrics_names", "non_trainable_variables"),
    *("non_trainable_weights", "pop", "predict", "predict_on_batch", "reset_metrics", "save"),
    *("save_weights", "set_weights", "summary", "test_on_batch", "to_json", "train_on_batch"),
    *("input_shape", "output_shape", "trainable", "trainable_variables", "trainable_weights"),
    *("variables", "weights", "inputs", "outputs", "quantize"),
}


@functools.cache
def refused(entry):
    """Names of the arguments that the source of a class or function passes to `refuse`."""
    sources = [entry]
    if inspect.isclass(entry):
        sources = [cls for cls in entry.__mro__ if cls.__module__.startswith("fastcnn")]
    names = set()
    for source in sources:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(source)))
        except (OSError, TypeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "refuse":
                name = node.args[1]
                names.update([name.value] if isinstance(name, ast.Constant) else [])
    return names


def taken(entry):
    """(names of the arguments that an entry takes, whether it takes any)."""
    if inspect.isclass(entry):
        return accepted_arguments(entry), False
    if not callable(entry):
        return set(), True
    function = getattr(entry, "__func__", entry)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set(), True
    any_kind = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return {p.name for p in parameters}, any_kind


def differences(entry, arguments):
    """What Keras takes and this entry does not, as text."""
    if arguments is None:
        return ""
    names, anything = taken(entry)
    missing = [
        name
        for name in (argument.partition("=")[0] for argument in arguments if argument[0] != "*")
        if name not in EVERYWHERE
        and ((name not in names and not anything) or name in refused(entry))
    ]
    return f"not taken: {', '.join(f'`{name}`' for name in missing)}" if missing else ""


def find(module, name):
    try:
        return getattr(module, name, None)
    except ImportError:  # an extra that is not installed
        return None


def section(title, module, names):
    """A module's table, and what it lacks."""
    rows, lacking = [], []
    for name, arguments in names.items():
        entry = find(module, name)
        if entry is None:
            lacking.append(name)
            continue
        own = getattr(entry, "__name__", name)
        is_alias = inspect.isclass(entry) and own != name and own in names
        text = f"another name of `{own}`" if is_alias else differences(entry, arguments)
        rows.append((name, text))
    lines = [f"## {title}", ""]
    if rows:
        lines += ["| have | differs |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in rows]
        lines.append("")
    if lacking:
        listed = ", ".join(f"`{name}`" for name in lacking)
        lines += [textwrap.fill(f"Have not: {listed}.", 100), ""]
    return "\n".join(lines)


def page():
    """The whole page."""
    parts = [HEAD.format(version=API["keras"])]
    methods = {name: a for name, a in API["classes"]["Sequential"].items() if name in METHODS}
    parts.append(section("Sequential", fastcnn.Sequential, methods))
    for path, names in API["modules"].items():
        try:
            module = importlib.import_module(f"fastcnn.{path}")
        except ImportError:
            module = None
        parts.append(section(f"keras.{path}", module, names))
    return "\n".join(parts).rstrip() + "\n"


def main():
    (HERE / "keras.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
