"""The operations of a `Dataset` that select, order and group elements: see `nodes`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from fastcnn.data.ahead import iterate_ahead
from fastcnn.data.elements import TensorSpec, first_axis, leaves, replace, stack
from fastcnn.data.nodes import INFINITE, UNKNOWN, Node, Pass, new_entropy


class Selection(Node):
    """A node with one input that selects elements: it has a source if the input has one."""

    def __init__(self, node: Node) -> None:
        self.inputs = (node,)

    def source(self):
        return self.inputs[0].source()

    @property
    def batched(self):
        return self.inputs[0].batched

    def chunks(self, run):
        return self.inputs[0].chunks(run.of_input())


class Shuffle(Selection):
    """A new order. With a source, all elements of a chunk are permuted, else those of a buffer."""

    def __init__(self, node: Node, size: int, seed: int | None, again: bool) -> None:
        super().__init__(node)
        self.size, self.seed, self.again = size, seed, again
        self.draws = seed is None and again
        if seed is None and not again:
            self.fixed = new_entropy()

    def _generator(self, run):
        if self.fixed is not None:
            sequence = np.random.SeedSequence(self.fixed)
        elif self.seed is None:
            sequence = np.random.SeedSequence(run.entropy, spawn_key=(*run.path, *run.epochs))
        else:  # independent of the nodes above: `take` and `skip` of one shuffle are disjoint
            key = (run.number, *run.epochs) if self.again else ()
            sequence = np.random.SeedSequence(self.seed, spawn_key=key)
        return np.random.default_rng(sequence)

    def chunks(self, run):
        generator = self._generator(run)
        for chunk in super().chunks(run):
            order = generator.permutation(len(chunk))
            yield [chunk[index] for index in order] if self.batched else chunk[order]

    def elements(self, run):
        generator, buffer = self._generator(run), []
        with self.input(run) as items:
            for item in items:
                if len(buffer) < self.size:
                    buffer.append(item)
                    continue
                index = generator.integers(len(buffer))
                chosen, buffer[index] = buffer[index], item
                yield chosen
        for index in generator.permutation(len(buffer)):
            yield buffer[index]


class Repeat(Selection):
    """Several passes over the input; None is endless."""

    def __init__(self, node: Node, times: int | None) -> None:
        super().__init__(node)
        self.times = times

    def _epochs(self, run):
        numbers = itertools.count() if self.times is None else range(self.times)
        return (run.of_epoch(number) for number in numbers)

    def chunks(self, run):
        for epoch in self._epochs(run):
            empty = True
            for chunk in super().chunks(epoch):
                empty = empty and not len(chunk)
                yield chunk
            if empty:
                return

    def elements(self, run):
        for epoch in self._epochs(run):
            empty = True
            with self.input(epoch) as items:
                for item in items:
                    empty = False
                    yield item
            if empty:
                return

    def count(self):
        count = super().count()
        if self.times is None:
            return INFINITE if count else 0
        return count * self.times if count >= 0 else count if self.times else 0


class Part(Selection):
    """Elements `start`, `start + step`, ... before `stop` (None is all)."""

    def __init__(self, node: Node, start: int, stop: int | None, step: int = 1) -> None:
        super().__init__(node)
        self.start, self.stop, self.step = start, stop, step

    def chunks(self, run):
        if self.stop is not None and self.stop <= self.start:
            return
        begin = 0  # index of the chunk's first element
        for chunk in super().chunks(run):
            first = max(self.start - begin, -(begin - self.start) % self.step)
            last = None if self.stop is None else max(self.stop - begin, 0)
            yield chunk[first : last : self.step]
            begin += len(chunk)
            if self.stop is not None and begin >= self.stop:
                return

    def elements(self, run):
        with self.input(run) as items:
            yield from itertools.islice(items, self.start, self.stop, self.step)

    def count(self):
        count = super().count()
        if count == UNKNOWN or (count == INFINITE and self.stop is None):
            return count if self.stop != 0 else 0
        stop = count if self.stop is None else self.stop if count < 0 else min(self.stop, count)
        return len(range(self.start, stop, self.step))


class Cache(Selection):
    """The elements of one pass, kept in memory by the first pass that reaches the end."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.kept: list[Any] | None = None
        self.draw_fixed()

    def _run(self):
        return Pass(entropy=tuple(self.fixed or Pass.entropy))

    def chunks(self, run):
        return super().chunks(self._run())

    def elements(self, run):
        if self.kept is not None:
            yield from self.kept
            return
        kept = []
        with self.input(self._run()) as items:
            for item in items:
                kept.append(item)
                yield item
        self.kept = kept


class Prefetch(Selection):
    """Asks for elements in a thread, before they are needed."""

    def __init__(self, node: Node, ahead: int) -> None:
        super().__init__(node)
        self.ahead = ahead
        self.reads_ahead = ahead > 0

    def elements(self, run):
        return self.later_elements(run, 0)

    def later_elements(self, run, first):
        items = self.inputs[0].iterate_from(run.of_input(), first)
        return iterate_ahead(items, self.ahead) if self.ahead else items


class Batch(Selection):
    """Groups of `size` elements, stacked."""

    batched = True

    def __init__(self, node: Node, size: int, drop_remainder: bool) -> None:
        super().__init__(node)
        self.size, self.drop_remainder = size, drop_remainder

    def source(self):
        return None if self.inputs[0].batched else super().source()

    def chunks(self, run):
        rest = np.empty(0, np.int64)
        for chunk in super().chunks(run):
            chunk = np.concatenate([rest, chunk])
            whole = len(chunk) // self.size * self.size
            rest = chunk[whole:]
            yield list(chunk[:whole].reshape(-1, self.size))
        if len(rest) and not self.drop_remainder:
            yield [rest]

    def elements(self, run):
        return self.later_elements(run, 0)

    def later_elements(self, run, first):
        with self.input(run, first=first * self.size) as items:
            while group := list(itertools.islice(items, self.size)):
                if len(group) == self.size or not self.drop_remainder:
                    yield self.join(group)

    def join(self, group):
        """The elements of a batch as one."""
        return stack(group)

    def count(self):
        count = super().count()
        if count < 0:
            return count
        return count // self.size if self.drop_remainder else -(-count // self.size)

    def spec(self):
        size = self.size if self.drop_remainder else None
        return replace(lambda s: _with_axis(s, size), super().spec())


def _with_axis(spec, size):
    return TensorSpec(None if spec.shape is None else (size, *spec.shape), spec.dtype)


class Unbatch(Selection):
    """The rows of each element."""

    batched = False

    def source(self):
        return super().source() if self.inputs[0].batched else None

    def chunks(self, run):
        for chunk in super().chunks(run):
            yield np.concatenate([np.empty(0, np.int64), *chunk])

    def elements(self, run):
        with self.input(run) as items:
            for item in items:
                for index in range(first_axis(item)):
                    yield replace(lambda a: a[index], item)  # noqa: B023 - used at once

    def count(self):
        count, node = super().count(), self.inputs[0]
        if count < 0:
            return count
        while isinstance(node, (Prefetch, Cache)):
            node = node.inputs[0]
        if isinstance(node, Batch) and not node.drop_remainder:
            return node.inputs[0].count()
        sizes = {spec.shape[0] for spec in leaves(node.spec()) if spec.shape}
        return count * sizes.pop() if len(sizes) == 1 and None not in sizes else UNKNOWN

    def spec(self):
        return replace(
            lambda s: TensorSpec(None if s.shape is None else s.shape[1:], s.dtype), super().spec()
        )
