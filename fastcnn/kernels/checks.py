"""Checks the arrays that a kernel is bound to against its line in `spec`."""

import inspect
import math
from functools import cache

import numpy as np

from fastcnn.kernels import reference
from fastcnn.kernels.shapes import check_image, output_size
from fastcnn.kernels.spec import any_strides, argmax_type, columns_of, parsed


def _parameters(name, required):
    parameters = inspect.signature(getattr(reference, name)).parameters.values()
    return [p for p in parameters if not (required and p.default is not p.empty)]


@cache
def keywords_of(name, required=False):
    """The names of the kernel's keyword arguments, or of those that have no default."""
    return {p.name for p in _parameters(name, required) if p.kind is p.KEYWORD_ONLY}


@cache
def _name_of(dtype):
    """The name of a dtype; that of another byte order is not in `spec`."""
    return dtype.name if dtype.isnative else dtype.str


@cache
def _required_arrays(name):
    """How many arrays the kernel takes at least."""
    return sum(p.kind is not p.KEYWORD_ONLY for p in _parameters(name, required=True))


def check(name, arrays, config, floats):
    """Raise TypeError or ValueError unless kernel `name` can run on these arrays.

    floats: the float types that the backend computes in.
    """
    expected, products = parsed(name)
    least, most = _required_arrays(name), len(expected)
    if not least <= len(arrays) <= most:
        takes = most if least == most else f"{least} to {most}"
        raise TypeError(f"`{name}` takes {takes} arrays. Received {len(arrays)}.")
    if not keywords_of(name, required=True) <= set(config) <= keywords_of(name):
        raise TypeError(
            f"`{name}` takes the keywords {sorted(keywords_of(name))}. Received {sorted(config)}."
        )
    sizes = _check_arrays(name, arrays, expected, floats)
    if any(sizes.get(letter, 1) < 1 for letter in "klioc"):
        raise ValueError(f"`{name}`: filters and channels must have at least one element.")
    if "strides" in config:
        _check_windows(name, config, sizes)
    if "function" in config:
        _check_function(name, config["function"], config.get("parameters", ()))
    if "rule" in config:
        _check_rule(name, config["rule"], arrays)
    for array, (label, *_) in zip(arrays, expected, strict=False):
        if label == "segments" and array is not None:
            _check_segments(name, array, sizes["z"])
    if "start" in config and not 0 <= config["start"] <= sizes["o"] - sizes["c"]:
        raise ValueError(
            f"`{name}`: {sizes['c']} columns from `start` must be among {sizes['o']}. "
            f"Received start={config['start']}."
        )
    if name == "resize":
        _check_resize(sizes)
    for letter, factors in products:
        _check_product(name, letter, factors, sizes)
    for array, (label, *_) in zip(arrays, expected, strict=False):  # the last may be left out
        if label == "argmax" and array is not None:
            _check_argmax(name, array, config["pool_size"])


def _check_resize(sizes):
    if sizes["c"] > sizes["k"] or 0 in (sizes["h"], sizes["w"]):
        raise ValueError(
            "`resize`: an image must not be empty, and has at most as many channels as before. "
            f"Received {sizes}."
        )


def _check_function(name, function, parameters):
    """Check the name of a curve or loss and the number of its parameters."""
    if name.startswith("curve"):
        from fastcnn.kernels.reference.curves import GRADIENTS

        functions = GRADIENTS
    else:
        from fastcnn.kernels.reference.losses import FUNCTIONS

        functions = FUNCTIONS
    if function not in functions:
        raise ValueError(
            f"`{name}`: `function` must be one of {', '.join(sorted(functions))}. "
            f"Received {function!r}."
        )
    _, _, *expected = inspect.signature(functions[function]).parameters
    if len(parameters) != len(expected):
        raise ValueError(
            f"`{name}`: {function} takes the parameters {tuple(expected)}. Received {parameters!r}."
        )


def _check_rule(name, rule, arrays):
    """Check the name of a rule and how many arrays of state there are."""
    from fastcnn.kernels.reference.optimizer import RULES

    if rule not in RULES:
        raise ValueError(f"`{name}`: `rule` must be one of {', '.join(RULES)}. Received {rule!r}.")
    state, count = arrays[2:5], RULES[rule][1]
    if [array is not None for array in state] != [index < count for index in range(3)]:
        raise ValueError(
            f"`{name}`: {rule} takes the first {count} of the arrays a, b and c. Received "
            f"{sum(array is not None for array in state)}."
        )
    if arrays[7] is not None and arrays[6] is None:
        raise ValueError(f"`{name}`: `factors` are those of `segments`. Received no segments.")


def _check_segments(name, segments, size):
    """Rows [start, size] in ascending order, without overlaps, within `size` elements."""
    ends = segments[:, 0] + segments[:, 1]
    before = np.concatenate([[0], ends[:-1]])
    if (
        (segments < 0).any()
        or (segments > size).any()
        or (segments[:, 0] < before).any()
        or (len(ends) and ends[-1] > size)
    ):
        raise ValueError(
            f"`{name}`: `segments` must be ascending and within {size} elements. "
            f"Received {segments.tolist()}."
        )


