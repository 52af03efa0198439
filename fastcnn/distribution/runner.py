"""Runs a model's plan on this rank's slices of a batch, and exchanges the results.

`SlicedPlan` stands in for a `plan.Plan` in the loops of `fit`, `evaluate` and `predict`. After each
batch every rank has the same losses, predictions and gradients of the whole batch.
"""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from fastcnn.distribution.randomness import SliceGenerators
from fastcnn.plan.steps import TrainingStep

MAX_RESULTS = 8  # batch sizes


class SlicedPlan:
    """The plan of a model, run slice by slice on all ranks.

    Args:
        plan, store: of an assembled model.
        objectives: the model's `Objectives`.
        communicator: the `Communicator`.
        make_reduction: function of (communicator, length, dtype) that returns a `Reduction`.
    """

    def __init__(self, plan, store, objectives, communicator, make_reduction):
        self._plan, self._store = plan, store
        self._communicator = communicator
        self._outputs = objectives.of_outputs
        self._layers = layers = list(plan.graph.layers)
        self._generators = SliceGenerators(layers)
        self._results = {}
        self._learns = plan.backward is not None and bool(plan.backward.steps)
        self._averages = Averages(layers)
        self._sizes = store.trainable_size, store.trainable_size + self._averages.size
        self._reduction = None
        if plan.backward is not None:
            self._reduction = make_reduction(communicator, self._sizes[1], store.dtype)
            steps = (*plan.evaluation.steps, *plan.inference.steps)
            self._is_random = any(isinstance(step, TrainingStep) for step in steps)
        else:
            self._is_random = any(isinstance(step, TrainingStep) for step in plan.inference.steps)
        self._refuse_layers()

    def _refuse_layers(self):
        for layer in self._layers:
            if layer.is_batch_normalization and getattr(layer, "synchronized", False):
                raise NotImplementedError(
                    f"The layer {layer.name!r} has synchronized=True: with a distribution, each "
                    "slice of a batch is normalized by its own mean and variance."
                )
        if self._is_random and self._averages.size:
            raise NotImplementedError(
                "A model with layers that were called with training=True and with batch "
                "normalization is not supported with a distribution."
            )

    # ------------------------------------------------------------------ as of a `Plan`, see there

    def compute_loss(self, batch, training):
        """Run this rank's slices, also backward in training; return a `Results` of all."""
        plan, store = self._plan, self._store
        batch.dtype = store.dtype
        program = plan.training if training else plan.evaluation
        program.expect_batch(batch.size)
        results = self._results_of(batch, program)
        comparison = Comparison(self._communicator, batch.digest)
        reduction = self._reduction if training else None
        if reduction is not None:
            reduction.begin(batch.division)
        averages = self._averages if training else None
        versions = [block.version for block in store.blocks]
        highest = versions
        if averages is not None:
            averages.begin()
        self._generators.begin(training or self._is_random)
        try:
            for index, rows, part in batch.parts():
                self._generators.enter(index)
                plan.compute_loss(part, training, penalties=False)
                results.keep(index, rows, program)
                if reduction is not None:
                    self._add_gradients(index, (rows.stop - rows.start) / batch.size)
                    highest = [
                        max(a, b.version) for a, b in zip(highest, store.blocks, strict=True)
                    ]
                    for block, version in zip(store.blocks, versions, strict=True):
                        block.version = version  # the weights are what they were
        finally:
            self._generators.leave()
            for block, version in zip(store.blocks, highest, strict=True):
                block.version = version
        comparison.finish()
        requests = results.exchange(self._communicator)
        if reduction is not None:
            trainable, whole = self._sizes
            total = reduction.finish()
            store.write_gradients(total[:trainable])
            if averages.size:
                averages.apply(total[trainable:whole])
                store.touch()
        self._communicator.wait(requests)
        results.add_penalties()
        return results

    def _add_gradients(self, index, fraction):
        """Add what a slice computed to the sum."""
        trainable, whole = self._sizes
        array, adds = self._reduction.take(index)
        if self._learns:
            self._plan.backpropagate(penalties=False)
            (self._store.add_gradients if adds else self._store.read_gradients)(array)
        else:
            array[:trainable] = 0
        if self._averages.size:
            changes = self._averages.collect(fraction)
            array[trainable:whole] = array[trainable:whole] + changes if adds else changes
        self._reduction.put(index, array, adds)

    def backpropagate(self):
        """Add the gradients of penalties; `compute_loss` has computed all others."""
        penalties = self._plan.training.penalties
        if penalties is not None:
            penalties.add_gradients()

    def predict(self, batch):
        """The outputs for a whole batch."""
        plan = self._plan
        outputs = self._outputs_of(batch)
        comparison = Comparison(self._communicator, batch.digest)
        self._generators.begin(self._is_random)
        try:
            for index, rows, part in batch.parts():
                self._generators.enter(index)
                for output, y in zip(outputs, plan.forward(part.inputs, False), strict=True):
                    output[rows] = y
        finally:
            self._generators.leave()
        comparison.finish()
        communicator = self._communicator
        communicator.wait([share_rows(communicator, y, batch.division) for y in outputs])
        return outputs

    # ------------------------------------------------------------------------------------- buffers

    def _results_of(self, batch, program):
        key = (batch.size, batch.sample_shapes, program is self._plan.training)
        results = self._results.get(key)
        if results is None:
            if len(self._results) >= MAX_RESULTS:
                self._results.clear()
            results = self._results[key] = Results(
                program, self._outputs, self._empty_outputs(batch), batch.division
            )
        return results

    def _outputs_of(self, batch):
        key = (batch.size, batch.sample_shapes)
        outputs = self._results.get(key)
        if outputs is None:
            if len(self._results) >= MAX_RESULTS:
                self._results.clear()
            outputs = self._results[key] = self._empty_outputs(batch)
        return outputs

    def _empty_outputs(self, batch):
        """Arrays for the outputs of a whole batch."""
        graph = self._plan.graph
        shapes = [tuple(graph.shapes[value][1:]) for value in graph.outputs]
        if any(None in shape for shape in shapes):
            shapes = self._measured_shapes(batch)
        return [np.zeros((batch.size, *shape), self._store.dtype) for shape in shapes]

    def _measured_shapes(self, batch):
        """The shapes of outputs that depend on those of the inputs."""
        values = [(1, *shape) for shape in batch.sample_shapes]
        graph = self._plan.graph
        known = dict(zip(graph.inputs, values, strict=True))
        for use in graph.uses:
            inputs = [known[value] for value in use.reads]
            shape = inputs if isinstance(use.inputs, tuple) else inputs[0]
            known[use.output] = use.layer.compute_output_shape(shape)
        return [tuple(known[value][1:]) for value in graph.outputs]


