"""The passes of a `fit`, `evaluate` or `predict` over a `Dataset`, which can be resumed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from fastcnn.data.nodes import Pass
from fastcnn.data.readers import EMPTY, MISFIT, check_entropy

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.data.dataset import Dataset


class Passes:
    """Begins passes over a data set, or resumes one.

    Args:
        data: the `Dataset`.
        trains: whether each pass counts as one of the data set. In evaluations orders with a seed
            are always those of the first pass, so that a resumed `fit` validates as before.
    """

    def __init__(self, data: Dataset, trains: bool) -> None:
        self._data = data
        self._trains = trains
        self.node = data._node
        self._run = Pass()
        self._resumed = False
        self._first = 0

    def begin(self) -> tuple[Pass, int]:
        """The next pass and the number of elements to skip."""
        first, self._first = self._first, 0
        if first and self._resumed:
            self._resumed = False
        else:
            self._run = self._data.new_pass(evaluates=not self._trains)
        return self._run, first

    def peek(self) -> Any:
        """The first element of a pass of its own.

        Raises:
            ValueError: there are none.
        """
        with closing(self.node.iterate(Pass())) as items:  # type: ignore[type-var]
            for item in items:
                return item
        raise ValueError(EMPTY)

    def get_state(self) -> dict[str, Any]:
        """The pass as plain values."""
        return {
            "entropy": list(self._run.entropy),
            "number": self._run.number,
            "fixed": [node.fixed for node in self.node.nodes()],
        }

    def set_state(self, state: Any, position: int) -> None:
        """Begin the next pass after `position` elements of the one that `get_state` described.

        Raises:
            ValueError: the state belongs to other data.
        """
        if not isinstance(state, dict) or state.keys() != {"entropy", "number", "fixed"}:
            raise ValueError(MISFIT)
        nodes, fixed, number = list(self.node.nodes()), state["fixed"], state["number"]
        if type(number) is not int or not 0 <= number < 2**32:
            raise ValueError(MISFIT)
        if not isinstance(fixed, list) or len(fixed) != len(nodes):
            raise ValueError(MISFIT)
        for node, words in zip(nodes, fixed, strict=True):
            if (words is None) != (node.fixed is None):
                raise ValueError(MISFIT)
            if words is not None:
                check_entropy(words)
        for node, words in zip(nodes, fixed, strict=True):
            node.fixed = words
        self._run = Pass(tuple(check_entropy(state["entropy"])), number)
        self._data._passes = number + 1
        self._resumed, self._first = True, position
