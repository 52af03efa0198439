"""The package's one source of chance: weights, shuffling and dropout all draw from here.

`utils.set_random_seed(seed)` seeds it, and the same seed gives the same run. Until then it starts
from the operating system's entropy.
"""

import numpy as np

_generator = None


def generator():
    """The numpy Generator that everything draws from."""
    global _generator
    if _generator is None:
        _generator = np.random.default_rng()
    return _generator


def set_seed(seed):
    """Start the package's generator anew from `seed` (see `utils.set_random_seed`)."""
    global _generator
    _generator = np.random.default_rng(seed)


def get_state():
    """The generator's state as a dictionary of plain values, for checkpoints."""
    return generator().bit_generator.state


def set_state(state):
    """Put the generator back to what `get_state` returned."""
    generator().bit_generator.state = state
