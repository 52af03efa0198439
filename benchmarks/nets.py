"""The networks of the comparison: chains (tests/support/shapes.py) and graphs (graphs.py).

`RECIPES` are the nets of `fastcnn.recipes` behind their first layer, which is not trained: their
inputs are whitened images. Only `benchmarks.recipes` times them. Their widths are repeated here,
since peers do not import fastcnn.
"""

import numpy as np

from tests.support.graphs import GRAPHS
from tests.support.shapes import NETS as CHAINS, Net, patterned_images

NETS = CHAINS | GRAPHS
GROUPS = {"chains": list(CHAINS), "graphs": list(GRAPHS)}


WIDTHS = {"fast": (16, 32, 64), "good": (32, 128, 128), "best": (64, 256, 256)}


class Whitened(Net):
    """A net whose images are a pixel smaller than those of its data, as behind a 2x2 window."""

    def data(self, n, seed=0):
        shape = (28, 28, self.input_shape[2])
        images, labels = patterned_images(np.random.RandomState(seed), shape, self.classes, n)
        return np.ascontiguousarray(images[:, 1:, 1:]), labels


def _recipe(name, widths):
    """The net of a recipe, in the words that every peer knows."""
    max_pool = ("MaxPooling2D", {"pool_size": 2})
    norm_relu = ("BatchNormalization", {}), ("Activation", {"activation": "relu"})
    layers = []
    for width in widths:
        config = {"filters": width, "kernel_size": 3, "padding": "same", "use_bias": False}
        conv = ("Conv2D", config)
        layers += [conv, max_pool, *norm_relu, conv, *norm_relu]
    layers += [("MaxPooling2D", {"pool_size": 3}), ("Flatten", {})]
    layers.append(("Dense", {"units": 10, "activation": "softmax"}))
    title = f"{name} ({', '.join(map(str, widths))})"
    return Whitened(f"recipe-{name}", title, (27, 27, 8), tuple(layers), images=2000)


RECIPES = {f"recipe-{name}": _recipe(name, widths) for name, widths in WIDTHS.items()}
