"""Base of layers that draw random numbers: dropout, noise and augmentation."""

import numpy as np

from fastcnn import random
from fastcnn.layers.base import Layer


class SeededLayer(Layer):
    """A layer with an argument `seed`.

    Without a seed the layer draws from the package's generator, so `utils.set_random_seed` makes
    the whole run reproducible. With a seed it has its own generator, initialized with `seed`.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"The argument `seed` must be an integer. Received seed={seed!r}.")
        self.seed = None if seed is None else int(seed)
        self._generator = None if seed is None else np.random.default_rng(seed)

    def generator(self):
        """The numpy Generator that the layer draws from."""
        if self._generator is None:
            return random.generator()
        return random.own_generator(self._generator, self.seed)

    def replace_generator(self, generator):
        """Let a layer with a generator of its own draw from another one."""
        self._generator = generator

    def get_random_state(self):
        """The state of the layer's own generator as plain values; None if it has none."""
        return None if self._generator is None else self._generator.bit_generator.state

    def set_random_state(self, state):
        """Restore the state that `get_random_state` returned."""
        if state is not None:
            self._generator.bit_generator.state = state

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def draw_key(generator, key):
    """Fill `key`, two int64 values, with 32 random bits each, for the dropout kernel."""
    bits = generator.bit_generator.random_raw()
    key[0], key[1] = bits & 0xFFFFFFFF, bits >> 32