class Results:
    """The losses and predictions of a whole batch, as a `Tracker` reads them.

    Args:
        program: what runs the slices.
        objectives: for each output its `Objective`.
        outputs: for each output an array for its predictions.
        division: of the batch.

    Attributes:
        heads: for each output an object with `losses`, or None.
        predictions: for each output its predictions; None without metrics.
        penalties: an object with the penalties' `value`, or None.
    """

    def __init__(self, program, objectives, outputs, division):
        self._division = division
        self.heads = [
            head and SimpleNamespace(losses=np.zeros(division.samples, y.dtype))
            for head, y in zip(program.heads, outputs, strict=True)
        ]
        self.predictions = [
            y if objective.has_metrics else None
            for objective, y in zip(objectives, outputs, strict=True)
        ]
        self._program = program
        self.penalties = program.penalties and SimpleNamespace(value=0.0)
        self._activity = np.zeros(division.count)  # the outputs' penalties of each slice

    def keep(self, index, rows, program):
        """Copy the results of a slice."""
        for head, part in zip(self.heads, program.heads, strict=True):
            if head is not None:
                head.losses[rows] = part.losses
        for predictions, part in zip(self.predictions, program.predictions, strict=True):
            if predictions is not None:
                predictions[rows] = part
        if program.penalties is not None:
            self._activity[index] = sum(program.penalties.of_outputs())

    def exchange(self, communicator):
        """Start to send this rank's results to all others; return the requests."""
        if self.penalties is not None:
            self.penalties.value = self._program.penalties.of_weights()
        if communicator.size == 1:
            return []
        division = self._division
        arrays = [head.losses for head in self.heads if head is not None]
        arrays += [array for array in self.predictions if array is not None]
        requests = [share_rows(communicator, array, division) for array in arrays]
        if self._program.penalties is not None and self._program.penalties.has_outputs:
            requests.append(share(communicator, self._activity, division.bounds))
        return requests

    def add_penalties(self):
        """After the exchange: add the penalties of the outputs."""
        if self.penalties is not None:
            self.penalties.value += sum(self._activity.tolist())


