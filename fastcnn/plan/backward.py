"""The backward pass of a program.

Each value has one gradient array. If several steps read a value, the first of them in the order of
the backward pass stores its gradient and the others add theirs, so the order of the additions
depends on the graph alone. A step that returns its argument (a view, an addition) lets several
values have the same array. This module keeps account of that when the pass is created: a step may
overwrite an array, and gradients are added to it in place, only if no other value still needs it.
"""

from collections import Counter

from fastcnn.layers.steps import UserStep
from fastcnn.plan.penalties import ActivityStep
from fastcnn.plan.steps import AccumulatingStep, GradientSum


class Backward:
    """The backward pass from some values to the weights, and to other values if needed.

    Args:
        segments: lists of steps in forward order, see `program`.
        sources: the numbers of the values whose gradients are given.
        size: the number of all values.
        wanted: the numbers of values whose gradients are needed besides the weights'.

    Attributes:
        steps: the steps that run, in order.
        weights: the weights whose gradients they write.
    """

    def __init__(self, segments, sources, size, wanted=()):
        self._sources = sources
        self._gradients = [None] * size
        self._wanted = set(wanted)
        steps = [step for segment in segments for step in segment]
        active = set(self._wanted)  # the values whose gradients some weight needs
        for step in steps:
            if step.trainable_weights or not active.isdisjoint(step.reads):
                active.add(step.writes)
        self._active = active
        self._arrays = {value: object() for value in sources}  # which values share an array
        self.weights = set()
        self.steps, self._segments = [], []
        for segment in reversed(segments):
            self._add_segment(segment)
        self._chain = self._find_chain()
        self._refuse_own_layers_at_several_positions()

    def _add_segment(self, segment):
        value = segment[-1].writes
        if value not in self._arrays:
            segment = _until_penalty(segment)
            if not segment:
                return
            value = segment[-1].writes
            self._arrays[value] = object()  # its gradient is None: no source depends on it
        if value not in self._active:
            return
        backwards, deliver = [], None
        for step in reversed(segment):
            if step.writes not in self._active:
                break
            self.steps.append(step)
            wrapped = self._accumulated(step)
            if step is not segment[0]:
                is_needed = step.reads[0] in self._active
                array = self._expect(wrapped, is_needed)
                if is_needed:
                    self._arrays[step.reads[0]] = array
                backwards.append(wrapped.backward)
            elif step.takes_list:
                backwards.append(wrapped.backward)
                deliver = self._deliver_list(wrapped)
            else:
                last, deliver = self._deliver(wrapped)
                backwards.extend(last)
        self._segments.append((value, backwards, deliver))

    def _find_chain(self):
        """The `backward` of each step if all of them are one segment; see `Program`."""
        if len(self._segments) != 1 or self._wanted:
            return None
        ((value, backwards, deliver),) = self._segments
        return backwards if self._sources == [value] and deliver is None else None

    def _expect(self, step, read):
        """Tell a step which gradients are needed; return the array of its results."""
        array = self._arrays.pop(step.writes)
        if step.writes in self._wanted:
            self._arrays[step.writes] = array
        step.expect_gradient(read, consume=array not in self._arrays.values())
        return object() if step.owns_gradient else array

    def _accumulated(self, step):
        """The step, which adds up the gradients of weights that already have some."""
        weights = step.trainable_weights
        again = [weight for weight in weights if weight in self.weights]
        self.weights.update(weights)
        return AccumulatingStep(step, again) if again else step

    def _deliver(self, step):
        """(the last backward calls, a function of their result or None) of a segment."""
        gradients, (value,) = self._gradients, step.reads
        is_needed, dy_array = value in self._active, self._arrays[step.writes]
        array = self._expect(step, is_needed)
        if not is_needed:
            return [step.backward], None
        if value not in self._arrays:
            self._arrays[value] = array

            def store(dx):
                gradients[value] = dx

            return [step.backward], store
        in_place = self._can_add(value, array, dy_array)
        if in_place and step.adds_gradient:

            def add(dy):
                step.add_backward(dy, gradients[value])

            return [], add
        return [step.backward], self._sum(step, value, in_place)

    def _deliver_list(self, step):
        """A function of the gradients that a step with several inputs returns."""
        gradients, needed = self._gradients, [value in self._active for value in step.reads]
        dy_array = self._arrays[step.writes]
        self._expect(step, tuple(needed))
        owns = step.owns_gradient
        owns = owns if isinstance(owns, tuple) else (owns,) * len(step.reads)
        stores, adds = [], []
        for index, value in enumerate(step.reads):
            if not needed[index]:
                continue
            if value not in self._arrays:
                self._arrays[value] = object() if owns[index] else dy_array
                stores.append((index, value))
            else:
                adds.append((index, value))
        adders = []
        for index, value in adds:
            array = object() if owns[index] else dy_array
            in_place = self._can_add(value, array, dy_array)
            adders.append((index, self._sum(step, value, in_place)))

        def deliver(results):
            for index, value in stores:
                gradients[value] = results[index]
            for index, add in adders:
                add(results[index])

        return deliver

    def _can_add(self, value, array, dy_array):
        """Whether a step can add to the gradient of `value` in place."""
        owner = self._arrays[value]
        users = sum(other is owner for other in self._arrays.values())
        return users == 1 and owner is not array and owner is not dy_array

    def _sum(self, step, value, in_place):
        """A function that adds a gradient to that of `value`, in place or in another array."""
        gradients, total = self._gradients, GradientSum(step.layer, in_place)
        if not in_place:
            self._arrays[value] = object()

        def add(dx):
            gradients[value] = total.add(gradients[value], dx)

        return add

    def _refuse_own_layers_at_several_positions(self):
        own = Counter(step.layer for step in self.steps if isinstance(step, UserStep))
        for layer, count in own.items():
            if count > 1:
                raise NotImplementedError(
                    f"The layer {layer.name!r} overrides `forward` and is used at {count} "
                    "positions of the model. Its `backward` knows only the last `forward`: to "
                    "train it, create a layer for each position."
                )

    def run(self, sources):
        """Compute all gradients from those of the sources, which are given in their order."""
        if self._chain is not None:
            (dy,) = sources
            for backward in self._chain:
                dy = backward(dy)
            return
        gradients = self._gradients
        for value, gradient in zip(self._sources, sources, strict=True):
            gradients[value] = gradient
        for value, backwards, deliver in self._segments:
            dy = gradients[value]
            for backward in backwards:
                dy = backward(dy)
            if deliver is not None:
                deliver(dy)

    def gradient(self, value):
        """The gradient of a value that was `wanted`, or None if the sources do not depend on it."""
        return self._gradients[value]


def _until_penalty(segment):
    """The steps up to the last penalty of an output, which has a gradient without any source."""
    penalties = [i for i, step in enumerate(segment) if isinstance(step, ActivityStep)]
    return segment[: penalties[-1] + 1] if penalties else []
