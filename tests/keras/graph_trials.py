"""Random graphs in real Keras and in fastcnn: do they agree in all that one can ask of a model?

    python -m tests.keras.graph_trials --graphs 300

Requires Keras with TensorFlow in the same environment. Each graph is drawn from its own seed
(tests/support/random_graphs.py), so `--first N --graphs 1` repeats graph N and `--show N` prints
its text. Both packages start with the same weights. The table at the end counts for each check the
graphs that agree, that differ for a known reason (`reason`), and that differ without one; the
latter are also printed.

With `--cache FOLDER` what Keras does with a graph is kept in a file, and read from it the next
time: most of the time is Keras's. `--record` does no more than that. With `--structure` only names,
counts, summaries and configs are compared, in a tenth of the time.
"""

import argparse
import collections
import io
import itertools
import json
import os
import pickle
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np

import fastcnn
from tests.support.keras_files import assert_same_config, tree
from tests.support.random_graphs import Graph

EPOCHS = 5  # of two batches: ten steps
# (rtol, atol as a share of the largest value)
TOLERANCES = {
    "predict": (2e-5, 1e-5),
    "evaluate": (2e-5, 1e-5),
    "history": (5e-4, 1e-4),
    "weights": (1e-3, 2e-4),
    "predict after": (1e-3, 1e-3),
    "more": (1e-3, 1e-4),
}
PERTURBATION = 2.0**-22  # of the initial weights, relative: one or two units in the last place
FACTOR = 50  # a difference of so many times that of Keras with perturbed weights is rounding


def flat(outputs):
    """Arrays of a model's outputs in Keras's order."""
    if isinstance(outputs, dict):
        return [np.asarray(outputs[key]) for key in sorted(outputs)]
    return [np.asarray(y) for y in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def outputs(model, graph, x):
    return flat(model.predict(x, batch_size=graph.batch, verbose=0))


def evaluation(model, graph, x, y, weight):
    return model.evaluate(
        x, y, batch_size=graph.batch, sample_weight=weight, verbose=0, return_dict=True
    )


def fit(model, graph, x, y, weight, epochs):
    settings = {"batch_size": graph.batch, "shuffle": False, "verbose": 0, "sample_weight": weight}
    return model.fit(x, y, epochs=epochs, **settings).history


def new_model(package, graph):
    package.utils.clear_session()
    model = graph.build(package)
    graph.compile(package, model, **({} if package is fastcnn else {"run_eagerly": True}))
    return model


def summary(model, **settings):
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text), **settings)
    return "\n".join(lines)


def structure(model):
    """What a model says about itself."""
    return {
        "names": {
            "model": model.name,
            "outputs": list(model.output_names),
            "layers": [layer.name for layer in model.layers],
            "weights": [[w.path, list(w.shape)] for w in model.weights],
            "trainable": [w.path for w in model.trainable_weights],
        },
        "count": model.count_params(),
        "summary": summary(model),
        "whole summary": summary(model, line_length=140, expand_nested=True, show_trainable=True),
        "config": json.loads(model.to_json()),
    }


def results(package, graph, folder, perturb=0.0):
    """What a package does with a graph."""
    model = new_model(package, graph)
    start = graph.weights(model)
    rng = np.random.default_rng(1)
    start = [(w * (1 + perturb * rng.choice([-1, 1], w.shape))).astype(np.float32) for w in start]
    model.set_weights(start)
    x, y, weight = graph.data()
    found = {
        **structure(model),
        "predict": outputs(model, graph, x),
        "evaluate": evaluation(model, graph, x, y, weight),
        "history": fit(model, graph, x, y, weight, EPOCHS),
        "weights": model.get_weights(),
        "predict after": outputs(model, graph, x),
        "evaluate after": evaluation(model, graph, x, y, weight),
    }
    if not perturb:
        model.save(Path(folder, "model.keras"))
        model.save_weights(Path(folder, "model.weights.h5"))
        found["file"] = Path(folder, "model.keras").read_bytes()
        found["weights file"] = Path(folder, "model.weights.h5").read_bytes()
    found["more"] = fit(model, graph, x, y, weight, 1)
    return found


def cached(keras, graph, cache, folder):
    """`results` of real Keras."""
    path = Path(cache, f"{graph.seed}.pickle") if cache else None
    if path and path.exists():
        text, found = pickle.loads(path.read_bytes())
        if text == graph.text:
            return found
    found = results(keras, graph, folder)
    if path:
        path.write_bytes(pickle.dumps((graph.text, found)))
    return found


