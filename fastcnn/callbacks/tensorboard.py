"""TensorBoard: logs loss, metrics and learning rate as scalars, and weights as histograms."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fastcnn.callbacks.base import Callback
from fastcnn.callbacks.events import EventWriter
from fastcnn.core.arguments import refuse

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Path


class TensorBoard(Callback):
    """Writes event files for `tensorboard --logdir logs`; no other package is needed.

    The folder `train` gets `epoch_loss`, `epoch_<metric>` and `epoch_learning_rate` for each epoch,
    `batch_<name>` for steps, and histograms of the weights. The folder `validation` gets
    `epoch_<name>`, and `evaluation_<name>_vs_iterations` after each evaluation.

    Args:
        log_dir: a folder.
        histogram_freq: number of epochs between histograms; 0 disables them.
        write_graph: accepted and ignored.
        write_images: must be False.
        write_steps_per_second: whether to write `epoch_steps_per_second`.
        update_freq: "epoch", or "batch" (1) or a number of steps: also write `batch_<name>`.
        profile_batch: accepted and ignored.
        embeddings_freq, embeddings_metadata: must be 0 and None.
    """

    state_names = ("_train_step",)

    def __init__(
        self,
        log_dir: Path = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        refuse(write_images or None, "write_images")
        refuse(embeddings_freq or None, "embeddings_freq")
        refuse(embeddings_metadata, "embeddings_metadata")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers: dict[str, Any] = {}
        self._train_step = 0
        self._in_fit = False
        if self.update_freq != "epoch":
            if not isinstance(self.update_freq, int) or self.update_freq < 1:
                raise ValueError(
                    "The argument `update_freq` must be 'epoch', 'batch' or a positive integer. "
                    f"Received update_freq={update_freq!r}."
                )
            self.on_train_batch_end = (
                self._write_batch
            )  # set only if needed, to save a call per step

    def _writer(self, name):
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = EventWriter(os.path.join(self.log_dir, name))
        return writer

    def on_train_begin(self, logs=None):
        self._close()
        self._train_step = 0
        self._in_fit = True

    def on_train_end(self, logs=None):
        self._close()
        self._in_fit = False

    def _close(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = time.perf_counter()
        self._first_iteration = self.model.optimizer.iterations

    def on_epoch_end(self, epoch, logs=None):
        train = {k: v for k, v in (logs or {}).items() if not k.startswith("val_")}
        train["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            steps = self.model.optimizer.iterations - self._first_iteration
            train["steps_per_second"] = steps / (time.perf_counter() - self._epoch_start)
        validation = {k[4:]: v for k, v in (logs or {}).items() if k.startswith("val_")}
        for name, values in (("train", train), ("validation", validation)):
            for key, value in values.items():
                self._writer(name).scalar(f"epoch_{key}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for weight in self.model.weights:
                self._writer("train").histogram(f"{weight.path}/histogram", weight.value, epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs=None):
        if self.model.optimizer is not None:
            writer = self._writer("validation")
            for key, value in (logs or {}).items():
                tag = f"evaluation_{key}_vs_iterations"
                writer.scalar(tag, value, self.model.optimizer.iterations)
            writer.flush()
            if not self._in_fit:
                self._close()

    def _write_batch(self, batch, logs=None):
        self._train_step += 1
        if self._train_step % self.update_freq == 0:
            for key, value in (logs or {}).items():
                self._writer("train").scalar(f"batch_{key}", value, self._train_step)
