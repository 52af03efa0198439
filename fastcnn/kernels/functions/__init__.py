"""The kernels as plain functions: arrays in, new arrays out; one file a family.

Inputs are anything that NumPy can convert to an array of numbers. Other dtypes are converted to
float32, other layouts are copied; complex numbers, strings and objects raise TypeError. Results are
float32; with the reference backend, float64 inputs give float64 results. Images are (n, height,
width, channels), filters (kh, kw, ic, oc). `strides`, `dilation` and `pool_size` are an int or two
ints (vertical, horizontal); `padding` is "valid" or "same" as in Keras.

Every function raises ValueError or TypeError, in one sentence that shows what arrived, where
arguments do not fit each other.
"""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach
from fastcnn.kernels.spec import FAMILIES

if TYPE_CHECKING:
    from fastcnn.kernels.functions.activations import *  # noqa: F403
    from fastcnn.kernels.functions.affine import *  # noqa: F403
    from fastcnn.kernels.functions.conv import *  # noqa: F403
    from fastcnn.kernels.functions.conv_max_pool import *  # noqa: F403
    from fastcnn.kernels.functions.dense import *  # noqa: F403
    from fastcnn.kernels.functions.depthwise import *  # noqa: F403
    from fastcnn.kernels.functions.loss import *  # noqa: F403
    from fastcnn.kernels.functions.normalization import *  # noqa: F403
    from fastcnn.kernels.functions.pool import *  # noqa: F403
    from fastcnn.kernels.functions.regularization import *  # noqa: F403

__all__ = sorted(name for names in FAMILIES.values() for name in names)

if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(__name__, FAMILIES)
