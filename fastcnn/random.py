"""`keras.random`, and the generators of weights, shuffling and dropout: one for each thread.

`normal`, `uniform`, `SeedGenerator` and so on are in `ops/random.py`, imported when first used.

`utils.set_random_seed(seed)` seeds that of the calling thread and makes its runs reproducible,
whatever other threads draw. Called in the main thread it also seeds the threads that draw their
first number later: each gets a stream of its own, in the order in which they start to draw. Without
a seed the generators are initialized from the operating system's entropy, also in a process that
was forked: otherwise all workers of a pool would draw the same numbers.
"""

import itertools
import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.lazy import missing

if TYPE_CHECKING:
    from fastcnn.ops.random import (
        SeedGenerator as SeedGenerator,
        beta as beta,
        binomial as binomial,
        categorical as categorical,
        dropout as dropout,
        gamma as gamma,
        normal as normal,
        randint as randint,
        shuffle as shuffle,
        truncated_normal as truncated_normal,
        uniform as uniform,
    )

PUBLIC = (
    *("SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint"),
    *("shuffle", "truncated_normal", "uniform"),
)

# Of the thread: `generator`; `is_seeded`, whether its state was set; `stream`, see `own_generator`.
_own = threading.local()
_seed = None  # the last one set in the main thread
_streams = itertools.count()  # of the threads that start to draw after that
_passes = itertools.count()  # over data, see `new_entropy`


def generator():
    """The calling thread's NumPy `Generator`."""
    try:
        return _own.generator
    except AttributeError:
        stream = getattr(_own, "stream", None)
        if stream is not None:
            _own.generator = np.random.default_rng(
                np.random.SeedSequence(stream[0], spawn_key=stream[1])
            )
            return _own.generator
        key = () if _is_main() else (next(_streams),)
        sequence = np.random.SeedSequence(_seed, spawn_key=key)
        _own.generator = np.random.default_rng(sequence)
        return _own.generator


def set_seed(seed):
    """Reset the calling thread's generator to `seed` (see `utils.set_random_seed`)."""
    global _seed, _streams, _passes
    if _is_main():
        _seed, _streams, _passes = seed, itertools.count(), itertools.count()
    _own.generator = np.random.default_rng(seed)
    _own.is_seeded = True


def share(broadcast):
    """Give all ranks the seed and the generator of rank 0 (see `core.ranks`)."""
    global _seed
    if _seed is None:
        _seed = np.random.SeedSequence().entropy
    _seed, state = broadcast((_seed, get_state()))
    set_state(state)


def new_entropy():
    """Four integers that begin streams of their own; the generators are left as they are."""
    sequence = np.random.SeedSequence(_seed, spawn_key=(0, next(_passes)))
    return sequence.generate_state(4).tolist()


def call_with_stream(entropy, key, function, *args):
    """Call a function that draws, in this thread, from a stream of its own.

    Data are made by functions that threads call in any order: the numbers that they draw depend
    only on the entropy of the pass over the data and on the key of the element.
    """
    before = dict(vars(_own))
    vars(_own).clear()
    _own.stream = entropy, key
    try:
        return function(*args)
    finally:
        vars(_own).clear()
        vars(_own).update(before)


def own_generator(generator, seed):
    """The generator of an object with a seed of its own; in a stream, one made of both."""
    stream = getattr(_own, "stream", None)
    if stream is None:
        return generator
    entropy, key = stream
    own = vars(_own).setdefault("seeded", {})
    if id(generator) not in own:
        sequence = np.random.SeedSequence([seed, *entropy], spawn_key=key)
        own[id(generator)] = np.random.default_rng(sequence)
    return own[id(generator)]


def swap(other):
    """Replace the calling thread's `Generator` by another one; return the previous one."""
    before, _own.generator = generator(), other
    return before


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
if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in PUBLIC:
            return getattr(import_module("fastcnn.ops.random"), name)
        raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *PUBLIC})
