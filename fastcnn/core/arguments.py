"""Argument checks that several modules share; each error shows the value received."""

import functools
import inspect
import math
import os
import sys
import warnings

import numpy as np

from fastcnn.core import ranks

MAX_ELEMENTS = 1 << 60  # of an array, and far from where integers become slow
PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def check_count(value, name, minimum=1):
    """`value` as an int of at least `minimum`."""
    is_count = hasattr(value, "__index__") and not isinstance(value, (bool, np.ndarray))
    if not is_count or value < minimum:
        kind = "a positive integer" if minimum == 1 else f"an integer >= {minimum}"
        raise ValueError(f"The argument `{name}` must be {kind}. Received {name}={value!r}.")
    return int(value)


def check_optional_count(value, name):
    """`value` as None or an int of at least 1."""
    return None if value is None else check_count(value, name)


def check_fraction(value, name, including_one=False):
    """`value` as a float in [0, 1), or in [0, 1]."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= 1) or (value == 1 and not including_one):
        interval = "[0, 1]" if including_one else "[0, 1)"
        raise ValueError(f"The argument `{name}` must be in {interval}. Received {name}={value!r}.")
    return float(value)


def check_number(value, name, minimum=-math.inf):
    """`value`, a finite number of at least `minimum`; a NumPy scalar becomes a Python number."""
    value = value.item() if isinstance(value, np.number) else value
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # float(value) could overflow: a file may contain an integer of any length
    if not (is_number and minimum <= value and abs(value) <= sys.float_info.max):
        kind = "a float" if minimum == -math.inf else f"a float >= {minimum}"
        raise ValueError(f"The argument `{name}` must be {kind}. Received {name}={value!r}.")
    return value


def check_list(value, name):
    """`value`, a list, tuple or array of one axis."""
    if not isinstance(value, (list, tuple)) and np.ndim(value) != 1:
        raise ValueError(f"The argument `{name}` must be a list. Received {name}={value!r}.")
    return value


def check_choice(value, name, choices):
    """`value`, which must be one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"The argument `{name}` must be one of {', '.join(map(repr, choices))}. "
            f"Received {name}={value!r}."
        )
    return value


def check_dtype(dtype):
    """The `dtype` of a loss or metric as "float32", "float64" or None."""
    if dtype is None:
        return None
    try:
        name = np.dtype(getattr(dtype, "name", dtype)).name
    except TypeError:
        name = None
    if name == "float16":
        refuse(dtype, "dtype")
    if name not in ("float32", "float64"):
        raise ValueError(
            f"The argument `dtype` must be 'float32' or 'float64'. Received dtype={dtype!r}."
        )
    return name


def check_shape(shape, name="shape"):
    """`shape` as a tuple of positive ints or None; an int becomes a tuple of length one."""
    if isinstance(shape, (int, np.integer)):
        shape = (shape,)
    try:
        sizes = tuple(None if size is None else int(size) for size in shape)
        exact = all(size is None or size == given for size, given in zip(sizes, shape, strict=True))
    except (TypeError, ValueError):
        exact = False
    if not exact or isinstance(shape, str) or any(s is not None and s < 1 for s in sizes):
        raise ValueError(
            f"The argument `{name}` must be a tuple of positive integers. "
            f"Received {name}={shape!r}."
        )
    return sizes


def check_output_shape(shape, name):
    """Raise ValueError for a shape that no array can have: a config may ask for it."""
    if math.prod(size or 1 for size in shape) > MAX_ELEMENTS:
        raise ValueError(f"The output of layer {name!r} is too large. Its shape would be {shape}.")


def check_data_format(data_format):
    """Accept None and "channels_last"."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            'The argument `data_format` must be "channels_last" (batch, height, width, channels): '
            f"this package has one layout only. Received data_format={data_format!r}."
        )
    return "channels_last"


def check_verbose(verbose):
    """`verbose` as 0, 1 or 2; "auto" is 1."""
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(
            f"The argument `verbose` must be 0, 1, 2 or 'auto'. Received verbose={verbose!r}."
        )
    return 1 if verbose == "auto" else int(verbose)


def matches(shape, wanted):
    """Whether `shape` matches `wanted`, in which None stands for any size."""
    return len(shape) == len(wanted) and all(
        want is None or size == want for size, want in zip(shape, wanted, strict=True)
    )


def hand_on(scope, *used):
    """The arguments of an `__init__` for that of its base class: `locals()` but for what it used.

    So a layer lists its many arguments once, in its signature.
    """
    arguments = {**scope, **scope.get("kwargs", {})}
    for name in ("self", "__class__", "kwargs", *used):
        arguments.pop(name, None)
    return arguments


class FunctionSignature:
    """The signature of a function of `arrays` that takes the settings of a loss, metric, ...

    As the `__wrapped__` of a function it has the signature made when it is asked for: making
    all of them would be a tenth of the package's import.
    """

    def __init__(self, cls, *arrays):
        self._cls, self._arrays = cls, arrays

    def __call__(self):  # only what can be called has a signature
        raise NotImplementedError

    @functools.cached_property
    def __signature__(self):
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        has_settings = self._cls.__init__ is not object.__init__  # whose signature is slow to find
        settings = inspect.signature(self._cls).parameters.values() if has_settings else ()
        return inspect.Signature(
            [
                *(inspect.Parameter(name, kind, annotation="ArrayLike") for name in self._arrays),
                *(p for p in settings if p.name not in ("reduction", "name", "dtype")),
            ],
            return_annotation="NDArray",
        )

    def bind(self, *args, **kwargs):
        """The arguments given, by name."""
        return self.__signature__.bind(*args, **kwargs).arguments


def refuse(value, name, default=None):
    """Raise for an argument of Keras's that is not supported, unless it is None or its default."""
    if value is not None and not (type(value) is type(default) and value == default):
        raise NotImplementedError(
            f"The argument `{name}` is not supported yet. Received {name}={value!r}."
        )


def warn(message):
    """Warn the user, attributing the warning to the first caller outside of this package."""
    if not ranks.is_main():
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
