"""Random numbers that do not depend on the number of ranks.

All ranks have the same generators. For each batch every rank draws one number from each of them,
and each slice gets a generator of its own, initialized with this number and the slice's index. So
dropout, noise and augmentation draw the same for a slice on whatever rank it runs.
"""

from __future__ import annotations

import numpy as np

from fastcnn import random
from fastcnn.layers.seeded import SeededLayer


class SliceGenerators:
    """The generators of a model's layers, one for each slice.

    Args:
        layers: all layers of a plan.

    Raises:
        NotImplementedError: a layer keeps a generator that cannot be replaced for a slice.
    """

    def __init__(self, layers):
        layers = list(dict.fromkeys(layers))
        seeded = [layer for layer in layers if isinstance(layer, SeededLayer)]
        for layer in layers:
            if hasattr(layer, "get_random_state") and layer not in seeded:
                raise NotImplementedError(
                    f"The layer {layer.name!r} has a random generator of its own, which cannot be "
                    "divided among ranks: derive it from a layer with a `seed`, such as Dropout."
                )
        self._own = [layer for layer in seeded if layer.get_random_state() is not None]
        self._is_needed = bool(seeded) or any(layer.is_opaque for layer in layers)

    def begin(self, is_random):
        """Draw the numbers of a batch."""
        self._before = None
        if is_random and self._is_needed:
            self._before = [random.generator(), *(layer.generator() for layer in self._own)]
            self._keys = [generator.bit_generator.random_raw() for generator in self._before]

    def enter(self, index):
        """Install the generators of a slice."""
        if self._before is not None:
            self._install(
                [
                    np.random.Generator(np.random.PCG64(np.random.SeedSequence([key, index])))
                    for key in self._keys
                ]
            )

    def leave(self):
        """Install the generators of all ranks again."""
        if self._before is not None:
            self._install(self._before)

    def _install(self, generators):
        random.swap(generators[0])
        for layer, generator in zip(self._own, generators[1:], strict=True):
            layer.replace_generator(generator)
