"""The memory of weights.

A `Block` holds the values and gradients of variables that were built together. A `Store` is all
weights of a model, as used by its optimizer, its checkpoints and its locks. A model that was built
from new layers has one block, and its store is that block. A model that shares layers with another
one has several: its own and those of the model that ran first. Weights never move, so models that
share layers can be used alternately without copying anything.
"""

import itertools
import threading
import weakref

import numpy as np

from fastcnn.core import forks
from fastcnn.core.memory import ALIGNMENT, aligned

_building = forks.Lock()  # two threads must not give a variable two blocks


class Block:
    """The memory of variables that were built together: aligned arrays of values and gradients.

        values     [ kernel | bias | kernel | ... trainable ... | moving_mean | ... others ... ]
        gradients  [ the same layout; memory that is never written costs nothing               ]

    Each variable starts on a multiple of 64 bytes (16 floats); the padding stays zero.

    Attributes:
        version: int that changes with every write.
        stores: the `Store`s that are laid out for the variables that are trainable.
        lock: held while the variables' kernels run or their values are written.
        number: blocks are locked in ascending order of this number.
    """

    _numbers = itertools.count()

    def __init__(self, variables, dtype):
        dtype = np.dtype(dtype)
        counters = [variable for variable in variables if variable.dtype == "int64"]
        floats = [variable for variable in variables if variable.dtype != "int64"]
        for variable in floats:
            if variable.dtype != dtype.name:
                raise ValueError(
                    "All weights of a model must have one dtype. Expected "
                    f"{dtype.name}, received {variable.dtype} for {variable.path!r}."
                )
        self.slices = {}
        size = 0
        for variable in sorted(floats, key=lambda variable: not variable.trainable):
            self.slices[variable] = slice(size, size + variable.size)
            size += padded(variable.size, dtype)
        self.values = aligned(size, dtype, zero=True)
        self.gradients = aligned(size, dtype, zero=True)
        self.version = 1
        self.stores = weakref.WeakSet()
        self._stores_lock = forks.Lock()
        self.lock = threading.RLock()
        self.number = next(self._numbers)
        for variable, part in self.slices.items():
            views = (array[part].reshape(variable.shape) for array in (self.values, self.gradients))
            variable.move_into(self, *views)
        for variable in counters:  # integers keep separate arrays
            variable.move_into(self, np.empty(variable.shape, variable.dtype), None)

        forks.watch(self)

    def add_store(self, store):
        """Mark the store as outdated when a variable is frozen or made trainable."""
        with self._stores_lock:
            self.stores.add(store)

    def outdate(self):
        """Record that other variables are trainable: stores and plans are made again."""
        with self._stores_lock:
            for store in self.stores:
                store.is_current = False

    def touch(self):
        """Record that `values` was written: kernels prepare the weights again."""
        self.version += 1

    def after_fork(self):
        """In a child process: a kernel may have been preparing the weights."""
        forks.release(self.lock)
        self.touch()


def padded(size, dtype):
    """`size` rounded up, so that the next variable in a block is aligned."""
    step = ALIGNMENT // np.dtype(dtype).itemsize
    return -(-size // step) * step


class Store:
    """A model's variables as flat arrays: the trainable ones first, then the others.

    Variables without a block are allocated together in a new one.

    Attributes:
        slices: list of (variable, its slice of the flat arrays), in their order.
        trainable_size: number of elements of the trainable variables, padding included.
        blocks: the blocks that hold the variables.
        is_current: whether the same variables are trainable as when the store was made.
        lock: held by whoever runs kernels with the variables or writes them.
        is_split: whether the trainable variables are several contiguous runs of memory.
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
        self.is_split = len(self._trainable_runs) != 1
        if self.is_split:
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
    # views of a single block, or copies if `is_split`. Whoever changes `weights` then calls
    # `scatter` if `is_split`, and `touch`.

    def gather(self):
        """Before an update, if `is_split`: refresh `weights` and `gradients`."""
        for block, part, flat in self._trainable_runs:
            self.weights[flat] = block.values[part]
            self.gradients[flat] = block.gradients[part]

    def scatter(self):
        """After an update, if `is_split`: write `weights` back to the variables."""
        for block, part, flat in self._trainable_runs:
            block.values[part] = self.weights[flat]

    def read_gradients(self, gradients):
        """Copy the gradients of the trainable variables to a flat array."""
        for block, part, flat in self._trainable_runs:
            gradients[flat] = block.gradients[part]

    def add_gradients(self, gradients):
        """Add the gradients of the trainable variables to a flat array."""
        for block, part, flat in self._trainable_runs:
            gradients[flat] += block.gradients[part]

    def write_gradients(self, gradients):
        """Replace the gradients of the trainable variables by those of a flat array."""
        for block, part, flat in self._trainable_runs:
            block.gradients[part] = gradients[flat]

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
