"""Every kernel in plain NumPy: same names and arguments as the native ones, written for clarity.

This is the specification: the native kernels are tested against it, and a whole network can be
trained on it (`fastcnn.config.set_backend("reference")`). Arrays are float32 or float64; sums are
computed in the arrays' own type. Images are (n, height, width, channels), filters (kh, kw, ic, oc).
Outputs are written in place, inputs are not modified, nothing is returned.

The letters: n image, oh/ow output row and column, oc output channel, kh/kw row and column of the
window, ic input channel; dx, dw, db, dy are gradients of the loss. pads = (top, bottom, left,
right). Shapes and types are checked by `fastcnn.kernels.bind`, not here.
"""

from fastcnn.core.lazy import attach
from fastcnn.kernels.spec import FAMILIES, INTERNAL

__getattr__, __dir__ = attach(__name__, {**FAMILIES, **INTERNAL})
