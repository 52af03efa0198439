"""`python -m fastcnn.fashion`: the Fashion-MNIST tutorial as a program.

It trains the tutorial's convolutional network, its dense network, or both, and reports their
accuracy on test images. But for the options' types and the report it uses only the public
interface: copy it and change the layers to start your own program. The commands `predict` and
`serve`, which recognize pictures, are in `demo/`.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import shlex
import sys
import time
from dataclasses import dataclass

import numpy as np

import fastcnn as keras
from fastcnn.demo.options import (
    Parser,
    data_set,
    integer,
    model_file,
    positive_number,
    report_folder,
)
from fastcnn.recipes import command as recipes
from fastcnn.report.training import EpochTimer, Report, Training

PROGRAM = "python -m fastcnn.fashion"
STOPPED = 130  # the exit code of a program that was ended by Ctrl-C

DESCRIPTION = """\
Train a neural network to recognize ten kinds of clothes.

The data set, Fashion-MNIST, has 60,000 small gray images for training and
10,000 others for testing. It is downloaded if it is not found on this computer.
At the end two numbers are printed, [loss, accuracy]: an accuracy of 0.90 means
that 9 of 10 test images were recognized; the loss, which training minimizes,
also takes into account how confident the network was."""

EXAMPLES = f"""\
examples:
  {PROGRAM}
      train the convolutional network for 5 epochs
  {PROGRAM} --model both
      compare it with a dense network, as the tutorial does
  {PROGRAM} --epochs 1 --limit 6000
      a quick test with a tenth of the images
  mpiexec -n 4 {PROGRAM} --distributed
      train in four processes, on one machine or on several, with the same result
  {PROGRAM} --save model.keras
      save the trained model; to load it, call
      fastcnn.models.load_model("model.keras")
  {PROGRAM} --recipe fast --seeds 5
      train another net five times, which aims at 92 % in 15 seconds on two
      fast cores
  {PROGRAM} --report results
      write a page with curves, mistakes and what the network sees to
      results/index.html, for any browser
  {PROGRAM} predict shoe.jpg bag.png
      say what is on pictures (predict --help)
  {PROGRAM} serve
      show a page on which you draw clothes, and see what each layer of a
      network makes of them (serve --help)

