"""The random number generators used for weights, shuffling and dropout: one for each thread.

`utils.set_random_seed(seed)` seeds that of the calling thread and makes its runs reproducible,
whatever other threads draw. Called in the main thread it also seeds the threads that draw their
first number later: each gets a stream of its own, in the order in which they start to draw. Without
a seed the generators are initialized from the operating system's entropy, also in a process that
was forked: otherwise all workers of a pool would draw the same numbers.
"""

import itertools
import os
import threading

import numpy as np

_own = threading.local()  # of the thread: `generator`, and `is_seeded`, whether its state was set
_seed = None  # the last one set in the main thread
_streams = itertools.count()  # of the threads that start to draw after that


def generator():
    """The calling thread's NumPy `Generator`."""
    try:
        return _own.generator
    except AttributeError:
        key = () if _is_main() else (next(_streams),)
        sequence = np.random.SeedSequence(_seed, spawn_key=key)
        _own.generator = np.random.default_rng(sequence)
        return _own.generator


def set_seed(seed):
    """Reset the calling thread's generator to `seed` (see `utils.set_random_seed`)."""
    global _seed, _streams
    if _is_main():
        _seed, _streams = seed, itertools.count()
    _own.generator = np.random.default_rng(seed)
    _own.is_seeded = True


def get_state():
    """The generator's state as a dictionary of plain values, for checkpoints."""
    return generator().bit_generator.state


def set_state(state):
    """Restore a state that `get_state` returned."""
    generator().bit_generator.state = state
    _own.is_seeded = True


def _is_main():
    return threading.current_thread() is threading.main_thread()


def _after_fork():
    if _seed is None and not hasattr(_own, "is_seeded"):
        vars(_own).clear()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)