def _check_arrays(name, arrays, expected, floats):
    """Check each array's type, layout and shape. Returns {letter: size}."""
    sizes, float_type = {}, None
    for array, (label, axes, optional, written, types) in zip(arrays, expected, strict=False):
        if array is None and optional:
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"`{name}`: `{label}` must be an array. Received {type(array)}.")
        allowed = types or ((float_type,) if float_type else floats)
        type_name = _name_of(array.dtype)
        if type_name not in allowed:
            raise TypeError(
                f"`{name}`: `{label}` must be {' or '.join(allowed)}. Received {array.dtype}."
            )
        if types is None:
            float_type = type_name
        is_packed = array.flags.c_contiguous or any_strides(name)
        if not is_packed and label in columns_of(name):
            is_packed = is_columns(array)
        if not (is_packed and array.flags.aligned):
            raise ValueError(f"`{name}`: `{label}` must be C-contiguous and aligned.")
        if written and not array.flags.writeable:
            raise ValueError(f"`{name}`: `{label}` is written to, but is read-only.")
        _match(name, label, axes, array.shape, sizes)
    return sizes


def is_columns(array):
    """Whether an array (..., c) is a block of columns of a C-contiguous array, or all of them."""
    *sizes, last = array.shape
    *strides, step = array.strides
    row = last * array.itemsize
    if step != array.itemsize:
        return False
    expected = None
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if size > 1:  # otherwise the stride means nothing
            if stride < row or stride != (expected or stride):
                return False
            expected = stride * size
    return True


def _match(name, label, letters, shape, sizes):
    """Record each letter's size; ValueError where it differs from the known or fixed one."""
    rest = letters.endswith("*")
    axes = letters.rstrip("*")
    fits = len(shape) >= len(axes) if rest else len(shape) == len(axes)
    found = list(zip(axes, shape, strict=False))
    if rest:
        found.append(("*", shape[len(axes) :]))
    if not fits or any(
        size != (int(letter) if letter.isdigit() else sizes.setdefault(letter, size))
        for letter, size in found
    ):
        known = ", ".join(f"{letter} = {size}" for letter, size in sizes.items())
        raise ValueError(
            f"`{name}`: `{label}` must have the shape ({', '.join(letters)})"
            f"{' with ' + known if known else ''}. Received {shape}."
        )


def _check_product(name, letter, factors, sizes):
    wanted = math.prod(sizes[factor] for factor in factors)
    if sizes[letter] != wanted:
        terms = ", ".join(f"{factor} = {sizes[factor]}" for factor in factors)
        raise ValueError(
            f"`{name}`: the size {letter} must be {' * '.join(factors)} = {wanted} with {terms}. "
            f"Received {letter} = {sizes[letter]}."
        )


def _check_argmax(name, argmax, pool_size):
    wanted = argmax_type(pool_size)
    if argmax.dtype != wanted:
        raise TypeError(
            f"`{name}`: `argmax` of a window with {math.prod(pool_size)} elements must be "
            f"{wanted}. Received {argmax.dtype}."
        )


def _check_windows(name, config, sizes):
    """The output sizes p, q must follow from the image, the filter and the pool."""
    pads, padded = config["pads"], []
    for axis in (0, 1):
        size, before, after = sizes["hw"[axis]], pads[2 * axis], pads[2 * axis + 1]
        stride = config["strides"][axis]
        window = reach = config.get("pool_size", (1, 1))[axis]
        pool_stride = config.get("pool_strides", (1, 1))[axis]
        if min(before, after) < 0 or min(stride, window, pool_stride) < 1:
            raise ValueError(
                f"`{name}`: strides and windows must be positive, pads must not be negative. "
                f"Received {config}."
            )
        if "k" in sizes:
            dilation, taps = config["dilation"][axis], sizes["kl"[axis]]
            if dilation < 1:
                raise ValueError(f"`{name}`: `dilation` must be positive. Received {config}.")
            reach = (taps - 1) * dilation + 1
        if max(before, after) >= reach:
            raise ValueError(f"`{name}`: pads must be smaller than the window. Received {config}.")
        padded.append(size + before + after)
        if "k" in sizes:
            size = output_size(size, taps, stride, dilation, before, after)
            stride, before, after = pool_stride, 0, 0
        # a window over padding alone has no maximum and no mean
        empty = "k" not in sizes and size == 0
        size = 0 if empty else max(output_size(size, window, stride, 1, before, after), 0)
        if size != sizes["pq"[axis]]:
            raise ValueError(
                f"`{name}`: the output must have {size} {('rows', 'columns')[axis]} for "
                f"{config}. Received {sizes['pq'[axis]]}."
            )
    check_image((*padded, max(sizes.get(letter, 1) for letter in "ioc")))
