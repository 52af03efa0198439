"""The commands `predict` and `serve` of `python -m fastcnn.fashion`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from fastcnn import config
from fastcnn.core.tables import align, cell_width, printable
from fastcnn.datasets import fashion_mnist
from fastcnn.demo import classifier, training
from fastcnn.demo.options import Parser, folder, integer, positive_number
from fastcnn.demo.pictures import read_picture
from fastcnn.utils.image_file import pillow

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastcnn.models import Model

PORT = 8028
SECONDS = 10
DESCRIPTIONS = {
    "predict": """\
Say what clothes are on pictures: the most probable of ten kinds for each file.

The pictures are reduced to 28 x 28 gray pixels, bright on black, like those
that the network learns from. They should show one thing on a plain background.""",
    "serve": """\
Show a page on this computer on which you draw clothes, or drop pictures of them,
and see what the network makes of them: the probabilities of ten kinds, and the
output of every layer with the time that it took.""",
}
EXAMPLES = {
    "predict": """\
examples:
  {program} predict shoe.jpg bag.png
      train a network for 10 seconds, then say what is on two pictures
  {program} --save model.keras
  {program} predict --model model.keras shoe.jpg
      train a better network once, and use it""",
    "serve": """\
examples:
  {program} serve
      train a network for 10 seconds, then open the page in the browser
  {program} serve --model model.keras --no-browser
      use a saved network, and only print the address of the page

Only this computer can open the page. Ctrl-C ends the program.""",
}


def main(arguments: list[str], program: str, make_model: Callable[[], Model]) -> int:
    """Run the command `arguments[0]` with the options behind it; return the exit code.

    0: success; 1: no data, no such model or picture, Pillow is missing, or the port is in use; 2:
    invalid option.

    Args:
        arguments: the command, "predict" or "serve", and its options.
        program: what the user calls the program.
        make_model: returns the network that is trained unless a saved one is given.
    """
    options = parse(arguments, program)
    if options.threads is not None:
        config.set_num_threads(options.threads)
    run = {"predict": predict, "serve": serve}[options.command]
    try:
        pillow()
        return run(options, make_model)
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        return _fail(program, error)


def parse(arguments: list[str], program: str) -> argparse.Namespace:
    """Parse and validate the options; SystemExit with one sentence on stderr on an error."""
    command, *rest = arguments
    parser = Parser(
        prog=f"{program} {command}",
        description=DESCRIPTIONS[command],
        epilog=EXAMPLES[command].format(program=program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if command == "predict":
        parser.add_argument("images", nargs="+", metavar="IMAGE", help="a JPEG, PNG or WebP file")
        parser.add_argument(
            "--top",
            type=integer(1, len(fashion_mnist.CLASS_NAMES)),
            default=3,
            metavar="N",
            help="how many kinds to print for each picture, the most probable first (default: 3)",
        )
    else:
        parser.add_argument(
            "--port",
            type=integer(0, 65535),
            default=PORT,
            metavar="N",
            help=f"port of the page (default: {PORT}); 0: any that is free",
        )
        parser.add_argument(
            "--no-browser",
            action="store_true",
            help="only print the address of the page, do not open it in the browser",
        )
    parser.add_argument(
        "--model",
        metavar="FILE",
        help="a saved network, a .keras or .h5 file (default: train one on the spot)",
    )
    parser.add_argument(
        "--white",
        type=positive_number,
        metavar="X",
        help="value of a white pixel for this network: 255 or 1 (default: 255 if its first layer "
        "scales or normalizes, otherwise 1)",
    )
    parser.add_argument(
        "--seconds",
        type=positive_number,
        default=SECONDS,
        metavar="X",
        help=f"how long to train without --model (default: {SECONDS})",
    )
    parser.add_argument(
        "--data",
        type=folder,
        metavar="FOLDER",
        help="folder with the four Fashion-MNIST files to train on (default: search, then "
        "download)",
    )
    parser.add_argument(
        "--threads",
        type=integer(1),
        metavar="N",
        help="number of threads (default: all available cores)",
    )
    options = parser.parse_args(rest)
    options.command, options.program = command, program
    return options


def find_classifier(options: argparse.Namespace, make_model: Callable[[], Model]):
    """The saved model, or one that is trained on the spot; says which on stderr."""
    if options.model is not None:
        return classifier.load(options.model, options.white)
    (x, y), (x_test, y_test) = fashion_mnist.load_data(options.data)
    _say(
        f"Training a network for {options.seconds:g} seconds on {len(x):,} images of "
        "Fashion-MNIST ..."
    )
    model = make_model()
    steps = training.train(model, x[..., None], y, options.seconds)
    _, accuracy = model.evaluate(x_test[..., None], y_test, verbose=0)
    _say(
        f"After {steps:,} steps it recognizes {accuracy:.1%} of {len(x_test):,} test images. For a "
        f"better one:\n  {options.program} --save model.keras\n"
        f"  {options.program} {options.command} --model model.keras"
    )
    return classifier.Classifier(model, options.white)


def predict(options: argparse.Namespace, make_model: Callable[[], Model]) -> int:
    """Print the most probable kinds for each picture."""
    found = None if options.model is None else find_classifier(options, make_model)
    size = (28, 28) if found is None else found.size
    pictures, code = [], 0
    for path in options.images:  # before the training, so that errors are seen at once
        try:
            pictures.append((path, read_picture(path, size)))
        except (OSError, ValueError) as error:
            code = _fail(options.program, error)
    if not pictures:
        return code
    found = found or find_classifier(options, make_model)
    names = [printable(path) for path, _ in pictures]
    width = max(map(cell_width, names))
    for name, (_, picture) in zip(names, pictures, strict=True):
        probabilities = found.probabilities(picture)
        best = probabilities.argsort()[::-1][: options.top]
        texts = [f"{fashion_mnist.CLASS_NAMES[k]} {probabilities[k]:.1%}" for k in best]
        print(f"{align(name, width, 'left')}  {', '.join(texts)}")
    return code


def serve(options: argparse.Namespace, make_model: Callable[[], Model]) -> int:
    """Serve the page until Ctrl-C."""
    from fastcnn.demo.server import Server

    with Server(options.port) as server:  # before the training, so that errors are seen at once
        server.classifier = find_classifier(options, make_model)
        print(f"Draw clothes on {server.url}", flush=True)
        print("Ctrl-C ends the program.", flush=True)
        server.run(opens_browser=not options.no_browser)
    _say("\nStopped.")
    return 0


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _fail(program, error):
    print(f"{program}: {error}", file=sys.stderr)
    return 1
