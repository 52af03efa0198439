"""Write docs/keras.md from the code: `python docs/make_keras_table.py`.

keras_api.json lists the API of Keras (record_keras_api.py). For each name in it this script checks
whether fastcnn has it and which of its arguments are not supported: those missing from the
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
# Keras compatibility

Generated from the code by `python docs/make_keras_table.py`; do not edit. Keras version: {version}.

A script that uses the Sequential or the functional API runs with its import line changed to
`import fastcnn as keras` (or `as tf`): `tests/keras/tutorials` has well-known tutorials, whose
results match those of Keras. Each table lists the names of Keras that this package supports and how
they differ; names that are not supported are listed below it. Passing an unsupported argument
raises an error that names it, unless the value is the default. Layers and models with `call`
and `GradientTape` are not supported; using them raises an error that names the alternative. For
gradients there is `keras.gradients`. docs/ops.md lists the operations of `keras.ops`, and
docs/unchanged_scripts.md says what there is of TensorFlow.

In all modules, `data_format` must be "channels_last", and the dtype is "float32" ("float64" with
`config.set_backend("reference")`).

A custom layer implements `build`, `forward` and `backward` (see `fastcnn.layers.base`), a custom
loss `values` and `gradient`.

## Different results

Where Keras {version} is wrong or undefined, this package differs on purpose:

- `model(x, training=False)` in a graph keeps that part in inference mode, as Keras's guide to
  transfer learning says. In Keras {version}, `fit` overrides it, and batch normalizations move
  their averages. For a single dropout or noise layer it is lost in files, pickles and deep copies:
  Keras writes `training=False` there for each call of one, and `True` for augmentations.
- `sparsemax` returns values that sum to 1. Keras returns [0, 0, 0.033] for [0.3, 0.3, 0.4], and
  gradients that do not match.
- `Huber` writes its `delta` to files and configs. Keras leaves it out and loads a loss with
  `delta=1`.
- The gradient exactly at a bend is the slope on one side: `relu(max_value=6)` at 6, `relu` with
  both `negative_slope` and `max_value` or `threshold`, `PReLU` and `selu` at 0. Keras uses the
  slope on the other side, or 0. For `celu` at 0 it returns 2, the sum of both.
- NaN stays NaN in every activation. Keras returns 0 for `relu` with a `threshold`, `soft_shrink`
  and `hard_shrink`. Gradients of `hard_silu` and `sparse_plus` at infinity are 0 or 1; in Keras
  they are NaN.
- `LayerNormalization` of a single channel is `beta` for every finite input. In Keras, inputs whose
  product with 1 / sqrt(epsilon) overflows become NaN.
- With `dtype="float64"`, parameters of activations such as a `negative_slope` of 0.1 have double
  precision. Keras rounds them to float32.
- A `Sequential` without `Input` takes images of another size where its layers allow it, as in
  Keras. One with `Input(shape)` takes only that shape; Keras takes others, too. `fit` on batches of
  several image sizes needs `Input(shape=(None, None, channels))`.
- `RMSNormalization` multiplies by `scale` along `axis`. Keras does so along the last axes, which
  is wrong or an error where `axis` is not the last one.
- Adaptive pools return one value of a whole axis, and pool inputs of unknown size. In Keras on
  TensorFlow such a model cannot be trained.
- `AlphaDropout(1.0)` raises a ValueError in training. Keras divides by zero.
- `Equalization` changes images in models, too. In Keras's models it does nothing, because its
  symbolic result is its argument.
- `MixUp` mixes masks image by image. The config of `RandomGrayscale` keeps its seed.
- Without a seed, iterators of `ImageDataGenerator` draw from this package's generator.
- Layers take `batch_input_shape`, and `batch_size` with `input_shape`, with the warning that Keras
  gives for `input_shape`. Keras 3 refuses both, except for `InputLayer`.

## Arguments without effect

Accepted for compatibility: `compile`: `run_eagerly`, `steps_per_execution`, `jit_compile`,
`auto_scale_loss`. `Input` and `InputLayer`: `dtype` (data of every numeric type are converted).
`BatchNormalization`: `synchronized`. `Sequential.add` and `pop`: `rebuild`. `load_model`:
`safe_mode` (files are never trusted). `export`: `verbose`, `input_signature`. `BackupAndRestore`:
`double_checkpoint`. `TensorBoard`: `write_graph`, `profile_batch`. `Metric.add_variable`:
`aggregation`. `clear_session`: `free_memory`.
"""
LOSSES_AND_METRICS = """\
## Losses and metrics

`python -m tests.keras.trials --losses 3000 --metrics 2500 --nets 450` compares random calls of
losses, sequences of metrics and networks with Keras 3.15.1. Last run, 28 November 2026, each kind
on its own: no unexplained difference. 2,773 calls, 1,628 sequences and all 450 networks gave the
same results within rounding, 201 calls and 201 sequences an error on both sides. In 6 calls and 635
sequences, mostly with weights whose shape does not fit, only Keras raises an error. The first three
of the following differences, which are on purpose, explain the other 20 calls and 36 sequences:

- Targets have the shape of the predictions, but for a last axis of 1 that may be missing or
  superfluous. Keras broadcasts others.
- The metrics `Hinge`, `SquaredHinge`, `CategoricalHinge`, `KLDivergence` and `Poisson` align
  targets of another rank as the losses of the same name do. Those of Keras broadcast them.
- The weights of a metric belong to its samples: (n,), (n, 1), (n, t), ... Keras broadcasts weights
  (n, 1) of `F1Score` and `FBetaScore` to n x n. It aligns those of confusion metrics with the last
  axes but one, and raises an error where the sizes do not fit. Updates of such metrics with another
  number of classes are refused.
- `fit` takes one weight for each sample whatever the rank of the output. Keras needs weights (n, 1)
  if the output has more than two axes.
- `EarlyStopping`, `ModelCheckpoint` and `ReduceLROnPlateau` never take NaN for the best value.
  `class_weight` with keys that cannot be labels, or with None, is refused.
- Losses of float64 arrays are computed in float64, unless `dtype="float32"`. Metrics accumulate in
  float64 and return Python floats, in Keras tensors of their `dtype`.
- `CategoricalCrossentropy(axis=..., label_smoothing=...)` divides by the number of classes on that
  axis; Keras divides by the size of the last one. The config of `CosineSimilarity` has its `axis`.
"""
GRAPHS = """\
## Graphs

`python -m tests.keras.graph_trials --graphs 300` compares random graphs (merges, forks, shared
layers, nested models, several inputs and outputs) with Keras 3.15.1. Last run, 28 November 2026, in
parts: names, numbers of weights, configs and the text of `summary` of 300 graphs are equal. So are
`predict`, `evaluate`, losses and weights of ten steps, the arrays of the `.keras` file, and the
files of each package read by the other one, except for three graphs that Keras itself cannot
evaluate (a KeyError). Paths of weights after
`clone_model` and loading are not compared: Keras's depend on the order of the copies, and do not
have the name of a `Sequential` that was loaded.
"""
EVERYWHERE = {"data_format", "dtype", "name", "kwargs"}
METHODS = {  # the methods of Sequential that scripts call; the rest is internal to Keras
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


def accepted(entry):
    """(names of the arguments that an entry accepts, whether it accepts any name)."""
    if inspect.isclass(entry):
        return accepted_arguments(entry), False
    if not callable(entry):
        return set(), True
    function = getattr(entry, "__func__", entry)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set(), True
    accepts_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return {p.name for p in parameters}, accepts_any


def differences(entry, arguments):
    """The arguments of Keras that this entry does not support, as text."""
    if arguments is None:
        return ""
    names, accepts_any = accepted(entry)
    missing = [
        name
        for name in (argument.partition("=")[0] for argument in arguments if argument[0] != "*")
        if name not in EVERYWHERE
        and ((name not in names and not accepts_any) or name in refused(entry))
    ]
    return f"not supported: {', '.join(f'`{name}`' for name in missing)}" if missing else ""


def find(module, name):
    try:
        return getattr(module, name, None)
    except ImportError:  # an extra that is not installed
        return None


def section(title, module, names):
    """The table of a module, and the list of what it lacks."""
    rows, missing = [], []
    for name, arguments in names.items():
        entry = find(module, name)
        if entry is None:
            missing.append(name)
            continue
        own_name = getattr(entry, "__name__", name)
        is_alias = inspect.isclass(entry) and own_name != name and own_name in names
        text = f"alias of `{own_name}`" if is_alias else differences(entry, arguments)
        rows.append((name, text))
    lines = [f"## {title}", ""]
    if rows:
        lines += ["| supported | differences |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in rows]
        lines.append("")
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        lines += [textwrap.fill(f"Not supported: {listed}.", 100), ""]
    return "\n".join(lines)


def page():
    """Return the complete page."""
    parts = [HEAD.format(version=API["keras"]), LOSSES_AND_METRICS, GRAPHS]
    methods = {name: a for name, a in API["classes"]["Sequential"].items() if name in METHODS}
    parts.append(section("Sequential", fastcnn.Sequential, methods))
    for path, names in API["modules"].items():
        if path.startswith("ops"):  # which make_ops_table.py lists
            continue
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