# --- checks: each raises an AssertionError where the packages differ


def assert_close(ours, theirs, rtol, share):
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), f"keys {list(ours)} instead of {list(theirs)}"
        ours, theirs = list(ours.values()), list(theirs.values())
    assert len(ours) == len(theirs), f"{len(ours)} arrays instead of {len(theirs)}"
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        assert one.shape == other.shape, f"{index}: shape {one.shape} instead of {other.shape}"
        atol = share * max(np.abs(other).max(initial=0), 1e-3)
        if not np.allclose(one, other, rtol, atol):
            worst = np.abs(one - other).max()
            raise AssertionError(f"array {index} of {one.shape} differs by {worst:.3g}")


def assert_same_settings(ours, theirs):
    """The same configuration. Only Keras was compiled with `run_eagerly`."""
    ours, theirs = ({**c, "compile_config": dict(c["compile_config"])} for c in (ours, theirs))
    for config in (ours, theirs):
        config["compile_config"].pop("run_eagerly")
    assert_same_config(ours, theirs, "config")


def assert_same_arrays(ours, theirs):
    """The same members of a .keras file, arrays and groups."""
    ours, theirs = (zipfile.ZipFile(io.BytesIO(content)) for content in (ours, theirs))
    assert ours.namelist() == theirs.namelist()
    ours, theirs = (tree(archive.open("model.weights.h5")) for archive in (ours, theirs))
    for path in sorted(ours.keys() | theirs.keys()):
        assert ours.get(path) == theirs.get(path), f"{path}: {ours.get(path)} {theirs.get(path)}"


def assert_same_names(ours, theirs):
    for key, names in theirs.items():
        if isinstance(names, list):
            for index, (one, other) in enumerate(itertools.zip_longest(ours[key], names)):
                assert one == other, f"{key}: {index} is {one} instead of {other}"
        assert ours[key] == names, f"{key}: {ours[key]} instead of {names}"


def assert_same_text(ours, theirs):
    for one, other in itertools.zip_longest(ours.splitlines(), theirs.splitlines()):
        assert one == other, f"\n{one}\ninstead of\n{other}"


def compare_structure(ours, theirs):
    """Yield (check, function that raises an error where they differ)."""
    yield "names", lambda: assert_same_names(ours["names"], theirs["names"])
    yield "count_params", lambda: assert_close([ours["count"]], [theirs["count"]], 0, 0)
    for key in ("summary", "whole summary"):
        yield key, lambda key=key: assert_same_text(ours[key], theirs[key])
    yield "config", lambda: assert_same_settings(ours["config"], theirs["config"])


def compare(ours, theirs):
    """The same for all results."""
    yield from compare_structure(ours, theirs)
    for key, tolerance in TOLERANCES.items():
        yield key, lambda key=key, tol=tolerance: assert_close(ours[key], theirs[key], *tol)
    yield "arrays of the file", lambda: assert_same_arrays(ours["file"], theirs["file"])


def exchanged(keras, graph, ours, theirs, folder):
    """The same for files that one package writes and the other reads."""
    x, y, weight = graph.data()

    def reads(package, found, continues):
        path = Path(folder, "read.keras")
        path.write_bytes(found["file"])
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*optimizer")
            model = package.models.load_model(path)
        if package is keras:
            model.run_eagerly = True
        assert_close(outputs(model, graph, x), found["predict after"], 2e-5, 1e-5)
        assert_close(evaluation(model, graph, x, y, weight), found["evaluate after"], 2e-5, 1e-5)
        if continues:
            assert_close(fit(model, graph, x, y, weight, 1), found["more"], 5e-4, 1e-4)

    def reads_weights(package, found):
        path = Path(folder, "read.weights.h5")
        path.write_bytes(found["weights file"])
        model = new_model(package, graph)
        model.load_weights(path)
        assert_close(outputs(model, graph, x), found["predict after"], 2e-5, 1e-5)

    def clones():
        model = fastcnn.models.model_from_json(json.dumps(theirs["config"]))
        copy = fastcnn.models.clone_model(model)
        for one in (model, copy):
            one.set_weights(theirs["weights"])
            assert_close(outputs(one, graph, x), ours["predict after"], 1e-3, 1e-3)

    yield "Keras's file read", lambda: reads(fastcnn, theirs, True)
    yield "Keras's weights read", lambda: reads_weights(fastcnn, theirs)
    yield "our file read by Keras", lambda: reads(keras, ours, False)
    yield "our weights read by Keras", lambda: reads_weights(keras, ours)
    yield "from Keras's JSON, cloned", clones


