"""BackupAndRestore: resume a killed run and end with bit-identical results."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fastcnn.callbacks.base import Callback
from fastcnn.callbacks.monitoring import check_save_freq
from fastcnn.core import ranks

if TYPE_CHECKING:
    from fastcnn.core.types import Path

FILE = "training_state.npz"


class BackupAndRestore(Callback):
    """Saves the complete state of a run, and resumes from it when `fit` is called again.

    Everything is saved: weights, optimizer, learning rate, the package's random generators, the
    order of the samples and the position in it, sums of loss and metrics, history, and the
    attributes that each callback lists in `state_names`. A run that was killed at any moment and
    restarted with the same model, data and arguments is therefore bit-identical to one that was
    never interrupted. The file is written atomically.

    Not saved: the state of a data generator (it is asked again for the batches already consumed),
    and random generators other than the package's.

    Args:
        backup_dir: a folder; created if it does not exist.
        save_freq: "epoch", or a number of steps.
        double_checkpoint: accepted and ignored: writes are atomic.
        delete_checkpoint: whether to delete the state at the end of `fit`.

    Raises, in `fit`:
        ValueError: the saved state belongs to another model, optimizer, data or list of callbacks,
            or the file is corrupt.
    """

    state_names = ("_steps",)
    runs_last = True

    def __init__(
        self,
        backup_dir: Path,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError(
                "The argument `backup_dir` must be the name of a folder. "
                f"Received backup_dir={backup_dir!r}."
            )
        check_save_freq(save_freq)
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self._path = os.path.join(self.backup_dir, FILE)
        self._steps = 0
        if save_freq != "epoch":
            self.on_train_batch_end = (
                self._count_step
            )  # set only if needed, to save a call per step

    def on_train_begin(self, logs=None):
        from fastcnn.saving.state import load_state

        self._steps = 0
        states = ranks.from_main(
            lambda: [load_state(self._path)] if os.path.exists(self._path) else []
        )
        for state in states:
            self.model._run.resume(state)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save()

    def _count_step(self, batch, logs=None):
        self._steps += 1
        if self._steps >= self.save_freq:
            self._steps = 0
            self._save()

    def _save(self):
        from fastcnn.saving.state import save_state

        if ranks.is_main():
            os.makedirs(self.backup_dir, exist_ok=True)
            save_state(self._path, self.model._run.get_state())

    def on_train_end(self, logs=None):
        if self.delete_checkpoint and ranks.is_main():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            with contextlib.suppress(OSError):  # not empty: it holds files of others
                os.rmdir(self.backup_dir)
