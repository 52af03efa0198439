"""What models, callbacks and files ask while a distribution is set: see `core.ranks`."""

from __future__ import annotations

import contextlib
import os

from fastcnn import random
from fastcnn.core.arguments import warn
from fastcnn.distribution import checks
from fastcnn.distribution.batches import SlicedBatch, SlicedBuffers
from fastcnn.distribution.communicator import RankError
from fastcnn.distribution.reduction import AllReduce, Ordered
from fastcnn.distribution.runner import SlicedPlan
from fastcnn.distribution.slices import Division, slice_size_of

REDUCTIONS = {"ordered": Ordered, "allreduce": AllReduce}


class Agreed:
    """Attributes that are true where those of a model are true on any rank."""

    def __init__(self, communicator, model):
        self._communicator, self._model = communicator, model

    def __getattr__(self, name):
        return self._communicator.any(getattr(self._model, name))


class Replicas:
    """The same model on all ranks.

    Args:
        communicator: the `Communicator`.
        reduction: "ordered" or "allreduce".
        slice_size: the samples of a slice; None: `slice_size_of` the batch size.

    Attributes:
        rank, size: of the communicator.
    """

    def __init__(self, communicator, reduction="ordered", slice_size=None):
        self._communicator = communicator
        self._reduction = reduction
        self._slice_size = slice_size
        self.rank, self.size = communicator.rank, communicator.size
        self._depth = 0

    # ------------------------------------------------------------------------------ for every rank

    @contextlib.contextmanager
    def together(self, name):
        """See `core.ranks.together`."""
        if self._depth:  # such as the validation in `fit`
            yield
            return
        communicator = self._communicator
        self._depth += 1
        communicator.call += 1
        try:
            if self.size > 1:
                random.share(communicator.broadcast)
            with self._quiet():
                yield
        except (RankError, SystemExit):  # the others notice when the program has ended
            raise
        except BaseException as error:
            communicator.notify("failed", f"{type(error).__name__} in `{name}`: {error}")
            raise
        finally:
            self._depth -= 1

    @contextlib.contextmanager
    def _quiet(self):
        """Let only rank 0 print."""
        if self.rank == 0:
            yield
            return
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield

    def from_main(self, function):
        """See `core.ranks.from_main`; an error is raised on all ranks."""
        value = error = None
        if self.rank == 0:
            try:
                value = function()
            except Exception as caught:
                error = caught
        value, error = self._communicator.broadcast((value, error))
        if error is not None:
            raise error
        return value

    def agreed(self, model, hooks, mode):
        """See `core.ranks.agreed`."""
        wants = hooks.wants[f"on_{mode}_batch_begin"], hooks.wants[f"on_{mode}_batch_end"]
        return Agreed(self._communicator, model) if self._communicator.any(any(wants)) else model

    # ---------------------------------------------------------------------------- around a `fit`

    def start(self, model, epochs, validation):
        """At the start of `fit`: compare the ranks; all get the state of rank 0."""
        if self.size == 1:
            return
        model._require_current_optimizer()
        facts = checks.of_model(model) | checks.of_data(epochs, "the training data")
        if validation is not None:
            facts |= checks.of_data(validation[0], "the validation data")
        checks.compare(self._communicator, facts)
        self._warn_of_idle_ranks(getattr(epochs.feed, "batch_size", None))
        optimizer, store = model.optimizer, model._store
        seeded = [layer for layer in model.leaves() if hasattr(layer, "get_random_state")]
        counters = [weight for weight in model.weights if weight.dtype == "int64"]
        state = self._communicator.broadcast(
            {
                "weights": store.read(),
                "counters": [weight.numpy() for weight in counters],
                "optimizer": optimizer.get_state(),
                "slots": optimizer.slots,
                "layers": [layer.get_random_state() for layer in seeded],
            }
        )
        if self.rank == 0:
            return
        store.write(state["weights"])
        for weight, value in zip(counters, state["counters"], strict=True):
            weight.assign(value)
        optimizer.set_state(state["optimizer"])
        for name, slot in optimizer.slots.items():
            slot[...] = state["slots"][name]
        for layer, kept in zip(seeded, state["layers"], strict=True):
            layer.set_random_state(kept)

    def _warn_of_idle_ranks(self, batch_size):
        if batch_size is None:
            return
        division = self._divide(batch_size, batch_size)
        if division.count < self.size:
            warn(
                f"{self.size - division.count} of {self.size} ranks have nothing to do: a batch of "
                f"{batch_size} is cut into {division.count} slices of {division.slice_size}. "
                "Increase `batch_size`, or pass a smaller `slice_size` to DataParallel."
            )

    def check(self, model, epochs):
        """At the start of `evaluate` and `predict`: compare the ranks."""
        if self.size > 1:
            model.assemble_if_changed()
            facts = checks.of_model(model) | checks.of_data(epochs, "the data")
            checks.compare(self._communicator, facts | checks.of_weights(model))

    def end_epoch(self, model):
        """After each epoch: all ranks stop if one of them does; their weights must be equal."""
        if self.size == 1:
            return
        model.stop_training = self._communicator.any(model.stop_training)
        optimizer = model.optimizer
        facts = {
            "the number of updates": int(optimizer.iterations),
            "the learning rate": float(optimizer.learning_rate),
        }
        checks.compare(self._communicator, facts | checks.of_weights(model))

    # --------------------------------------------------------------------------------- for batches

    def batch(self, samples, order, size, input_buffer, full_size):
        """See `data.feed.batch_of`."""
        division, compares = self._divide(size, full_size or size), full_size is None
        return SlicedBatch(samples, order, input_buffer, division, self.rank, compares)

    def buffers(self, model):
        """`BatchBuffers` for batches of which this rank computes its slices."""
        return SlicedBuffers(self._divide, self.rank, model)

    def runner(self, model):
        """What runs the plan of an assembled model."""
        make_reduction = REDUCTIONS[self._reduction]
        return SlicedPlan(
            model._plan, model._store, model.objectives, self._communicator, make_reduction
        )

    def _divide(self, samples, batch_size):
        """The `Division` of a batch of `samples` where full batches have `batch_size`."""
        if self._reduction == "allreduce":
            size = -(-batch_size // self.size)
        else:
            size = self._slice_size or slice_size_of(batch_size)
        return Division(samples, size, self.size)
