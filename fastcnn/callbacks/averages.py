"""`SwapEMAWeights`: evaluate, and save, with the moving average of the weights."""

from __future__ import annotations

from fastcnn.callbacks.base import Callback


class SwapEMAWeights(Callback):
    """Exchanges the weights and their moving average before and after evaluation.

    For an optimizer with `use_ema=True`. `evaluate`, `predict` and the validation of `fit` run with
    the average if they get this callback; training goes on with the weights.

    Args:
        swap_on_epoch: whether the average is in the model from the end of an epoch to the start of
            the next, for callbacks such as `ModelCheckpoint` that come later in the list.

    Raises:
        ValueError: at the first exchange, if no average is tracked, or nothing has been trained.
    """

    state_names = ("_ema_weights_in_model",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)
        self._ema_weights_in_model = False

    def _optimizers(self):
        """The optimizers that track an average."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        found = [
            inner
            for inner in getattr(optimizer, "optimizers", [optimizer])
            if getattr(inner, "use_ema", False) and inner.built
        ]
        if not found:
            raise ValueError(
                "SwapEMAWeights needs an optimizer with `use_ema=True` that has trained the model. "
                f"Received the optimizer {optimizer!r}."
            )
        return found

    def _swap(self, wanted):
        """Have the average in the model, or the weights."""
        if self._ema_weights_in_model != wanted:
            for optimizer in self._optimizers():
                optimizer.swap_average()
            self._ema_weights_in_model = wanted

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(True)
            if epoch == self.params["epochs"] - 1:  # the average stays in the model
                for optimizer in self._optimizers():
                    optimizer.set_average()

    def on_test_begin(self, logs=None):
        self._swap(True)

    def on_test_end(self, logs=None):
        self._swap(False)

    def on_predict_begin(self, logs=None):
        self._swap(True)

    def on_predict_end(self, logs=None):
        self._swap(False)