class Comparison:
    """Whether all ranks read the same batch, compared while they compute.

    Args:
        communicator: the `Communicator`.
        digest: of the batch; None if the data were compared at the start.
    """

    def __init__(self, communicator, digest):
        self._communicator = communicator
        self._request = None
        if digest is not None and communicator.size > 1:
            self._digests = np.empty(communicator.size, np.int64)
            mine = np.array([digest], np.int64)
            self._request = communicator.batches.Iallgather(mine, self._digests)

    def finish(self):
        """Raise ValueError on all ranks if one of them has another batch."""
        if self._request is None:
            return
        self._communicator.wait([self._request])
        others = np.flatnonzero(self._digests != self._digests[0])
        if len(others):
            raise ValueError(
                f"Rank {others[0]} has another batch than rank 0: generators and data sets must "
                "yield the same batches on all ranks, for example from one seed. Each rank "
                "computes a part of each batch."
            )


def share_rows(communicator, array, division):
    """`share` for an array with one row for each sample of a batch."""
    return share(communicator, array, division.rows)


def share(communicator, array, bounds):
    """Start to send the rows of `array` from bounds[rank] on to all ranks; return the request."""
    width = array[:1].size if len(array) else 0
    counts = [(b - a) * width for a, b in pairwise(bounds)]
    starts = [bound * width for bound in bounds[:-1]]
    if communicator.size == 1:
        return communicator.mpi.REQUEST_NULL
    in_place = communicator.mpi.IN_PLACE
    return communicator.world.Iallgatherv(in_place, [array, (counts, starts)])


class Averages:
    """Weights that layers update as they run: the moving averages of batch normalization.

    Each slice starts from the values before the batch. The new values are the mean over the slices,
    weighted by their samples.

    Args:
        layers: all layers of a plan.

    Attributes:
        size: the number of elements.
    """

    def __init__(self, layers):
        variables = [
            weight
            for layer in dict.fromkeys(layers)
            if layer.is_opaque or (layer.is_batch_normalization and layer.trainable)
            for weight in layer.non_trainable_weights
            if weight.dtype != "int64"
        ]
        self._arrays, self.size = [], 0
        for variable in dict.fromkeys(variables):
            self._arrays.append((variable.array, slice(self.size, self.size + variable.size)))
            self.size += variable.size
        self._before = np.empty(self.size, variables[0].dtype if variables else "float32")
        self._changes = np.empty_like(self._before)

    def begin(self):
        """Remember the values."""
        for array, part in self._arrays:
            self._before[part] = array.ravel()

    def collect(self, fraction):
        """A slice's share of the changes; restores the values."""
        changes = self._changes
        for array, part in self._arrays:
            before = self._before[part]
            np.subtract(array.ravel(), before, out=changes[part])
            array[...] = before.reshape(array.shape)
        changes *= changes.dtype.type(fraction)
        return changes

    def apply(self, changes):
        """Add the sum of the changes."""
        self._before += changes
        for array, part in self._arrays:
            array[...] = self._before[part].reshape(array.shape)
