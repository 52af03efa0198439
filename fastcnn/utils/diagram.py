"""The layout of a diagram: boxes in rows, so that every edge leads down.

A box is in the row below the lowest of those that it depends on. An edge that passes rows gets a
point in each of them. Within a row, boxes and points are sorted by the average position of what
they are connected to (Sugiyama, Tagawa & Toda 1981).
"""

from collections import defaultdict
from itertools import pairwise

SWEEPS = 4  # passes over all rows, down and up, that sort them


class Layout:
    """Where boxes are and how edges run.

    Args:
        count: number of boxes.
        edges: pairs (from, to) of boxes, each from a lower to a higher number.

    Attributes:
        rows: the row of each box.
        columns: the column of each box, a float.
        width: number of columns.
        paths: {edge: list of (row, column) from one box to the other}.
    """

    def __init__(self, count, edges):
        self.rows = [0] * count
        for source, target in sorted(edges, key=lambda edge: edge[1]):
            self.rows[target] = max(self.rows[target], self.rows[source] + 1)
        row_of = list(self.rows)
        links = []  # pairs of boxes or points in adjacent rows
        chains = {}
        for source, target in edges:
            chain = [source]
            for row in range(self.rows[source] + 1, self.rows[target]):
                chain.append(len(row_of))
                row_of.append(row)
            chain.append(target)
            chains[source, target] = chain
            links += pairwise(chain)
        members = defaultdict(list)
        for item, row in enumerate(row_of):
            members[row].append(item)
        self._sort(members, links)
        self.width = max(map(len, members.values()), default=0)
        column = {}
        for items in members.values():
            left = (self.width - len(items)) / 2
            column.update((item, left + index) for index, item in enumerate(items))
        self.columns = [column[box] for box in range(count)]
        self.paths = {
            edge: [(row_of[item], column[item]) for item in chain] for edge, chain in chains.items()
        }

    @staticmethod
    def _sort(members, links):
        above, below = defaultdict(list), defaultdict(list)
        for upper, lower in links:
            above[lower].append(upper)
            below[upper].append(lower)
        rows = sorted(members)
        for sweep in range(SWEEPS):
            near, order = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
            for row in order:
                position = {
                    item: index - len(members[other]) / 2
                    for other in (row - 1, row + 1)
                    for index, item in enumerate(members.get(other, ()))
                }
                own = {
                    item: index - len(members[row]) / 2 for index, item in enumerate(members[row])
                }
                members[row].sort(
                    key=lambda item: (
                        sum(position[other] for other in near[item]) / len(near[item])
                        if near[item]
                        else own[item]
                    )
                )
