"""How a global batch is cut into slices, which rank computes which, and the order of their sums.

A slice is a number of neighboring samples. Losses and gradients are computed slice by slice, with
arrays of the same shape on any number of ranks. The gradients are added along a binary tree over
the slices, which depends on their number alone:

    ((g0 + g1) + (g2 + g3)) + ((g4 + g5) + g6)

A node (level, index) is the sum of the slices from index * 2**level on; without a right neighbor a
node moves up unchanged. A rank has neighboring slices, adds whatever is complete within them, and
sends the rest: for four slices on two ranks, (g0 + g1) and (g2 + g3). So the sum has the same bits
for any number of ranks, and what is sent does not grow with the number of slices.
"""

from __future__ import annotations

from itertools import pairwise

MOST = 32  # samples of a slice: more are not faster, and fewer ranks could share a batch
LEAST = 4  # slices of a batch, if it has so many samples


def slice_size_of(batch_size: int) -> int:
    """The default number of samples of a slice."""
    return max(1, min(MOST, -(-batch_size // LEAST)))


class Division:
    """The slices of a batch of `samples` samples.

    Args:
        samples: the number of samples.
        slice_size: the samples of a slice; the last one may have fewer.
        size: the number of ranks.

    Attributes:
        count: the number of slices.
        bounds: the first slice of each rank, then `count`.
        rows: the first sample of each rank, then `samples`.
        nodes: for each rank the nodes [(level, index)] that its slices add up to.
    """

    def __init__(self, samples: int, slice_size: int, size: int) -> None:
        self.samples, self.slice_size = samples, slice_size
        count = self.count = -(-samples // slice_size)
        self.bounds = [count * rank // size for rank in range(size + 1)]
        self.rows = [min(bound * slice_size, samples) for bound in self.bounds]
        self.nodes = []
        for first, last in pairwise(self.bounds):
            tree: Tree = Tree(count, lambda a, b: None)
            for index in range(first, last):
                tree.add(index, None)
            self.nodes.append([node for node, _ in tree.nodes])

    def slices(self, rank):
        """Yield (index, slice of the batch's samples) of each slice of a rank."""
        for index in range(self.bounds[rank], self.bounds[rank + 1]):
            begin = index * self.slice_size
            yield index, slice(begin, min(begin + self.slice_size, self.samples))


class Tree:
    """Adds values of slices, or of nodes, that come in order.

    Args:
        count: the number of slices of the whole batch.
        add: function of two neighboring values that returns their sum.

    Attributes:
        nodes: list of ((level, index), value) that are not added to anything yet.
    """

    def __init__(self, count, add):
        self._count = count
        self._add = add
        self.nodes = []

    def add(self, index, value, level=0):
        """Add the value of the next slice or node."""
        while index:
            if index % 2 == 0:
                if (index + 1) << level < self._count:
                    break  # the right neighbor comes later
            elif self.nodes and self.nodes[-1][0] == (level, index - 1):
                value = self._add(self.nodes.pop()[1], value)
            else:
                break  # another rank has the left neighbor
            level, index = level + 1, index // 2
        self.nodes.append(((level, index), value))
