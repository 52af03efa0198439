"""BackupAndRestore: a run that was killed goes on where it was, and ends with the same bits."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fastcnn.callbacks.base import Callback
from fastcnn.callbacks.monitoring import check_save_freq

if TYPE_CHECKING:
    from fastcnn.core.types import Path

FILE = "training_state.npz"


class BackupAndRestore(Callback):
    """Saves the whole state of a run, and takes it up again when `fit` is called once more.

    Everything is kept: weights, optimizer, learning rate, random generators of the package, order
    of the samples and place in it, sums of loss and metrics, history, and of each callback what it
    lists in `state_names`. So a run that was killed at any moment and started anew, with the same
    model, data and arguments, ends with the same bits as one that was never killed. The file is
    written whole or not at all.

    What is not kept: a generator's own state (it is asked once more for the batches that were done
    before), and what draws from other random generators than the package's.

    Args:
        backup_dir: a folder; it is made if it is not there.
        save_freq: "epoch", or a number of steps.
        double_checkpoint: accepted and ignored: a file is never half-written.
        delete_checkpoint: whether the state is deleted at the end of `fit`.

    Raises, in `fit`:
        ValueError: the state there is of another model, optimizer, data or list of callbacks, or
            the file is damaged.
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
            self.on_train_batch_end = self._count_step  # else no step has to pay for it

    def on_train_begin(self, logs=None):
        from fastcnn.saving.state import load_state

        self._steps = 0
        if os.path.exists(self._path):
            self.model._run.resume(load_state(self._path))

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

        os.makedirs(self.backup_dir, exist_ok=True)
        save_state(self._path, self.model._run.get_state())

    def on_train_end(self, logs=None):
        if self.delete_checkpoint:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            with contextlib.suppress(OSError):  # not empty: the rest is not ours
                os.rmdir(self.backup_dir)
