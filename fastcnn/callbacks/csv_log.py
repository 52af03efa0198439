"""CSVLogger: the logs of each epoch as a line of a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastcnn.callbacks.base import Callback

if TYPE_CHECKING:
    from fastcnn.core.types import Path


class CSVLogger(Callback):
    """Writes the logs of each epoch to a file.

    Args:
        filename: the file's name.
        separator: what stands between the values.
        append: whether to go on with a file that is there (what `BackupAndRestore` needs), instead
            of replacing it.

    Columns are `epoch` and the names of the first epoch's logs in alphabetical order, with those
    of a validation that comes later; a value that is missing is NA.
    """

    def __init__(self, filename: Path, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys = None
        self._file = None
        self._writer = None

    def on_train_begin(self, logs=None):
        self._close()
        is_new = not (self.append and os.path.exists(self.filename))
        self._needs_header = is_new or os.path.getsize(self.filename) == 0
        self._file = open(self.filename, "w" if is_new else "a", newline="")  # noqa: SIM115
        self.keys = None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            self._writer = csv.writer(self._file, delimiter=self.sep)
            if self._needs_header:
                self._writer.writerow(["epoch", *self.keys])
        self._writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs=None):
        self._close()

    def _close(self):
        if self._file is not None:
            self._file.close()
            self._file = None


def _cell(value):
    """Several values as one text in brackets, as Keras writes them."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1):
        return f'"[{", ".join(map(str, value))}]"'
    return value
