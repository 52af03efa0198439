"""The operations of a `Dataset` that call functions of the user: see `nodes`."""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import Any

import numpy as np

from fastcnn.data.ahead import END, Ahead
from fastcnn.data.elements import (
    TensorSpec,
    as_tensors,
    convert,
    describe,
    leaves,
    replace,
    spec_of,
)
from fastcnn.data.nodes import UNKNOWN, Node, Pass


class Map(Node):
    """A user's function of each element, in `threads` threads or, with 0, in the consumer's."""

    draws = True

    def __init__(self, node: Node, function: Any, threads: int) -> None:
        self.inputs = (node,)
        self.function, self.threads = function, threads
        self._spec: Any = None

    def elements(self, run):
        return self.later_elements(run, 0)

    def later_elements(self, run, first):
        def apply(pair):
            index, element = pair
            try:
                value = run.call(index, call_function, self.function, element)
            except Exception as error:
                error.add_note(f"In the function given to Dataset.map, for element {index}.")
                raise
            return convert(value, "What the function given to `map` returns")

        with self.input(run, first=first) as items:
            pairs = enumerate(items, first)
            if not self.threads:
                yield from map(apply, pairs)
                return
            with closing(Ahead(apply, pairs, self.threads, 2 * self.threads)) as results:
                yield from results

    def spec(self):
        if self._spec is None:
            self._spec = self._find_spec()
        return self._spec

    def _find_spec(self):
        """That of the first result; a first axis that was of unknown size stays so."""
        with self.input(Pass()) as items:
            element = next(items, None)
        if element is None:
            raise ValueError("The element_spec of mapped elements is unknown: there are none.")
        result = convert(
            Pass().call(0, call_function, self.function, element),
            "What the function given to `map` returns",
        )
        before = [spec for spec in leaves(self.inputs[0].spec()) if spec.shape]
        sizes = {
            np.shape(array)[0]
            for array, spec in zip(leaves(element), leaves(self.inputs[0].spec()), strict=True)
            if spec.shape and spec.shape[0] is None
        }
        unknown = before and all(spec.shape[0] is None for spec in before)

        def spec_of_leaf(leaf):
            spec = spec_of(leaf)
            if unknown and getattr(spec, "shape", ()) and spec.shape[0] in sizes:
                spec = TensorSpec((None, *spec.shape[1:]), spec.dtype)
            return spec

        return replace(spec_of_leaf, result)


def call_function(function: Any, element: Any) -> Any:
    """A user's function of an element; a tuple is passed as several arguments, as in TensorFlow."""
    element = as_tensors(element)
    return function(*element) if isinstance(element, tuple) else function(element)


class Filter(Node):
    """The elements for which a user's function is true.

    With `ends` only those before the first one for which it is false.
    """

    draws = True

    def __init__(self, node: Node, function: Any, ends: bool = False) -> None:
        self.inputs = (node,)
        self.function, self.ends = function, ends

    def elements(self, run):
        with self.input(run) as items:
            for index, item in enumerate(items):
                value = np.asarray(run.call(index, call_function, self.function, item))
                if value.ndim or value.dtype != bool:
                    raise ValueError(
                        "The predicate must return one boolean. "
                        f"Received {describe(value)} of dtype {value.dtype}."
                    )
                if value:
                    yield item
                elif self.ends:
                    return

    def count(self):
        return UNKNOWN


class Interleave(Node):
    """The elements of the data sets that a function returns, `block` at a time of `cycle` of them.

    `flat_map` is a cycle of one.
    """

    draws = True

    def __init__(self, node: Node, function: Any, cycle: int, block: int) -> None:
        self.inputs = (node,)
        self.function, self.cycle, self.block = function, cycle, block

    def _open(self, run, index, item):
        data = run.call(index, call_function, self.function, item)
        if not hasattr(data, "_node"):
            raise TypeError(
                "The function given to `flat_map` or `interleave` must return a Dataset. "
                f"Received an object of type {type(data).__name__}."
            )
        return data._node.iterate(run.of_input(1).of_epoch(index))

    def elements(self, run):
        """TensorFlow's order: an exhausted iterator is replaced when its turn comes again."""
        slots: list[Any] = [None] * self.cycle
        indices = itertools.count()
        with self.input(run) as items:
            turn, more = 0, True
            try:
                while more or any(slots):
                    if slots[turn] is None and more:
                        item = next(items, END)
                        more = item is not END
                        if more:
                            slots[turn] = self._open(run, next(indices), item)
                    if slots[turn] is not None:
                        count = 0
                        for element in itertools.islice(slots[turn], self.block):
                            count += 1
                            yield element
                        if count < self.block:
                            slots[turn] = None
                    turn = (turn + 1) % self.cycle
            finally:
                for iterator in filter(None, slots):
                    iterator.close()

    def count(self):
        return UNKNOWN

    def spec(self):
        with self.input(Pass()) as items:
            item = next(items, None)
            if item is None:
                raise ValueError("The element_spec of this data set is unknown: it is empty.")
            data = Pass().call(0, call_function, self.function, item)
            return data._node.spec()
