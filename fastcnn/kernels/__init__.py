"""The only door to compute: checks arguments, allocates outputs, picks native or reference.

Two ways in. Layers *bind* a kernel to arrays that stay where they are and call it every step:

    >>> import numpy as np
    >>> from fastcnn import kernels
    >>> x, w = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    >>> y = np.empty((2, 4), np.float32)
    >>> dense = kernels.bind("dense_forward", x, w, None, y, relu=False)
    >>> dense(); y[0]
    array([3., 3., 3., 3.], dtype=float32)

Everybody else calls the functions of `kernels.functions` and `kernels.more_functions`, which take
what NumPy takes and return new arrays:

    >>> kernels.conv2d_forward(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)))[0, :, :, 0]
    array([[9., 9.],
           [9., 9.]], dtype=float32)
"""

from functools import partial
from importlib import import_module

import numpy as np

from fastcnn import config
from fastcnn.kernels import reference, spec

try:
    from fastcnn.kernels import native
except ImportError as error:  # the sources alone, not built
    raise ImportError(
        "fastcnn's compiled kernels are missing beside its Python files. Build them with "
        f"`pip install .` or `pip install -e .` in the source folder. ({error})"
    ) from error

FLOATS = {"native": ("float32",), "reference": ("float32", "float64")}


class ReferenceKernel(partial):
    """A reference kernel bound to its arrays; takes and ignores the weights' version.

    As silent as native ones: of NaN and infinity the loss tells.
    """

    def __call__(self, version=None):
        with np.errstate(all="ignore"):
            return super().__call__()


def bind(name, *arrays, **settings):
    """The kernel `name` bound to these arrays: a callable that writes the outputs in place.

    The arrays and keywords are those of `reference`'s function of that name. They are checked now
    and never again, so they must stay as they are. Calling it with `version`, a number that
    changes whenever the weights do, spares the repacking of weights that stayed the same.

    Raises:
        TypeError, ValueError: an array's type, layout or shape does not fit, in one sentence.
    """
    backend = config.backend()
    spec.check(name, arrays, settings, FLOATS[backend])
    # Where an array is empty there is no work to share out, and no first element to point to.
    is_empty = any(array is not None and array.size == 0 for array in arrays)
    if backend == "reference" or is_empty:
        return ReferenceKernel(getattr(reference, name), *arrays, **settings)
    return getattr(native, name)(*arrays, **settings)


def instruction_set():
    """The instruction set that the native kernels use: "avx512", "avx2", "baseline" or "neon"."""
    return native.instruction_set()


def instruction_sets():
    """The instruction sets that this machine can run, best first."""
    return native.instruction_sets()


def set_instruction_set(name):
    """Use another instruction set for kernels bound from now on; None: the best one.

    Results of different sets agree within rounding, not to the last bit.

    Raises:
        ValueError: the machine does not have it; the error lists those it has.
    """
    native.set_instruction_set(name or instruction_sets()[0])
    config.changed()  # models bind their kernels anew


from fastcnn.kernels.functions import *  # noqa: E402, F403


def __getattr__(name):
    """The rarer functions, which are imported when first used."""
    more = import_module("fastcnn.kernels.more_functions")
    if name in more.__all__:
        return getattr(more, name)
    raise AttributeError(f"module 'fastcnn.kernels' has no attribute {name!r}")


def update_threads():
    """Pass the number of threads that `fastcnn.config` holds on to the native kernels."""
    native.set_num_threads(config.num_threads(), config.threads_were_set())


update_threads()
