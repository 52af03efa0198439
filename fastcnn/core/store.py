"""All weights of a model, as used by its optimizer, its checkpoints and its locks.

A model that was built from new layers has one `Block`, and its store is that block. A model that
shares layers with another one has several: its own and those of the model that ran first. Weights
never move, so models that share layers can be used alternately without copying anything.
"""

import numpy as np

from fastcnn.core import forks
from fastcnn.core.memory import aligned
from fastcnn.core.variables import Block, padded

_building = forks.Lock()  # two threads must not give a variable two blocks


class Store:
    """A model's variables as flat arrays: the trainable ones first, then the others.

    Variables without a block are allocated together in a new one.

    Attributes:
        slices: list of (variable, its slice of the flat arrays), in their order.
        trainable_size: number of elements of the trainable variables, padding included.
        blocks: the blocks that hold the variables.
        is_current: whether the same variables are trainable as when the store was made.
        lock: held by whoever runs kernels with the variables or writes them.
    """

    def __init__(self, variables, dtype="float32"):
        variables = list(dict.fromkeys(variables))
        with _building:
            new = [variable for variable in variables if variable.block is None]
            if new:
                Block(new, dtype)
        self.dtype = np.dtype(dtype)
        self.blocks = sorted({v.block for v in variables}, key=lambda block: block.number)
        self.is_current = True
        for block in self.blocks:
            block.add_store(self)
        locks = [block.lock for block in self.blocks]
        self.lock = locks[0] if len(locks) == 1 else Locks(locks)
        floats = [variable for variable in variables if variable.dtype != "int64"]
        floats.sort(key=lambda variable: not variable.trainable)
        self.slices, self.trainable_size, self._size = [], 0, 0
        for variable in floats:
            self.slices.append((variable, slice(self._size, self._size + variable.size)))
            self._size += padded(variable.size, dtype)
            if variable.trainable:
                self.trainable_size = self._size
        self._all_runs = self._runs(self.slices)
        self._trainable_runs = self._runs([entry for entry in self.slices if entry[0].trainable])
        self._is_split = len(self._trainable_runs) != 1
        if self._is_split:
            self.weights = aligned(self.trainable_size, dtype, zero=True)
            self.gradients = aligned(self.trainable_size, dtype, zero=True)
        else:
            ((block, part, _),) = self._trainable_runs
            self.weights, self.gradients = block.values[part], block.gradients[part]

    def _runs(self, slices):
        """[(block, slice of its arrays, slice of the flat arrays)], adjacent slices merged."""
        runs = []
        for variable, flat in slices:
            block, start = variable.block, variable.block.slices[variable].start
            size = padded(variable.size, self.dtype)
            before = start, flat.start
            if runs and runs[-1][0] is block and (runs[-1][1].stop, runs[-1][2].stop) == before:
                _, part, whole = runs.pop()
                before = part.start, whole.start
            ends = start + size, flat.start + size
            runs.append((block, *(slice(*ends) for ends in zip(before, ends, strict=True))))
        return runs

    # ------------------------------------------------------------------------------- for an update

    # The optimizer updates `weights` from `gradients`, flat arrays of `trainable_size` elements:
    # views of a single block, or copies if the memory consists of several contiguous runs.

    def gather(self):
        """Before an update: refresh `weights` and `gradients`."""
        if self._is_split:
            for block, part, flat in self._trainable_runs:
                self.weights[flat] = block.values[part]
                self.gradients[flat] = block.gradients[part]

    def scatter(self):
        """After an update: write `weights` back to the variables."""
        if self._is_split:
            for block, part, flat in self._trainable_runs:
                block.values[part] = self.weights[flat]
        self.touch()

    # --------------------------------------------------------------------------------- all values

    def read(self):
        """All values as one flat array; a view if the variables are contiguous in memory."""
        if len(self._all_runs) == 1:
            block, part, _ = self._all_runs[0]
            return block.values[part]
        values = np.zeros(self._size, self.dtype)
        for block, part, flat in self._all_runs:
            values[flat] = block.values[part]
        return values

    def write(self, values):
        """Replace all values with those of an array in the layout of `read`."""
        for block, part, flat in self._all_runs:
            block.values[part] = values[flat]
        self.touch()

    def touch(self):
        """Record that values were written: kernels prepare the weights again."""
        for block in self.blocks:
            block.touch()


class Locks:
    """Several locks as one, taken in their order."""

    def __init__(self, locks):
        self._locks = locks

    def __enter__(self):
        for lock in self._locks:
            lock.acquire()

    def __exit__(self, *error):
        for lock in reversed(self._locks):
            lock.release()