Ctrl-C ends the training at any time; the model is then tested and saved as it is."""


def cnn() -> keras.Sequential:
    """The tutorial's convolutional network."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D(2, 2),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D(2, 2),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def dnn() -> keras.Sequential:
    """The dense network that the tutorial compares it with."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


MODELS = {"cnn": cnn, "dnn": dnn}
TITLES = {"cnn": "Convolutional network", "dnn": "Dense network"}


@dataclass
class Result(Training):
    """A trained model, its results, and whether it was saved if requested."""

    name: str
    saved: bool


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code.

    0: success; 1: no data, or the model or the report was not saved; 2: invalid option; 130:
    stopped by Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if arguments[:1] in (["predict"], ["serve"]):
            from fastcnn.demo import commands

            return commands.main(arguments, PROGRAM, cnn)
        options = parse(arguments)
        options.command = shlex.join([*PROGRAM.split(), *arguments])
        return run(options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return STOPPED


def run(options: argparse.Namespace) -> int:
    """Load the data, train the requested models, and print their results."""
    if options.threads is not None:
        keras.config.set_num_threads(options.threads)
    if options.recipe:
        return recipes.run(options)
    if not options.distributed:
        return load_and_train(options)
    try:
        distribution = keras.distribution.DataParallel()
    except ModuleNotFoundError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    keras.distribution.set_distribution(distribution)
    if distribution.data_shard_id == 0:
        return load_and_train(options)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return load_and_train(options)  # only rank 0 prints


def load_and_train(options):
    """`run` once the threads and the distribution are set."""
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data(options.data)
    except (OSError, ValueError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    # The images keep one byte per pixel; the Rescaling layer scales each batch to 0..1.
    train = x_train.reshape(-1, 28, 28, 1)[: options.limit], y_train[: options.limit]
    test = x_test.reshape(-1, 28, 28, 1)[: options.limit], y_test[: options.limit]

    results = []
    for name in MODELS if options.model == "both" else [options.model]:
        try:
            results.append(train_and_test(name, train, test, options))
        except BackupError as error:
            print(f"{PROGRAM}: {error}", file=sys.stderr)
            return 1
        if results[-1].stopped:
            break
    if options.model == "both":
        print_table(results)
    reported = write_report(results, len(train[0]), test, options) if options.report else True
    if results[-1].stopped:
        return STOPPED
    return 0 if reported and all(result.saved for result in results) else 1


def train_and_test(name, train, test, options):
    """Train one model, save it if requested, and print its `[loss, accuracy]`."""
    if options.seed is not None:
        keras.utils.set_random_seed(options.seed)
    model = MODELS[name]()
    if not options.quiet:
        model.summary()
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=options.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    timer = EpochTimer()
    callbacks = [timer]
    if options.resume:
        callbacks.append(keras.callbacks.BackupAndRestore(os.path.join(options.resume, name)))
    start, stopped = time.perf_counter(), False
    try:
        model.fit(
            *train,
            epochs=options.epochs,
            batch_size=options.batch_size,
            verbose=0 if options.quiet else 1,
            callbacks=callbacks,
        )
    except KeyboardInterrupt:
        if options.distributed:  # other processes may have stopped after another step
            raise
        stopped = True
    except (OSError, ValueError) as error:
        if not options.resume:
            raise
        raise BackupError(f"--resume cannot use {options.resume!r}: {error}") from None
    seconds = time.perf_counter() - start
    if stopped:
        steps = int(model.optimizer.iterations)
        epoch_steps = math.ceil(len(train[0]) / options.batch_size)
        print(
            f"\nStopped after {steps} of {options.epochs * epoch_steps} steps, in epoch "
            f"{min(steps // epoch_steps + 1, options.epochs)} of {options.epochs}.\n"
            "Testing the model as it is now; press Ctrl-C again to quit.",
            file=sys.stderr,
        )
    saved = True
    if options.save:
        saved = save(model, save_path(options.save, name, options.model), options.quiet)
    loss, accuracy = model.evaluate(*test, verbose=0)
    if not options.quiet:
        print(f"Test of the {name.upper()} on {len(test[0])} images: [loss, accuracy] =")
    print([float(loss), float(accuracy)])
    return Result(TITLES[name], model, timer, seconds, loss, accuracy, stopped, name.upper(), saved)


def write_report(results, train_size, test, options, class_names=None):
    """Write the page about the results; return whether that succeeded."""
    distribution = keras.distribution.distribution()
    if distribution is not None and distribution.data_shard_id != 0:
        return True
    from fastcnn.report import page

    report = Report(
        title="Fashion-MNIST",
        trainings=results,
        x=test[0],
        y=test[1],
        class_names=class_names or keras.datasets.fashion_mnist.CLASS_NAMES,
        train_size=train_size,
        command=options.command,
        settings=[
            ("batch size", options.batch_size),
            ("learning rate", options.learning_rate),
            ("seed", "not set" if options.seed is None else options.seed),
        ],
    )
    try:
        path = page.write(options.report, report)
    except OSError as error:
        print(f"{PROGRAM}: the report could not be written: {error}", file=sys.stderr)
        return False
    if not options.quiet:
        print(f"Report written to {path}")
    return True


def print_table(results):
    """Print the results of the models side by side."""
    from fastcnn.core.tables import Table

    names = [result.name + (" (stopped)" if result.stopped else "") for result in results]
    rows = [
        ["test accuracy", *(f"{result.accuracy:.4f}" for result in results)],
        ["test loss", *(f"{result.loss:.4f}" for result in results)],
        ["parameters", *(f"{result.model.count_params():,}" for result in results)],
        ["training seconds", *(f"{result.seconds:.2f}" for result in results)],
    ]
    Table(["", *names], ["left"] + ["right"] * len(names), rows, "Fashion-MNIST").print()


def save_path(path, name, model):
    """The path for model `name`: with two models, `m.keras` becomes `m-cnn.keras`."""
    return path.with_stem(f"{path.stem}-{name}") if model == "both" else path


def save(model, path, quiet):
    """Save the model; return whether that succeeded. It is tested in either case."""
    is_model = path.suffix == ".keras"
    kind = "model" if is_model else "weights"
    try:
        model.save(path) if is_model else save_weights(model, path)
    except OSError as error:
        print(f"{PROGRAM}: the {kind} could not be saved: {error}", file=sys.stderr)
        return False
    if not quiet:
        print(f"{kind.capitalize()} saved to {path}")
    return True


def save_weights(model, path):
    """Write the weights as a NumPy archive, completely or not at all."""
    distribution = keras.distribution.distribution()
    if distribution is not None and distribution.data_shard_id != 0:
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(part, "wb") as file:
            np.savez(file, *model.get_weights())
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class BackupError(Exception):
    """The folder of `--resume` cannot be used, or its state is of another run."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse and validate the options; SystemExit with one sentence on stderr on an error."""
    parser = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--model",
        choices=[*MODELS, "both"],
        default="cnn",
        help="cnn: convolutional (default); dnn: dense, which is smaller, faster and less "
        "accurate; both: train both and compare them",
    )
    parser.add_argument(
        "--epochs",
        type=integer(1),
        default=5,
        metavar="N",
        help="number of passes over the training images (default: 5)",
    )
    parser.add_argument(
        "--batch-size",
        type=integer(1),
        default=32,
        metavar="N",
        help="number of images for each update of the weights (default: 32)",
    )
    parser.add_argument(
        "--learning-rate",
        type=positive_number,
        default=0.001,
        metavar="X",
        help="step size of the updates (default: 0.001)",
    )
    parser.add_argument(
        "--seed",
        type=integer(0, 2**32 - 1),
        metavar="N",
        help="seed of the random numbers: the same seed gives exactly the same result "
        "(default: a different one each time)",
    )
    parser.add_argument(
        "--threads",
        type=integer(1),
        metavar="N",
        help="number of threads (default: all available cores); it does not affect the result",
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="train in all processes that mpiexec started, each on a part of every batch; the "
        "number of processes does not affect the result (requires mpi4py)",
    )
    parser.add_argument(
        "--data",
        type=data_set,
        metavar="FOLDER",
        help="folder with the four Fashion-MNIST files (default: search, then download); with "
        "--recipe also cifar10, for the data set of that name",
    )
    parser.add_argument(
        "--limit",
        type=integer(1),
        metavar="N",
        help="use only the first N training and N test images, for a quick test",
    )
    parser.add_argument(
        "--save",
        type=model_file,
        metavar="FILE",
        help="write the trained model to this .keras file, or its weights to this .npz file; with "
        "--model both, to FILE-cnn.keras and FILE-dnn.keras",
    )
    parser.add_argument(
        "--report",
        type=report_folder,
        metavar="FOLDER",
        help="write a page about the training, the mistakes and what the network sees to "
        "FOLDER/index.html; requires matplotlib",
    )
    parser.add_argument(
        "--resume",
        metavar="FOLDER",
        help="keep the state of the training in this folder after each epoch, and continue from it "
        "if a run with the same options was stopped or killed",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print only the result, no summary and no progress"
    )
    recipes.add_options(parser)
    options = parser.parse_args(arguments)
    recipes.check(parser, options, arguments)
    return options


if __name__ == "__main__":
    sys.exit(main())