def depends_on_rounding(keras, graph, check, ours, theirs, folder):
    """Whether Keras's own results differ as much when its initial weights do in the last place."""
    if check not in TOLERANCES:
        return False
    perturbed = results(keras, graph, folder, PERTURBATION)[check]
    as_arrays = lambda values: list(values.values()) if isinstance(values, dict) else values  # noqa: E731
    pairs = zip(*map(as_arrays, (ours[check], theirs[check], perturbed)), strict=True)
    return all(
        np.shape(a) == np.shape(b)
        and np.abs(np.subtract(a, b)).max(initial=0)
        <= FACTOR * np.abs(np.subtract(b, c)).max(initial=0) + 1e-5 * np.abs(b).max(initial=0)
        for a, b, c in pairs
    )


def reason(graph, check, error):
    """Why a difference is right (see docs/keras.md), or None."""
    return None


def structure_trial(keras, seed, count):
    """As `trial`, without running the models."""
    graph, found = Graph(seed), []
    theirs, ours = (structure(new_model(package, graph)) for package in (keras, fastcnn))
    for check, run in compare_structure(ours, theirs):
        try:
            run()
        except AssertionError as error:
            count[check]["unexplained"] += 1
            found.append((check, error))
        else:
            count[check]["equal"] += 1
    return found


def trial(keras, seed, cache, count):
    """Run all checks of one graph; `count[check][outcome]` is counted, differences are returned."""
    graph, found = Graph(seed), []
    with tempfile.TemporaryDirectory() as folder:
        try:
            theirs = cached(keras, graph, cache, folder)
        except Exception as error:
            print(f"graph {seed}: Keras fails: {type(error).__name__}: {error}", flush=True)
            count["runs"]["Keras fails"] += 1
            return []
        try:
            ours = results(fastcnn, graph, folder)
        except Exception as error:
            count["runs"][f"{type(error).__name__}"] += 1
            return [("runs", error)]
        count["runs"]["equal"] += 1
        checks = [*compare(ours, theirs), *exchanged(keras, graph, ours, theirs, folder)]
        for check, run in checks:
            try:
                run()
            except Exception as error:
                why = reason(graph, check, error)
                if not why and depends_on_rounding(keras, graph, check, ours, theirs, folder):
                    why = "depends on rounding in Keras too"
                count[check][why or "unexplained"] += 1
                if not why:
                    found.append((check, error))
            else:
                count[check]["equal"] += 1
    return found


def print_table(count):
    kinds = sorted({kind for counter in count.values() for kind in counter} - {"equal"})
    kinds = ["equal", *kinds]
    print("\n" + "".join([f"{'check':28}", *(f"{kind:>14}" for kind in kinds)]))
    for check, counter in count.items():
        print("".join([f"{check:28}", *(f"{counter[kind]:14}" for kind in kinds)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=0, help="number of graphs")
    parser.add_argument("--first", type=int, default=0, help="seed of the first graph")
    parser.add_argument("--step", type=int, default=1, help="between seeds, to run a part of them")
    parser.add_argument("--show", type=int, help="print the graph of a seed")
    parser.add_argument("--cache", help="folder for what Keras does")
    parser.add_argument("--structure", action="store_true", help="do not run the models")
    parser.add_argument("--record", action="store_true", help="only write the cache")
    arguments = parser.parse_args()
    if arguments.show is not None:
        return print(Graph(arguments.show).text)
    os.environ["COLUMNS"] = "160"  # of summaries
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    warnings.simplefilter("ignore")
    count, failed = collections.defaultdict(collections.Counter), 0
    for seed in range(arguments.first, arguments.first + arguments.graphs, arguments.step):
        if arguments.record:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    cached(keras, Graph(seed), arguments.cache, folder)
                except Exception as error:
                    print(f"graph {seed}: {type(error).__name__}: {error}", flush=True)
            continue
        if arguments.structure:
            found = structure_trial(keras, seed, count)
        else:
            found = trial(keras, seed, arguments.cache, count)
        failed += bool(found)
        for check, error in found:
            print(f"graph {seed}: {check}: {type(error).__name__}: {error}", flush=True)
    if not arguments.record:
        print_table(count)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
