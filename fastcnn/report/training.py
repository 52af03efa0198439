"""What the report is about: trained models, their results, and the time of each epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastcnn.callbacks import Callback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class EpochTimer(Callback):
    """Measures the seconds of each epoch; a run that `BackupAndRestore` resumes keeps them.

    Attributes:
        seconds: of each completed epoch, also of those before the run was resumed.
        steps: of one epoch.
        resumed: how many epochs were trained before.
    """

    state_names = ("seconds",)

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.steps = 0
        self._own = 0
        self._start = 0.0

    @property
    def resumed(self) -> int:
        return len(self.seconds) - self._own

    def on_train_begin(self, logs=None):
        self.seconds, self._own = [], 0
        self.steps = (self.params or {}).get("steps") or 0

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = [*self.seconds, time.perf_counter() - self._start]
        self._own += 1


@dataclass
class Training:
    """A trained model.

    Attributes:
        title: what the model is called in the report.
        model: the model, with the `history` of its last `fit`.
        timer: the `EpochTimer` of `fit`.
        seconds: of this `fit`.
        loss, accuracy: on the test images.
        stopped: whether Ctrl-C ended the training early.
    """

    title: str
    model: Any
    timer: EpochTimer
    seconds: float
    loss: float
    accuracy: float
    stopped: bool

    @property
    def logs(self) -> dict[str, list[float]]:
        """{name: a value for each epoch}"""
        return self.model.history.history


@dataclass
class Report:
    """What a page reports.

    Attributes:
        title: of the page.
        trainings: the trained models.
        x, y: the test images (n, h, w, channels) and their labels (n,).
        class_names: the names of the classes.
        train_size: the number of training images.
        command: the command line that reproduces the run.
        settings: further rows (name, value) about the run, such as the batch size.
    """

    title: str
    trainings: Sequence[Training]
    x: NDArray
    y: NDArray
    class_names: tuple[str, ...]
    train_size: int
    command: str
    settings: list[tuple[str, Any]]
