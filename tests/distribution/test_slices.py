"""Which rank computes what, and that the order of the sums does not depend on the ranks."""

import numpy as np
import pytest

from fastcnn.distribution.slices import LEAST, MOST, Division, Tree, slice_size_of

RANKS = (1, 2, 3, 4, 5, 7, 8, 16, 40)


def whole_sum(count, ranks):
    """The sum as a string with parentheses, as the ranks and then the owner compute it."""

    def add(a, b):
        return f"({a}+{b})"

    division, owner = Division(count, 1, ranks), Tree(count, add)
    for rank in range(ranks):
        tree = Tree(count, add)
        for index, rows in division.slices(rank):
            assert rows == slice(index, index + 1)
            tree.add(index, str(index))
        assert [node for node, _ in tree.nodes] == division.nodes[rank]
        for (level, index), value in tree.nodes:
            owner.add(index, value, level)
    ((_, result),) = owner.nodes
    return result


@pytest.mark.parametrize("count", range(1, 20))
def test_order_of_additions_does_not_depend_on_the_ranks(count):
    wanted = whole_sum(count, 1)
    assert [whole_sum(count, ranks) for ranks in RANKS] == [wanted] * len(RANKS)


def test_order_is_a_balanced_tree():
    assert whole_sum(4, 1) == "((0+1)+(2+3))"
    assert whole_sum(7, 3) == "(((0+1)+(2+3))+((4+5)+6))"


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(("samples", "size"), [(32, 8), (29, 8), (1, 8), (100, 7), (3, 1)])
def test_slices_cover_the_batch_once(samples, size, ranks):
    division = Division(samples, size, ranks)
    seen = [rows for rank in range(ranks) for _, rows in division.slices(rank)]
    assert [i for rows in seen for i in range(rows.start, rows.stop)] == list(range(samples))
    for rank in range(ranks):
        rows = [rows for _, rows in division.slices(rank)]
        if rows:
            assert (rows[0].start, rows[-1].stop) == tuple(division.rows[rank : rank + 2])
        else:
            assert division.rows[rank] == division.rows[rank + 1]


@pytest.mark.parametrize("ranks", [2, 4, 8, 16])
def test_a_power_of_two_of_ranks_sends_one_sum_each(ranks):
    division = Division(2048, 32, ranks)
    assert [len(nodes) for nodes in division.nodes] == [1] * ranks


def test_few_nodes_for_any_number_of_ranks():
    for ranks in range(1, 65):
        most = max(map(len, Division(2048, 32, ranks).nodes))
        assert most <= 2 * np.log2(64)


def test_default_slice_size():
    sizes = {1: 1, 2: 1, 4: 1, 5: 2, 32: 8, 128: MOST, 256: MOST, 2048: MOST}
    assert {batch: slice_size_of(batch) for batch in sizes} == sizes
    assert 32 // slice_size_of(32) == LEAST
