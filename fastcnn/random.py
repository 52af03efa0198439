"""The package's random number generator, used for weights, shuffling and dropout.

`utils.set_random_seed(seed)` seeds it and makes runs reproducible. Without a seed it is initialized
from the operating system's entropy.
"""

import numpy as np

_generator = None


def generator():
    """The package's NumPy `Generator`."""
    global _generator
    if _generator is None:
        _generator = np.random.default_rng()
    return _generator


def set_seed(seed):
    """Reset the package's generator to `seed` (see `utils.set_random_seed`)."""
    global _generator
    _generator = np.random.default_rng(seed)


def get_state():
    """The generator's state as a dictionary of plain values, for checkpoints."""
    return generator().bit_generator.state


def set_state(state):
    """Restore a state that `get_state` returned."""
    generator().bit_generator.state = state
