"""Callbacks: hooks into `fit`, `evaluate` and `predict`.

    >>> import fastcnn as keras
    >>> class StopWhenGood(keras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["accuracy"] > 0.95:
    ...             self.model.stop_training = True

`self.model` and `self.params` (verbose, epochs, steps) are set before any hook runs. Batch hooks
cost nothing unless they are overridden: a class without them is not called for batches.
"""

from typing import TYPE_CHECKING

from fastcnn.callbacks.base import Callback, CallbackList, History
from fastcnn.core.lazy import attach

if TYPE_CHECKING:
    from fastcnn.callbacks.averages import (
        SwapEMAWeights as SwapEMAWeights,
    )
    from fastcnn.callbacks.backup import (
        BackupAndRestore as BackupAndRestore,
    )
    from fastcnn.callbacks.control import (
        LambdaCallback as LambdaCallback,
        LearningRateScheduler as LearningRateScheduler,
        TerminateOnNaN as TerminateOnNaN,
    )
    from fastcnn.callbacks.csv_log import (
        CSVLogger as CSVLogger,
    )
    from fastcnn.callbacks.flipping import (
        AlternatingFlip as AlternatingFlip,
    )
    from fastcnn.callbacks.monitoring import (
        EarlyStopping as EarlyStopping,
        ModelCheckpoint as ModelCheckpoint,
        ReduceLROnPlateau as ReduceLROnPlateau,
    )
    from fastcnn.callbacks.remote import (
        RemoteMonitor as RemoteMonitor,
    )
    from fastcnn.callbacks.tensorboard import (
        TensorBoard as TensorBoard,
    )

if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(
        __name__,
        {
            "averages": ("SwapEMAWeights",),
            "backup": ("BackupAndRestore",),
            "control": ("LambdaCallback", "LearningRateScheduler", "TerminateOnNaN"),
            "csv_log": ("CSVLogger",),
            "flipping": ("AlternatingFlip",),
            "monitoring": ("EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau"),
            "remote": ("RemoteMonitor",),
            "tensorboard": ("TensorBoard",),
        },
    )

__all__ = ["Callback", "CallbackList", "History"]
