"""The operations of a `Dataset` that pad batches, or make data sets of elements: see `nodes`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from fastcnn.data.elements import describe, leaves, replace
from fastcnn.data.nodes import Listed, Node
from fastcnn.data.selections import Batch


class Window(Node):
    """Data sets of `size` elements each, `stride` apart; each begins `shift` after the last one."""

    def __init__(self, node: Node, size: int, shift: int, stride: int, drop: bool, wrap: Any):
        self.inputs = (node,)
        self.size, self.shift, self.stride, self.drop, self.wrap = size, shift, stride, drop, wrap

    def elements(self, run):
        span = (self.size - 1) * self.stride + 1
        with self.input(run) as items:
            buffer: list[Any] = []
            while True:
                buffer += itertools.islice(items, max(span - len(buffer), 0))
                if not buffer:
                    return
                group = buffer[:span][:: self.stride]
                if len(group) == self.size or not self.drop:
                    yield self._wrapped(group)
                for _ in itertools.islice(items, max(self.shift - len(buffer), 0)):
                    pass
                buffer = buffer[self.shift :]

    def _wrapped(self, group):
        return replace(lambda *values: self.wrap(Listed(list(values))), group[0], *group[1:])

    def count(self):
        count = super().count()
        if count < 0:
            return count
        if self.drop:
            span = (self.size - 1) * self.stride + 1
            return max(0, -(-(count - span + 1) // self.shift))
        return -(-count // self.shift)

    def spec(self):
        return replace(lambda spec: f"Dataset({spec})", super().spec())


class PaddedBatch(Batch):
    """Groups of elements, padded to one shape: the given one, or the largest of the group."""

    def __init__(self, node: Node, size: int, shapes: Any, values: Any, drop: bool) -> None:
        super().__init__(node, size, drop)
        self.shapes, self.values = shapes, values

    def source(self):
        return None

    def join(self, group):
        count = itertools.count()
        shapes = None if self.shapes is None else _shapes(self.shapes)
        values = leaves(self.values)

        def pad(*arrays):
            component = next(count)
            ranks = {np.ndim(array) for array in arrays}
            if len(ranks) > 1:
                raise ValueError(
                    "`padded_batch` needs arrays with the same number of axes. "
                    f"Received {describe(arrays[0])} and others with {sorted(ranks)} axes."
                )
            largest = tuple(np.max([np.shape(array) for array in arrays], 0).astype(int))
            shape = largest if shapes is None else _wanted(shapes[component], largest)
            array = np.asarray(arrays[0])
            value = values[component] if component < len(values) else values[-1]
            if value is None:
                value = "" if array.dtype.kind in "UO" else 0
            dtype = np.result_type(*arrays) if array.dtype.kind == "U" else array.dtype
            result = np.full((len(arrays), *shape), value, dtype)
            for row, source in zip(result, arrays, strict=True):
                row[tuple(slice(0, size) for size in np.shape(source))] = source
            return result

        return replace(pad, *group)

    def spec(self):
        size = self.size if self.drop_remainder else None
        shapes = iter([] if self.shapes is None else _shapes(self.shapes))
        node = self.inputs[0].spec()

        def padded(spec):
            shape = next(shapes, spec.shape)
            shape = None if shape is None else (size, *shape)
            return type(spec)(shape, spec.dtype)

        return replace(padded, node)


def _shapes(nested):
    """The shapes in `padded_shapes`: a tuple or list of sizes is one of them."""
    if isinstance(nested, dict):
        return [shape for item in nested.values() for shape in _shapes(item)]
    if isinstance(nested, tuple) and any(isinstance(n, (tuple, list, dict)) for n in nested):
        return [shape for item in nested for shape in _shapes(item)]
    return [tuple(None if n in (None, -1) else int(n) for n in nested)]


def _wanted(shape, largest):
    if len(shape) != len(largest) or any(
        want is not None and want < size for want, size in zip(shape, largest, strict=False)
    ):
        raise ValueError(
            f"`padded_shapes` must be at least as large as the elements. "
            f"Received {shape} for elements of shape up to {largest}."
        )
    return tuple(size if want is None else want for want, size in zip(shape, largest, strict=True))
