"""The resumable state of a running `fit`, also in another process.

`get_state` returns it as plain values and arrays, `resume` restores it: weights, optimizer, random
generators, the order of the samples and the position in it, the sums of loss and metrics, the
callbacks and the history. A resumed run ends with the same bits as one that was never interrupted.
"""

from fastcnn import random

MISFIT = "The backup is not one of this run"


def get_state(thing):
    """{name: value} of the attributes that the object lists in `state_names`."""
    return {name: getattr(thing, name) for name in thing.state_names}


def set_state(thing, state):
    """Restore what `get_state` returned.

    Raises:
        ValueError: other names, or a non-numeric value for a numeric attribute.
    """
    if not isinstance(state, dict) or state.keys() != set(thing.state_names):
        raise ValueError(
            f"{MISFIT}: {type(thing).__name__} has the state {sorted(thing.state_names)}."
        )
    for name, value in state.items():
        if is_number(getattr(thing, name)) and not is_number(value):
            raise ValueError(f"{MISFIT}: `{name}` of {type(thing).__name__} must be a number.")
        setattr(thing, name, value)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Run:
    """The state of a running `fit`.

    Attributes:
        epoch: the current epoch or, between two epochs, the next one.
        done: number of completed steps of that epoch.
    """

    def __init__(self, model, epochs, tracker, hooks, epoch):
        self.model = model
        self.epochs = epochs
        self.tracker = tracker
        self.hooks = hooks
        self.epoch = epoch
        self.done = 0
        self._resumed = None

    def get_state(self):
        """The whole state as a dictionary of plain values and arrays."""
        model, store, optimizer = self.model, self.model._store, self.model.optimizer
        return {
            "epoch": self.epoch,
            "done": self.done,
            "stop_training": model.stop_training,
            "shapes": [list(variable.shape) for variable, _ in store.slices],
            "values": store.read(),
            "optimizer": type(optimizer).__name__,
            "optimizer_state": optimizer.get_state(),
            "slots": optimizer.slots,
            "random": random.get_state(),
            "layers": [layer.get_random_state() for layer in self._seeded()],
            "data": self.epochs.get_state(self.done),
            "tracker": self.tracker.get_state(),
            "callbacks": [
                [type(callback).__name__, get_state(callback)] for callback in self._callbacks()
            ],
        }

    def resume(self, state):
        """Resume from a state; `restore` applies it after all callbacks have started."""
        if not isinstance(state, dict):
            raise ValueError(f"{MISFIT}: it is a {type(state).__name__}.")
        self._resumed = state

    def restore(self):
        """Apply the state given to `resume`, if any.

        Called after `on_train_begin` and, for a state from the middle of an epoch, again after
        `on_epoch_begin`. Callbacks can thus prepare what they need before their state is restored.

        Raises:
            ValueError: the state belongs to another model, optimizer, data or list of callbacks.
        """
        state = self._resumed
        if state is None:
            return
        try:
            self._check(state)
            self._take(state)
        except (LookupError, TypeError, AttributeError, ArithmeticError, ValueError) as error:
            known = isinstance(error, ValueError) and str(error).startswith(MISFIT)
            raise error if known else ValueError(f"{MISFIT}: {error}.") from None
        if not self.done:
            self._resumed = None

    def restore_once_more(self):
        """`restore` after `on_epoch_begin` of a partially completed epoch."""
        self.restore()
        self._resumed = None

    def _check(self, state):
        model = self.model
        model._require_current_optimizer()
        store, optimizer = model._store, model.optimizer
        if state["shapes"] != [list(variable.shape) for variable, _ in store.slices]:
            raise ValueError(f"{MISFIT}: its weights have other shapes than the model's.")
        if state["optimizer"] != type(optimizer).__name__:
            raise ValueError(f"{MISFIT}: its optimizer is a {state['optimizer']}.")
        if state["slots"].keys() != optimizer.slots.keys():
            raise ValueError(f"{MISFIT}: its optimizer has the state {sorted(state['slots'])}.")
        flat = {"weights": (state["values"], store.read())}
        flat.update({name: (state["slots"][name], own) for name, own in optimizer.slots.items()})
        for name, (array, own) in flat.items():
            if array.shape != own.shape or array.dtype != own.dtype:
                raise ValueError(
                    f"{MISFIT}: its {name} are {array.dtype} of shape {array.shape} instead of "
                    f"{own.dtype} of shape {own.shape}."
                )
        names = [type(callback).__name__ for callback in self._callbacks()]
        if [name for name, _ in state["callbacks"]] != names:
            raise ValueError(
                f"{MISFIT}: its callbacks are {[name for name, _ in state['callbacks']]} "
                f"instead of {names}."
            )
        for count in (state["epoch"], state["done"], state["data"]["position"]):
            if type(count) is not int or count < 0:
                raise ValueError(f"{MISFIT}: {count!r} is not a number of epochs or steps.")

    def _take(self, state):
        model = self.model
        store, optimizer = model._store, model.optimizer
        self.epochs.set_state(state["data"])
        self.tracker.set_state(state["tracker"])
        for callback, (_, kept) in zip(self._callbacks(), state["callbacks"], strict=True):
            set_state(callback, kept)
        for layer, kept in zip(self._seeded(), state["layers"], strict=True):
            layer.set_random_state(kept)
        random.set_state(state["random"])
        optimizer.set_state(state["optimizer_state"])
        for name, slot in optimizer.slots.items():
            slot[...] = state["slots"][name]
        store.write(state["values"])
        model.stop_training = bool(state["stop_training"])
        self.epoch, self.done = state["epoch"], state["done"]

    def _seeded(self):
        """Layers with a random generator of their own."""
        return [layer for layer in self.model.leaves() if hasattr(layer, "get_random_state")]

    def _callbacks(self):
        return [callback for callback in self.hooks.callbacks if hasattr(callback, "state_names")]
