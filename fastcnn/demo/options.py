"""What the programs' options may be: types for argparse, and errors of one sentence."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path


class Parser(argparse.ArgumentParser):
    """A parser whose errors are a single sentence without the usage message."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help explains the options)\n")


def integer(least, most=None):
    """A type for argparse: an integer from `least` to `most`."""

    def check(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least or (most is not None and number > most):
            limits = f">= {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"must be an integer {limits}, not {text!r}")
        return number

    return check


def positive_number(text):
    """A type for argparse: a finite number greater than 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number greater than 0, not {text!r}")
    return number


def folder(text):
    """A type for argparse: an existing folder."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return text


def data_set(text):
    """A type for argparse: an existing folder, or the name of another data set."""
    return text if text == "cifar10" else folder(text)


def model_file(text):
    """A type for argparse: a writable .keras or .npz file, checked before the training starts."""
    path = Path(text)
    if path.suffix not in (".keras", ".npz") or path.is_dir():
        raise argparse.ArgumentTypeError(f"must end in .keras or .npz, not {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    if not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {str(path.parent)!r} is not writable")
    return path


def report_folder(text):
    """A type for argparse: a writable folder, or one that can be created, and matplotlib."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    existing = path if path.exists() else path.parent
    if not existing.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(existing)!r}")
    if not os.access(existing, os.W_OK):
        raise argparse.ArgumentTypeError(f"the folder {str(existing)!r} is not writable")
    try:
        import matplotlib  # noqa: F401 - before the training, not after it
    except ImportError:
        raise argparse.ArgumentTypeError(
            "requires matplotlib: pip install 'fastcnn[plot]'"
        ) from None
    return path
