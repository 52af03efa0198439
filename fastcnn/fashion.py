"""`python -m fastcnn.fashion`: the Fashion-MNIST tutorial as a program.

It trains the tutorial's convolutional network, its plain dense one, or both, and shows what they
reach on images they have never seen. It is written as any user of the package would write it:
copy it, change the layers, and it is yours.
"""

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fastcnn as keras

PROGRAM = "python -m fastcnn.fashion"
STOPPED = 130  # the exit code of a program that Ctrl-C ended

DESCRIPTION = """\
Train a neural network to tell ten kinds of clothes apart.

The data set, Fashion-MNIST, has 60,000 small grey images to learn from, and
10,000 others for the test. It is looked for on this computer, and downloaded
when it is not there. At the end two numbers are printed, [loss, accuracy]: an
accuracy of 0.90 means that 9 of 10 test images were recognised, and the loss,
which training makes small, also counts how sure the network was."""

EXAMPLES = f"""\
examples:
  {PROGRAM}
      train the convolutional network for 5 epochs
  {PROGRAM} --model both
      compare it with a plain network, as the tutorial does
  {PROGRAM} --epochs 1 --limit 6000
      a quick look on a tenth of the images
  {PROGRAM} --save weights.npz
      keep what was learned; model.set_weights(list(numpy.load("weights.npz").values()))
      brings it back

Ctrl-C ends the training at any time; what was reached until then is tested and saved."""


def cnn():
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


def dnn():
    """The plain network that the tutorial compares it with."""
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


@dataclass
class Result:
    """What one training came to."""

    name: str
    accuracy: float
    loss: float
    parameters: int
    seconds: float
    stopped: bool
    saved: bool


def main(arguments=None):
    """Run the program; returns its exit code.

    0: done; 1: no data, or the weights were not saved; 2: a bad option; 130: stopped by Ctrl-C.
    """
    options = parse(arguments)
    try:
        return run(options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return STOPPED


def run(options):
    """Load the data, train the models that were asked for, and show what they reach."""
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data(options.data)
    except (OSError, ValueError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    # The images stay small, one byte a pixel; Rescaling makes a batch of them 0 to 1 at a time.
    train = x_train.reshape(-1, 28, 28, 1)[: options.limit], y_train[: options.limit]
    test = x_test.reshape(-1, 28, 28, 1)[: options.limit], y_test[: options.limit]

    if options.threads is not None:
        keras.config.set_num_threads(options.threads)
    results = []
    for name in MODELS if options.model == "both" else [options.model]:
        results.append(train_and_test(name, train, test, options))
        if results[-1].stopped:
            break
    if options.model == "both":
        print_table(results)
    if results[-1].stopped:
        return STOPPED
    return 0 if all(result.saved for result in results) else 1


def train_and_test(name, train, test, options):
    """Train one model, save its weights where asked, and print its `[loss, accuracy]`."""
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
    start, stopped = time.perf_counter(), False
    try:
        model.fit(
            *train,
            epochs=options.epochs,
            batch_size=options.batch_size,
            verbose=0 if options.quiet else 1,
        )
    except KeyboardInterrupt:
        stopped = True
    seconds = time.perf_counter() - start
    if stopped:
        steps = int(model.optimizer.iterations)
        epoch_steps = math.ceil(len(train[0]) / options.batch_size)
        print(
            f"\nStopped after {steps} of {options.epochs * epoch_steps} steps, in epoch "
            f"{min(steps // epoch_steps + 1, options.epochs)} of {options.epochs}.\n"
            "Now testing what has been reached; Ctrl-C again leaves at once.",
            file=sys.stderr,
        )
    saved = True
    if options.save:
        saved = save(model, save_path(options.save, name, options.model), options.quiet)
    loss, accuracy = model.evaluate(*test, verbose=0)
    if not options.quiet:
        print(f"Test of the {name.upper()} on {len(test[0])} images: [loss, accuracy] =")
    print([float(loss), float(accuracy)])
    return Result(name.upper(), accuracy, loss, model.count_params(), seconds, stopped, saved)


def print_table(results):
    """Show the models side by side."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Fashion-MNIST")
    table.add_column("")
    for result in results:
        table.add_column(result.name + (" (stopped)" if result.stopped else ""), justify="right")
    table.add_row("test accuracy", *(f"{result.accuracy:.4f}" for result in results))
    table.add_row("test loss", *(f"{result.loss:.4f}" for result in results))
    table.add_row("parameters", *(f"{result.parameters:,}" for result in results))
    table.add_row("training seconds", *(f"{result.seconds:.2f}" for result in results))
    Console().print(table)


def save_path(path, name, model):
    """The file for the weights of `name`: with two models, `w.npz` becomes `w-cnn.npz`."""
    return path.with_stem(f"{path.stem}-{name}") if model == "both" else path


def save(model, path, quiet):
    """Save the weights and say so; a failure is told, and what was trained is still tested."""
    try:
        save_weights(model, path)
    except OSError as error:
        print(f"{PROGRAM}: the weights could not be saved: {error}", file=sys.stderr)
        return False
    if not quiet:
        print(f"Weights saved in {path}")
    return True


def save_weights(model, path):
    """Write the weights as a NumPy archive, completely or not at all."""
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


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, without the list of all options before it."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help explains the options)\n")


def parse(arguments=None):
    """The options, checked, or SystemExit with one sentence on stderr."""
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
        help="cnn: convolutional, looks at the image piece by piece (default); "
        "dnn: dense, smaller, faster and less exact; both: one after the other, then side by side",
    )
    parser.add_argument(
        "--epochs",
        type=whole_number(1),
        default=5,
        metavar="N",
        help="how often to go through all training images (default: 5)",
    )
    parser.add_argument(
        "--batch-size",
        type=whole_number(1),
        default=32,
        metavar="N",
        help="images to look at before each small change of the weights (default: 32)",
    )
    parser.add_argument(
        "--learning-rate",
        type=positive_number,
        default=0.001,
        metavar="X",
        help="how large these changes are (default: 0.001)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0, 2**32 - 1),
        metavar="N",
        help="start from this random state: the same seed gives exactly the same result "
        "(default: another one each time)",
    )
    parser.add_argument(
        "--threads",
        type=whole_number(1),
        metavar="N",
        help="processor cores to use (default: all there are); the result does not depend on it",
    )
    parser.add_argument(
        "--data",
        type=folder,
        metavar="FOLDER",
        help="where the four Fashion-MNIST files are (default: looked for, else downloaded)",
    )
    parser.add_argument(
        "--limit",
        type=whole_number(1),
        metavar="N",
        help="use only the first N training and N test images, for a quick look",
    )
    parser.add_argument(
        "--save",
        type=npz_file,
        metavar="FILE.npz",
        help="write the trained weights to this file; with --model both, to FILE-cnn.npz and "
        "FILE-dnn.npz",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print the result only, no summary and no progress"
    )
    return parser.parse_args(arguments)


def whole_number(least, most=None):
    """A check for argparse: a whole number of at least `least`, at most `most`."""

    def check(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least or (most is not None and number > most):
            limits = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"must be a whole number {limits}, not {text!r}")
        return number

    return check


def positive_number(text):
    """A check for argparse: a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return number


def folder(text):
    """A check for argparse: a folder that is there."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return text


def npz_file(text):
    """A check for argparse: a file that can be written, known before the training, not after."""
    path = Path(text)
    if path.suffix != ".npz" or path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file name that ends in .npz, not {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r} to save in")
    if not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {str(path.parent)!r} cannot be written to")
    return path


if __name__ == "__main__":
    sys.exit(main())
