"""`python -m fastcnn.fashion --recipe`: train with a recipe, several times, and report."""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

import fastcnn as keras
from fastcnn.recipes import runs as records
from fastcnn.recipes.recipes import RECIPES, build, fit, predict
from fastcnn.recipes.work import training_flop
from fastcnn.report.training import EpochTimer

if TYPE_CHECKING:
    from typing import Any

HELD_OUT = 10_000  # the last training images, on which choices are made
FIXED = ("model", "epochs", "batch_size", "learning_rate", "distributed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of recipes."""
    group = parser.add_argument_group("recipes")
    group.add_argument(
        "--recipe",
        choices=RECIPES,
        help="train another net, which aims at 92 %% in about 15 seconds on two fast cores (fast), "
        "94 %% in 150 seconds (good) or 95 %% in 20 minutes (best)",
    )
    group.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="number of runs with a recipe, with consecutive seeds; prints mean and deviation",
    )
    group.add_argument(
        "--hold-out",
        action="store_true",
        help=f"test on the last {HELD_OUT:,} training images and train on the others: use this to "
        "choose between recipes, so that the test images stay unseen",
    )
    group.add_argument(
        "--results",
        metavar="FILE",
        help="add every run with a recipe to this JSON file; runs that are already in it are not "
        "repeated",
    )


def check(
    parser: argparse.ArgumentParser, options: argparse.Namespace, arguments: list[str] | None
) -> None:
    """Exit with a sentence if options, which were parsed from `arguments`, do not fit together."""
    if options.seeds < 1:
        parser.error(f"argument --seeds: must be an integer >= 1, not '{options.seeds}'")
    if options.recipe is None:
        given = {"--seeds": options.seeds > 1, "--hold-out": options.hold_out}
        given |= {"--results": options.results, "--data cifar10": options.data == "cifar10"}
        for name, is_given in given.items():
            if is_given:
                parser.error(f"{name} requires --recipe")
        return
    without_defaults = argparse.Namespace(**dict.fromkeys(FIXED))
    parser.parse_args(arguments, without_defaults)
    for name in FIXED:
        if getattr(without_defaults, name) is not None:
            parser.error(f"--{name.replace('_', '-')} cannot be used with --recipe, which sets it")
    if options.seed is not None and options.seed + options.seeds > 2**32:
        parser.error("--seed and --seeds go beyond the last seed, 4294967295")
    if options.results and not os.path.isdir(os.path.dirname(options.results) or "."):
        parser.error(f"argument --results: there is no folder for {options.results!r}")


def run(options: argparse.Namespace) -> int:
    """Run the recipe for each seed; return the program's exit code."""
    from fastcnn import fashion  # whose options these are

    try:
        train, test, names = load(options)
        found = records.read(options.results) if options.results else []
    except (OSError, ValueError) as error:
        print(f"{fashion.PROGRAM}: {error}", file=sys.stderr)
        return 1
    first = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    results, done, succeeded = [], [], True
    for seed in range(first, first + options.seeds):
        record = describe(options, seed, len(train[0]))
        known = records.find(found, record)
        if known is not None:
            done.append(known)
            print(records.line(known) + " (already in the results)", flush=True)
            continue
        try:
            result, record = train_and_test(record, train, test, options)
        except (OSError, ValueError) as error:
            if not options.resume:
                raise
            print(
                f"{fashion.PROGRAM}: --resume cannot use {options.resume!r}: {error}",
                file=sys.stderr,
            )
            return 1
        results.append(result)
        done.append(record)
        print(records.line(record), flush=True)
        succeeded &= keep(result.model, record, seed, options)
        if result.stopped:
            break
    complete = [record for record in done if not record["stopped"]]
    if len(complete) > 1:
        print(records.summary(complete))
    if options.report and results:
        options.batch_size = RECIPES[options.recipe].batch_size
        options.learning_rate = RECIPES[options.recipe].muon_rate
        options.seed = first
        succeeded &= fashion.write_report(results, len(train[0]), test, options, names)
    if results and results[-1].stopped:
        return fashion.STOPPED
    return 0 if succeeded else 1


