"""Sums of flat arrays over all ranks.

`Ordered` adds in the order of `slices.Tree`: each rank owns a segment of the array, gets the nodes
of this segment from all ranks, adds them in the fixed order, and sends the sum to all. That moves
as much data as a ring does. `AllReduce` leaves the order to the MPI library.
"""

from __future__ import annotations

import numpy as np

from fastcnn.core.memory import aligned
from fastcnn.distribution.slices import Tree

STEP = 16  # elements: segments begin at multiples of 64 bytes


class Reduction:
    """Base: the arrays for sums of `length` elements.

    Args:
        communicator: the `Communicator`.
        length: of the arrays; their memory is padded so that all segments are equal.
        dtype: of the arrays.
    """

    def __init__(self, communicator, length, dtype):
        self._communicator = communicator
        self._length = length
        segment = -(-length // communicator.size)
        self._segment = -(-segment // STEP) * STEP
        self._dtype = dtype
        self._free = []
        self._total = self._array()
        self._tree = None

    def begin(self, division):
        """Start the sum of a batch."""
        self._division = division
        self._tree = Tree(division.count, self._add)

    def take(self, index):
        """(an array, whether the value of the slice `index` is to be added to what it holds).

        Otherwise the value replaces the content. The array may be longer than `length`.
        """
        nodes = self._tree.nodes
        if index % 2 and nodes and nodes[-1][0] == (0, index - 1):
            return nodes[-1][1], True
        return self._new(), False

    def put(self, index, array, added):
        """Take back what `take(index)` returned."""
        if added:
            self._tree.nodes.pop()
            self._tree.add(index // 2, array, level=1)
        else:
            self._tree.add(index, array)

    def finish(self):
        """The sum over the slices of all ranks; the array is used again by the next sum."""
        arrays = [array for _, array in self._tree.nodes]
        if self._communicator.size == 1:
            (total,) = arrays
            self._free.append(self._total)
            self._total = total
            return total
        self._sum(arrays)
        self._free.extend(arrays)
        return self._total

    def _sum(self, arrays):
        """Write the sum to `_total`, given the values of this rank's nodes."""
        raise NotImplementedError

    def _new(self):
        return self._free.pop() if self._free else self._array()

    def _array(self):
        return aligned((self._segment * self._communicator.size,), self._dtype, zero=True)

    def _add(self, a, b):
        np.add(a, b, out=a)
        self._free.append(b)
        return a


class Ordered(Reduction):
    """The same bits for any number of ranks."""

    def __init__(self, communicator, length, dtype):
        super().__init__(communicator, length, dtype)
        self._received = []  # the other ranks' first nodes, second nodes, ... of my segment

    def _sum(self, arrays):
        communicator, division = self._communicator, self._division
        size, segment = communicator.size, self._segment
        starts = [rank * segment for rank in range(size)]
        requests = []
        for turn in range(max(map(len, division.nodes))):
            if turn == len(self._received):
                self._received.append(self._array())
            senders = [turn < len(nodes) for nodes in division.nodes]
            is_sender = senders[communicator.rank]
            send = arrays[turn] if is_sender else self._total
            requests.append(
                communicator.world.Ialltoallv(
                    [send, ([segment * is_sender] * size, starts)],
                    [self._received[turn], ([segment * sends for sends in senders], starts)],
                )
            )
        communicator.wait(requests)
        tree = Tree(division.count, lambda a, b: np.add(a, b, out=a))
        for start, nodes in zip(starts, division.nodes, strict=True):
            for received, (level, index) in zip(self._received, nodes, strict=False):
                tree.add(index, received[start : start + segment], level)
        ((_, mine),) = tree.nodes
        communicator.wait([communicator.world.Iallgather(mine, self._total)])


class AllReduce(Reduction):
    """`MPI_Allreduce`: the order of the additions is the library's."""

    def _sum(self, arrays):
        if not arrays:
            arrays.append(self._new())
            arrays[0][...] = 0
        while len(arrays) > 1:
            arrays.append(self._add(arrays.pop(0), arrays.pop(0)))
        communicator = self._communicator
        mine, total = arrays[0][: self._length], self._total[: self._length]
        communicator.wait([communicator.world.Iallreduce(mine, total)])
