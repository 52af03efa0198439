"""Where the batches of a `Stream` come from: one reader for each kind of iterable.

A reader reads ahead in threads (see `ahead`), at most as many batches as `allow` permits. Random
numbers that the user's code draws from this package belong to the batch, whichever thread runs it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.data.ahead import END, Ahead, close, iterate_ahead
from fastcnn.data.arrays import is_dataset, is_indexed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

AHEAD = 2  # batches of generators and data sets that are made before they are needed
EMPTY = "There are no batches: the iterable is empty."
MISFIT = "The state belongs to other data."


def reader_of(source: Any, shuffle: bool, trains: bool) -> Reader:
    """The reader for an iterable of batches."""
    if is_dataset(source):
        return DatasetReader(source, trains)
    return IndexReader(source, shuffle) if is_indexed(source) else IterableReader(source)


class Reader:
    """Base class.

    Attributes:
        restarts: whether another pass can begin.
        is_endless: whether a pass never ends.
        yields_samples: whether the source yields single samples, as far as that is known.
    """

    restarts = True
    is_endless = yields_samples = False

    def __init__(self, source: Any) -> None:
        self._source = source
        self._iterator: Any = None
        self._allowed: int | None = None

    def count(self) -> int | None:
        """Number of batches in a pass, or None if it is unknown."""
        count = getattr(self._source, "num_batches", None)
        if count is None and hasattr(self._source, "__len__"):
            count = len(self._source)
        return None if count is None else int(count)

    def peek(self) -> Any:
        """The first batch, which is not consumed."""
        raise NotImplementedError

    def batches(self, first: int) -> Iterator[Any]:
        """The batches of a pass, without the first ones."""
        raise NotImplementedError

    def allow(self, count: int | None) -> None:
        """Let `count` batches be read from here on; None is any number."""
        self._allowed = count
        if isinstance(self._iterator, Ahead):
            self._iterator.allow(count)

    def close(self) -> None:
        """Stop the threads."""
        iterator, self._iterator = self._iterator, None
        close(iterator)

    def get_state(self) -> Any:
        """Plain values and arrays that describe the pass."""
        raise NotImplementedError

    def set_state(self, state: Any, position: int) -> None:
        """Continue that pass in the next call of `batches`, after `position` batches."""
        raise NotImplementedError

    def _read(self):
        """The remaining batches of the current iterator; it is closed with this generator."""
        try:
            yield from self._iterator
        finally:
            self.close()


class DatasetReader(Reader):
    """The elements of a `Dataset`."""

    def __init__(self, source: Any, trains: bool) -> None:
        from fastcnn.data.nodes import INFINITE
        from fastcnn.data.passes import Passes

        super().__init__(source)
        self._passes = Passes(source, trains)
        node = source._node
        self.is_endless = node.count() == INFINITE
        self.yields_samples = node.source() is not None and not node.batched

    def count(self):
        count = self._source._node.count()
        return None if count < 0 else count

    def peek(self):
        return self._passes.peek()

    def batches(self, first):
        run, first = self._passes.begin()
        node = self._passes.node
        items = node.iterate_from(run, first)
        self._iterator = items if node.reads_ahead else iterate_ahead(items, AHEAD)
        return self._read()

    def allow(self, count):
        """Reading further ahead has no effect: a pass does not depend on when it is read."""

    def get_state(self):
        return self._passes.get_state()

    def set_state(self, state, position):
        self._passes.set_state(state, position)


class IndexReader(Reader):
    """Batches by index: 0, 1, ... or, with `shuffle`, in a new order in each pass."""

    def __init__(self, source: Any, shuffle: bool) -> None:
        super().__init__(source)
        self._shuffle = shuffle
        self._order: Any = None
        self._entropy = [0, 0, 0, 0]

    def peek(self):
        return random.call_with_stream(self._entropy, (0,), self._source.__getitem__, 0)

    def batches(self, first):
        steps = self.count()
        if not first:
            self._order = random.generator().permutation(steps) if self._shuffle else None
            self._entropy = random.new_entropy()
        indices: Any = itertools.count(first) if steps is None else range(first, steps)
        if self._order is not None:
            indices = map(int, self._order[first:])
        workers = getattr(self._source, "workers", 1)
        get = Getter(self._source, self._entropy)
        if not workers:
            return map(get, indices)
        function: Any = get
        if getattr(self._source, "use_multiprocessing", False):
            from fastcnn.data.processes import Processes

            function = Processes(get, workers)
        ahead = max(getattr(self._source, "max_queue_size", 10), 1)
        self._iterator = Ahead(function, indices, workers, ahead, self._allowed)
        return self._read()

    def get_state(self):
        return {"order": self._order, "entropy": list(self._entropy)}

    def set_state(self, state, position):
        order, entropy, steps = state["order"], state["entropy"], self.count()
        if order is not None and (
            steps is None or not np.array_equal(np.sort(order), np.arange(steps))
        ):
            raise ValueError(MISFIT)
        self._order, self._entropy = order, check_entropy(entropy)


class Getter:
    """`source[index]`, with random numbers that belong to the index."""

    def __init__(self, source: Any, entropy: list[int]) -> None:
        self._source, self._entropy = source, entropy

    def __call__(self, index: int) -> Any:
        key = (index,)
        return random.call_with_stream(self._entropy, key, self._source.__getitem__, index)


class IterableReader(Reader):
    """A generator or iterator, which is consumed once, or another iterable."""

    def __init__(self, source: Any) -> None:
        super().__init__(source)
        self.restarts = not hasattr(source, "__next__")
        self._entropy: list[int] | None = None
        self._peeked: list[Any] = []
        self._allowed = 0

    def count(self):
        return super().count() if self.restarts else None

    def _open(self):
        if self._iterator is None:
            if self.restarts or self._entropy is None:
                self._entropy = random.new_entropy()
            function = Next(iter(self._source), self._entropy)
            self._iterator = Ahead(function, itertools.count(), ahead=AHEAD, limit=self._allowed)
        return self._iterator

    def peek(self):
        for batch in self._open():
            self._peeked.append(batch)
            return batch
        raise ValueError(EMPTY)

    def batches(self, first):
        self._open()
        self.allow(self._allowed)
        peeked, self._peeked = self._peeked, []
        return itertools.islice(itertools.chain(peeked, self._read()), first, None)

    def allow(self, count):
        super().allow(count)
        if count is not None and isinstance(self._iterator, Ahead):
            self._iterator.allow(max(count - len(self._peeked), 0))

    def get_state(self):
        return {"order": None, "entropy": self._entropy}

    def set_state(self, state, position):
        if state["order"] is not None:
            raise ValueError(MISFIT)
        entropy = state["entropy"]
        if entropy is not None and check_entropy(entropy) != self._entropy:
            self._entropy = entropy
            if isinstance(self._iterator, Ahead):
                self._iterator.function.entropy = entropy


class Next:
    """The next item of an iterator, with random numbers that belong to its position."""

    def __init__(self, iterator: Any, entropy: list[int]) -> None:
        self._iterator, self.entropy = iterator, entropy

    def __call__(self, position: int) -> Any:
        return random.call_with_stream(self.entropy, (position,), next, self._iterator, END)


def check_entropy(words: Any) -> list[int]:
    """Four integers, as `random.new_entropy` returns them.

    Raises:
        ValueError: anything else.
    """
    is_valid = isinstance(words, list) and len(words) == 4
    if not is_valid or not all(type(word) is int and 0 <= word < 2**32 for word in words):
        raise ValueError(MISFIT)
    return words
