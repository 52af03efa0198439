"""Record the tutorials with real Keras: `python -m tests.keras.golden.record_tutorials`.

Requires Keras with TensorFlow, tensorboard and Pillow. Writes tutorials.json next to this file, for
test_tutorials.py: each script's deterministic facts, which are the same for all seeds, and its
random figures, one per seed. Given names of scripts, it records only those again. Takes about two
minutes per seed.

With `--facts` it records only the facts, of one seed, in tutorials_facts.json: of functional
models, whose runs take minutes each.
"""

import contextlib
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf

from tests.keras import tutorials

HERE = Path(__file__).resolve().parent
OUT = HERE / "tutorials.json"
FACTS = HERE / "tutorials_facts.json"
SEEDS = range(12)


def run(name, seed):
    """(facts, figures) of one run."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        variables = tutorials.run(name, "keras", seed, folder)
    return tutorials.facts(variables), tutorials.figures(variables)


def record(name):
    facts, figures = zip(*(run(name, seed) for seed in SEEDS), strict=True)
    if any(other != facts[0] for other in facts):
        raise SystemExit(f"{name}: facts that should not depend on the seed differ.")
    collected = {key: [float(f"{run[key]:.7g}") for run in figures] for key in figures[0]}
    print(name, collected["test_accuracy"], flush=True)
    return {"facts": facts[0], "figures": collected}


def record_facts(names):
    facts = json.loads(FACTS.read_text("utf-8"))
    # XLA compiles a network for minutes
    with mock.patch("keras.src.trainers.trainer.model_supports_jit", return_value=False):
        for name in names or sorted(facts):
            facts[name], _ = run(name, 0)
            print(name, flush=True)
            FACTS.write_text("{\n" + ",\n".join(lines_of(facts)) + "\n}\n", encoding="utf-8")


def lines_of(scripts):
    return [
        f"{json.dumps(name)}: {json.dumps(scripts[name], separators=(',', ':'))}"
        for name in sorted(scripts)
    ]


def main():
    warnings.simplefilter("ignore")
    names = sys.argv[1:]
    if "--facts" in names:
        names.remove("--facts")
        return record_facts(names)
    kept = json.loads(OUT.read_text("utf-8"))["scripts"] if names else {}
    scripts = kept | {name: record(name) for name in names or tutorials.NAMES}
    head = f'{{"keras": "{keras.__version__}", "tensorflow": "{tf.__version__}", "scripts": {{\n'
    OUT.write_text(head + ",\n".join(lines_of(scripts)) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
