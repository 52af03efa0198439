"""CSVLogger: one row of a CSV file per epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastcnn.callbacks.base import Callback
from fastcnn.core import ranks

if TYPE_CHECKING:
    from fastcnn.core.types import Path


class CSVLogger(Callback):
    """Writes the logs of each epoch to a CSV file.

    Args:
        filename: path of the file.
        separator: the string between values.
        append: whether to append to an existing file (as `BackupAndRestore` requires) instead of
            replacing it.

    The columns are `epoch` and the keys of the first epoch's logs in alphabetical order, followed
    by a `val_` column for each if the first epoch has no validation. Missing values are NA.
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
        filename = self.filename if ranks.is_main() else os.devnull
        self._file = open(filename, "w" if is_new else "a", newline="")  # noqa: SIM115
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
    """Format several values as one bracketed string, as Keras does."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1):
        return f'"[{", ".join(map(str, value))}]"'
    return value
