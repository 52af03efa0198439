"""Which memory steps write to: columns of another step's array, or memory that they share.

A concatenation need not copy a result that its step writes where the concatenation would copy it.

The steps of inference share memory: outside of training a value is needed only until its last
reader has run, so values that are never needed at the same time are stored in the same slot. A slot
belongs to one value at a time, whatever batch sizes its steps are bound to: it is safe to bind any
step again at any time.
"""

import math

import numpy as np

from fastcnn.core.memory import aligned


class Memory:
    """The buffers of one step.

    Args:
        arena: {slot: array of bytes}, shared by all steps of a program.
        slot: the slot of the step's output.
        is_last: whether the output is one of the model's. A loss may read what the step computed
            before its activation, so its other arrays are not shared either.
    """

    def __init__(self, arena, slot, is_last):
        self._arena = arena
        self._slot = slot
        self._is_last = is_last

    def array(self, role, shape, dtype):
        """The array for `role`: "y" is the output; others are used only while the step runs."""
        slot = self._slot if role == "y" else (role, self._slot) if self._is_last else role
        size = math.prod(shape) * np.dtype(dtype).itemsize
        memory = self._arena.get(slot)
        if memory is None or len(memory) < size:
            memory = self._arena[slot] = aligned((size,), np.uint8)
        return memory[:size].view(dtype).reshape(shape)


def write_into_concatenations(steps, outputs, training):
    """Let steps write their results as columns of the concatenation that reads them.

    They do so if their kernels can, and those of all other readers can read such columns. In
    training no backward pass may need the result: that of a relu does unless it is open.
    """
    readers, writers = {}, {step.writes: step for step in steps}
    for step in steps:
        for value in step.reads:
            readers.setdefault(value, []).append(step)
    for step in steps:
        for index, value in enumerate(step.reads if step.joins_columns else ()):
            writer = writers.get(value)
            if writer is None or value in outputs or not writer.writes_columns:
                continue
            if writer.columns_of is not None:
                continue
            if training and writer.ends_in_relu and not writer.gradient_is_open:
                continue
            others = list(readers[value])
            others.remove(step)
            if step not in others and all(reader.reads_columns for reader in others):
                step.writers[writer] = index
                writer.columns_of = step


def share_memory(steps, graph):
    """Give each step a `Memory`, such that the values in one slot are never needed together."""
    last = {value: index for index, step in enumerate(steps) for value in step.reads}
    last.update(dict.fromkeys(graph.outputs, len(steps)))
    # a step that may return its argument uses the argument's memory as long as its own
    for index, step in reversed(list(enumerate(steps))):
        if step.keeps_input:
            last.update(dict.fromkeys(step.reads, len(steps)))
        if not step.owns_output:
            until = last.get(step.writes, index)
            for value in step.reads:
                last[value] = max(last[value], until)
    for step in steps:  # the columns of an array share its slot
        if step.columns_of is not None:
            until = last.get(step.columns_of.writes, len(steps))
            last[step.columns_of.writes] = max(until, last.pop(step.writes))
    arena, free, slots, count = {}, [], {}, 0
    expiring = {}
    for value, index in last.items():
        expiring.setdefault(index, []).append(value)
    for index, step in enumerate(steps):
        value = (step.columns_of or step).writes
        if value in slots:
            slot = slots[value]
        elif free:
            slot = slots[value] = free.pop()
        else:
            slot, count = count, count + 1
            slots[value] = slot
        step.memory = Memory(arena, slot, step.writes in graph.outputs)
        for read in expiring.get(index, ()):
            if read in slots:
                free.append(slots[read])
        if value not in last:  # nobody reads it
            free.append(slot)
