"""The operations of a `Dataset`: each is a node that makes its elements from those of its inputs.

A pass over a data set is a `Pass`: it holds all that random operations depend on, so that the same
pass gives the same elements with any number of threads, in another process, and after skipping.

A chain of `from_tensor_slices`, `shuffle`, `repeat`, `take`, `skip`, `shard`, `cache`, `prefetch`,
`batch` and `unbatch` only selects rows of arrays. Its nodes have a `source` and work on chunks of
indices: nothing is done for single rows, and `fit` reads such data like arrays (see `index_feed`).
"""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import dataclass, replace as changed
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.data.ahead import END
from fastcnn.data.elements import (
    TensorSpec,
    concatenated_spec,
    convert,
    first_axis,
    replace,
    spec_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

INFINITE, UNKNOWN = -1, -2


@dataclass(frozen=True)
class Pass:
    """One pass over a data set, as one of its nodes sees it.

    Attributes:
        entropy: four integers, drawn for each pass over data that use random numbers.
        number: how many passes there were before.
        path: the position of the node among the inputs of the nodes above it.
        epochs: the numbers of the repetitions by the `repeat`s above it.
    """

    entropy: tuple[int, ...] = (0, 0, 0, 0)
    number: int = 0
    path: tuple[int, ...] = ()
    epochs: tuple[int, ...] = ()

    def of_input(self, index=0):
        return changed(self, path=(*self.path, index))

    def of_epoch(self, epoch):
        return changed(self, epochs=(*self.epochs, epoch))

    def call(self, index, function, *args):
        """The result of a user's function for element `index`, with random numbers of its own."""
        key = (len(self.path), *self.path, *self.epochs, index)
        return random.call_with_stream(self.entropy, key, function, *args)


class Node:
    """Base class.

    Attributes:
        inputs: the nodes whose elements this one uses.
        draws: whether it uses the entropy of a pass.
        fixed: entropy of its own that all passes share, or None.
        reads_ahead: whether its threads make elements before they are needed.
    """

    inputs: tuple[Node, ...] = ()
    draws = False
    fixed: list[int] | None = None
    reads_ahead = False
    batched = False  # of nodes with a source: whether an element is a batch of rows

    def iterate(self, run: Pass) -> Iterator[Any]:
        """The elements of a pass."""
        source = self.source()
        return self.elements(run) if source is None else _rows(self, source, run)

    def elements(self, run: Pass) -> Iterator[Any]:
        """`iterate` for nodes without a source."""
        raise NotImplementedError

    def iterate_from(self, run: Pass, first: int) -> Iterator[Any]:
        """`iterate` without the first elements; what makes them is skipped where that is exact."""
        if first and self.source() is None:
            return self.later_elements(run, first)
        return _skip(self.iterate(run), first)

    def later_elements(self, run: Pass, first: int) -> Iterator[Any]:
        """`iterate_from` for nodes without a source."""
        return _skip(self.elements(run), first)

    def count(self) -> int:
        """The number of elements, `INFINITE` or `UNKNOWN`."""
        return self.inputs[0].count()

    def spec(self) -> Any:
        """`TensorSpec`s, nested like the elements."""
        return self.inputs[0].spec()

    def source(self) -> Slices | None:
        """The arrays whose rows are selected, if the node and all below it only do that."""
        return None

    def chunks(self, run: Pass) -> Iterator[Any]:
        """Of nodes with a source: arrays of indices or, if batched, lists of such arrays."""
        raise NotImplementedError

    def nodes(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for node in self.inputs:
            yield from node.nodes()

    def input(self, run: Pass, index: int = 0, first: int = 0) -> Any:
        """Context manager: the elements of an input; they are closed at its end."""
        return closing(self.inputs[index].iterate_from(run.of_input(index), first))

    def draw_fixed(self):
        """Draw entropy for all passes, if anything here or below depends on it."""
        if any(node.draws for node in self.nodes()):
            self.fixed = new_entropy()


def _skip(items, first):
    for _ in itertools.islice(items, first):
        pass
    return items


def new_entropy() -> list[int]:
    """Entropy for a pass, drawn from the package's generator."""
    return random.generator().integers(0, 2**32, 4).tolist()


class Slices(Node):
    """The rows of arrays."""

    def __init__(self, arrays: Any) -> None:
        self.size = first_axis(arrays)
        self.arrays = arrays

    def source(self):
        return self

    def chunks(self, run):
        yield np.arange(self.size)

    def count(self):
        return self.size

    def spec(self):
        return replace(lambda a: TensorSpec(a.shape[1:], a.dtype), self.arrays)


def _rows(node, source, run):
    """The elements of a node with a source."""
    for chunk in node.chunks(run):
        for indices in chunk:
            yield replace(lambda a: a[indices], source.arrays)  # noqa: B023 - used at once


class Listed(Node):
    """Elements that are in memory."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def elements(self, run):
        yield from self.items

    def count(self):
        return len(self.items)

    def spec(self):
        return spec_of(self.items[0])


class Counted(Node):
    """The integers of a `range`."""

    def __init__(self, values: range, dtype: np.dtype) -> None:
        self.values, self.dtype = values, dtype

    def elements(self, run):
        for value in self.values:
            yield self.dtype.type(value)

    def count(self):
        return len(self.values)

    def spec(self):
        return TensorSpec((), self.dtype)


class Generated(Node):
    """What a user's generator function yields."""

    draws = True

    def __init__(self, function: Any, args: tuple, signature: Any) -> None:
        self.function, self.args, self.signature = function, args, signature

    def elements(self, run):
        source = iter(self.function(*self.args))
        for index in itertools.count():
            value = run.call(index, next, source, END)
            if value is END:
                return
            element = convert(value, "What the generator yields")
            yield replace(_fit, self.signature, _nested_like(self.signature, element))

    def count(self):
        return UNKNOWN

    def spec(self):
        return self.signature


def _nested_like(signature, element):
    """The element, with a tuple for an array that stands for one, as in TensorFlow."""
    if isinstance(signature, tuple) and not isinstance(element, (tuple, dict)):
        return tuple(element)
    return element


def _fit(spec, array):
    array = np.asarray(array)
    shape = spec.shape
    fits = shape is None or (
        len(shape) == array.ndim
        and all(want in (None, size) for want, size in zip(shape, array.shape, strict=True))
    )
    if not fits or (spec.dtype.kind in "UO") != (array.dtype.kind in "UO"):
        raise TypeError(
            f"The generator must yield arrays of {spec}. "
            f"Received shape {array.shape} and dtype {array.dtype}."
        )
    return array if spec.dtype.kind in "UO" else array.astype(spec.dtype, copy=False)


class Concatenate(Node):
    """The elements of the first input, then those of the second."""

    def __init__(self, first: Node, second: Node) -> None:
        self.inputs = (first, second)
        self._spec = concatenated_spec(first.spec(), second.spec())

    def elements(self, run):
        for index in range(2):
            with self.input(run, index) as items:
                yield from items

    def count(self):
        counts = [node.count() for node in self.inputs]
        return INFINITE if INFINITE in counts else UNKNOWN if UNKNOWN in counts else sum(counts)

    def spec(self):
        return self._spec


class Zip(Node):
    """One element of each input, nested like `nesting`, whose leaves are positions in `inputs`."""

    def __init__(self, inputs: list[Node], nesting: Any) -> None:
        self.inputs, self.nesting = tuple(inputs), nesting

    def elements(self, run):
        with closing(_Together(self, run)) as together:
            for items in zip(*together.iterators, strict=False):
                yield replace(lambda index: items[index], self.nesting)  # noqa: B023

    def count(self):
        counts = [node.count() for node in self.inputs]
        if UNKNOWN in counts:
            return UNKNOWN
        return min((count for count in counts if count >= 0), default=INFINITE)

    def spec(self):
        return replace(lambda index: self.inputs[index].spec(), self.nesting)


class _Together:
    """The iterators of all inputs, closed together."""

    def __init__(self, node, run):
        self.iterators = [n.iterate(run.of_input(i)) for i, n in enumerate(node.inputs)]

    def close(self):
        for iterator in self.iterators:
            iterator.close()
