"""Shape arithmetic of windows that slide over images: output sizes and padding, as in Keras."""

import math
from functools import lru_cache

import numpy as np

MAX_IMAGE_SIZE = 2**28  # elements, with padding: kernels index them with 32 bits, with a margin


def pair(value, name, minimum=1):
    """`value` (an int or two ints) as a tuple (vertical, horizontal) of ints >= `minimum`."""
    return ints(value, 2, name, minimum)


def ints(value, count, name, minimum=1):
    """`value` (an int or `count` ints) as a tuple of `count` ints >= `minimum`."""
    values = (value,) * count if isinstance(value, int) else value
    try:
        found = tuple(int(part) for part in values)
        whole = len(found) == count and found == tuple(values)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or isinstance(value, (str, bytes, bool, dict, set, frozenset)):
        plural = "s" if count > 1 else ""
        raise ValueError(
            f"The argument `{name}` must be an integer or a tuple of {count} integer{plural}. "
            f"Received {name}={value!r}."
        )
    if min(found) < minimum:
        cannot = "0" if 0 in found else "negative numbers"
        raise ValueError(
            f"The argument `{name}` cannot contain {cannot}. Received {name}={value!r}."
        )
    if max(found) > MAX_IMAGE_SIZE:
        raise ValueError(
            f"The argument `{name}` cannot contain more than {MAX_IMAGE_SIZE}. "
            f"Received {name}={value!r}."
        )
    return found


def check_padding(padding, kinds=("valid", "same")):
    """`padding` in lower case, one of `kinds`."""
    known = padding.lower() if isinstance(padding, str) else padding
    if known not in kinds:
        *first, last = (f'"{kind}"' for kind in kinds)
        raise ValueError(
            f"The argument `padding` must be {', '.join(first)} or {last}. "
            f"Received padding={padding!r}."
        )
    return known


def resolve_padding(padding, size, window, stride, dilation=1):
    """(before, after) along one axis.

    "valid" adds nothing. "same" makes the output ceil(size / stride) long and puts the odd extra
    row or column after the image (bottom or right), as Keras does. "causal" makes it as long and
    puts all padding before the image.
    """
    reach = (window - 1) * dilation + 1
    if padding == "causal":
        return reach - 1, 0
    if check_padding(padding) == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def output_size(size, window, stride, dilation=1, before=0, after=0):
    """floor((size + before + after - reach) / stride) + 1, reach = (window - 1) * dilation + 1.

    The result is less than 1 where the window does not fit into the padded image.
    """
    reach = (window - 1) * dilation + 1
    return (size + before + after - reach) // stride + 1


def output_sizes(image, window, strides, pads, dilation=(1, 1)):
    """(rows, columns) of a window sliding over `image` with pads (top, bottom, left, right).

    0 where the window does not fit.
    """
    return tuple(
        max(output_size(*sizes, *pads[2 * axis : 2 * axis + 2]), 0)
        for axis, sizes in enumerate(zip(image, window, strides, dilation, strict=True))
    )


def window_geometry(image, window, strides, padding, dilation=(1, 1)):
    """(out_height, out_width), (top, bottom, left, right) of a window sliding over `image`.

    image, window, strides, dilation: (vertical, horizontal), or one size each for a window that
    slides along one axis. Raises ValueError where the window does not fit even once.
    """
    pads, out = [], []
    for size, length, stride, spread in zip(image, window, strides, dilation, strict=True):
        before, after = resolve_padding(padding, size, length, stride, spread)
        pads += [before, after]
        out.append(output_size(size, length, stride, spread, before, after))
    if min(out) < 1 and min(image) > 0:
        kind = "an image" if len(image) == 2 else "a sequence"
        raise ValueError(
            f"A window of {tuple(window)} (dilation {tuple(dilation)}) does not fit into {kind} "
            f'of {tuple(image)} with padding="{padding}".'
        )
    added = zip(image, pads[::2], pads[1::2], strict=True)
    check_image(tuple(size + before + after for size, before, after in added))
    return tuple(max(size, 0) for size in out), tuple(pads)


def check_image(padded):
    """Raise ValueError where an image of this shape, padding included, is too large."""
    if math.prod(padded) > MAX_IMAGE_SIZE:
        raise ValueError(
            f"An image may have at most {MAX_IMAGE_SIZE} elements with its padding. "
            f"Received one of {tuple(padded)}."
        )


@lru_cache(256)
def neighbors_of(size, wanted, step, nearest):
    """Where each of `wanted` rows (or columns) of an image with `size` of them is taken from.

    As in TensorFlow, with its float32 arithmetic: element i is at (i + 0.5) size / wanted - 0.5,
    between two neighbors, and `nearest` at floor((i + 0.5) size / wanted).

    Returns:
        The two neighbors times `step`, int64 (wanted, 2), and the weight of the second, float32.
    """
    positions = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * (
        np.float32(size) / np.float32(wanted)
    )
    if nearest:
        lower = upper = np.floor(positions)
        weights = np.zeros_like(positions)
    else:
        positions -= np.float32(0.5)
        lower, upper = np.floor(positions), np.ceil(positions)
        weights = positions - lower
    indices = np.stack([lower, upper], 1).astype(np.int64)
    indices = np.clip(indices, 0, size - 1) * step
    indices.flags.writeable = weights.flags.writeable = False  # they are shared
    return indices, weights


def around(axes, shape):
    """(elements before, along and behind the axes), or None if these are not neighbors in order."""
    if not axes or axes[0] < 0 or axes[-1] >= len(shape):
        return None
    first, last = axes[0], axes[-1] + 1
    if list(axes) != list(range(first, last)):
        return None
    return tuple(math.prod(part) for part in (shape[:first], shape[first:last], shape[last:]))