def load(options):
    """(training images and labels), (those to test on), the names of the classes."""
    if options.data == "cifar10":
        names = keras.datasets.cifar10.CLASS_NAMES
        (x, y), test = keras.datasets.cifar10.load_data()
    else:
        names = keras.datasets.fashion_mnist.CLASS_NAMES
        (x, y), test = keras.datasets.fashion_mnist.load_data(options.data)
    if options.hold_out:
        held_out = min(HELD_OUT, len(x) // 2)
        test = x[-held_out:], y[-held_out:]
        x, y = x[:-held_out], y[:-held_out]

    def prepared(x, y):
        x, y = x[: options.limit], y[: options.limit]
        return (x if x.ndim == 4 else x[..., None]), y.reshape(-1).astype(np.int64)

    return prepared(x, y), prepared(*test), names


def describe(options, seed, train_size) -> dict[str, Any]:
    """What a run is (see `runs.IDENTITY`), before it has results."""
    recipe = RECIPES[options.recipe]
    return {
        "recipe": options.recipe,
        "data": "cifar10" if options.data == "cifar10" else "fashion_mnist",
        "seed": seed,
        "settings": {**asdict(recipe), "widths": list(recipe.widths)},
        "train": train_size,
        "tested_on": "held-out" if options.hold_out else "test",
        "command": options.command,
        "machine": records.machine(),
    }


def train_and_test(record, train, test, options):
    """Train once; return the `fashion.Result` and the record with its results."""
    from fastcnn import fashion

    recipe, seed = RECIPES[options.recipe], record["seed"]
    keras.utils.set_random_seed(seed)
    start, stopped = time.perf_counter(), False
    model = build(recipe, train[0])
    if not options.quiet:
        model.summary()
    timer = EpochTimer()
    callbacks = [timer]
    if options.resume:
        folder = os.path.join(options.resume, f"{record['recipe']}-{seed}")
        callbacks.append(keras.callbacks.BackupAndRestore(folder))
    try:
        fit(model, recipe, *train, callbacks, verbose=0 if options.quiet else 1)
    except KeyboardInterrupt:
        stopped = True
        print(
            f"\nStopped after {len(timer.seconds)} of {recipe.epochs} epochs.\nTesting the model "
            "as it is now; press Ctrl-C again to quit.",
            file=sys.stderr,
        )
    seconds = time.perf_counter() - start + sum(timer.seconds[: timer.resumed])
    x, y = test
    plain, mirrored = predict(model, x)
    accuracy = float(np.mean(plain.argmax(1) == y))
    loss = float(keras.losses.SparseCategoricalCrossentropy()(y, plain))
    images = min(int(model.optimizer.iterations) * recipe.batch_size, recipe.epochs * len(train[0]))
    tflop = images * training_flop(model) / 1e12
    title = f"Recipe {record['recipe']}, seed {seed}"
    result = fashion.Result(
        title, model, timer, seconds, loss, accuracy, stopped, title, saved=True
    )
    return result, {
        **record,
        "accuracy": accuracy,
        "mirrored": float(np.mean(mirrored.argmax(1) == y)),
        "loss": loss,
        "seconds": seconds,
        "tflop": tflop,
        "gflops": 1e3 * tflop / seconds if seconds else math.nan,
        "stopped": stopped,
    }


def keep(model, record, seed, options) -> bool:
    """Save the model and the record as requested; return whether that succeeded."""
    from fastcnn import fashion

    succeeded = True
    if options.save:
        path = options.save
        if options.seeds > 1:
            path = path.with_stem(f"{path.stem}-{seed}")
        succeeded = fashion.save(model, path, options.quiet)
    if options.results:
        try:
            records.add(options.results, record)
        except (OSError, ValueError) as error:
            print(f"{fashion.PROGRAM}: the results could not be written: {error}", file=sys.stderr)
            succeeded = False
    return succeeded
