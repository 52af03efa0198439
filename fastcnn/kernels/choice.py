"""Which way each convolution is computed: the one place where that is decided.

Every way gives the same result (to the last bit on small whole numbers), so the choice is one of
speed, by measurement. `algorithms` lists the ways that can run a given shape, best first;
`forced` makes the tests take each of them.
"""

import math
from contextlib import contextmanager

ALGORITHMS = {
    "conv2d_forward": ("winograd", "direct"),
    "conv2d_backward_data": ("winograd", "columns", "direct"),
    "conv2d_backward_weights": ("winograd", "direct"),
    "conv2d_max_pool2d_forward": ("winograd", "registers", "rows"),
    "conv2d_max_pool2d_backward_data": ("sparse", "narrow", "expand"),
    "conv2d_max_pool2d_backward_weights": ("sparse", "narrow", "expand"),
}

# Winograd's transforms cost more than its products save below these numbers of channels: that it
# sums over; of one side times the other; of dy for the filter's gradient, which fill its vectors.
WINOGRAD_CHANNELS, WINOGRAD_PAIRS, WINOGRAD_LANES = 6, 128, 16
WINOGRAD_LEAST_TILES = 128  # of dy: each adds to all of the filter's 16 places
# Its products over those of the sums themselves, at most: tiles reach beyond a small array's edge.
WINOGRAD_SHARES = {
    "conv2d_forward": 0.62,
    "conv2d_backward_data": 1.0,
    "conv2d_backward_weights": 0.56,
    "conv2d_max_pool2d_forward": math.inf,  # the pool's windows are the tiles
}
UNKNOWN_SIZE = 1024  # what a size of None counts as
FEW_CHANNELS = 8  # of the input, that leave most of a vector empty
MOST_LANES = 16  # of any instruction set's vectors
NARROW_QUADS = 54  # numbers of a filter times fours of places: "narrow" reads them for each window
NARROW_CHANNELS = 3  # of the image: for more, lists of what is live are faster

_forced = {}


@contextmanager
def forced(kernel, algorithm):
    """Kernels bound inside take this way; ValueError where it cannot run their shape."""
    if algorithm not in ALGORITHMS.get(kernel, ()):
        raise ValueError(f"`{kernel}` knows {ALGORITHMS.get(kernel)}. Received {algorithm!r}.")
    _forced[kernel] = algorithm
    try:
        yield
    finally:
        del _forced[kernel]


def algorithms(
    kernel, w_shape, x_shape, y_shape, strides, dilation, pool_size=None, pool_strides=None
):
    """The ways to run `kernel` on these shapes, best first; a size of None counts as large.

    y is what a pool behind the convolution leaves of its output, where `pool_size` is given.
    """
    kh, kw, ic, oc = w_shape
    dense = strides == (1, 1) and dilation == (1, 1)
    fits_winograd = {kh, kw} <= {3, 5, 7} and dense  # three taps, then pairs
    small_pool = pool_size == (2, 2) and pool_strides == (2, 2)
    if pool_size is None:
        ways = ["direct"]
        if fits_winograd:
            ways.insert(not winograd_wins(kernel, w_shape, x_shape, y_shape), "winograd")
        if kernel == "conv2d_backward_data" and dilation[1] == 1:
            few = ic < FEW_CHANNELS and kh * kw > 1
            ways.insert(0 if few else len(ways), "columns")
    elif kernel == "conv2d_max_pool2d_forward":
        ways = ["registers", "rows"] if small_pool else ["rows"]
        if small_pool and fits_winograd:
            ways.insert(not winograd_wins(kernel, w_shape, x_shape, y_shape), "winograd")
    else:
        # The pool leaves at most this share of the convolution's places a gradient.
        share = 1 / (pool_strides[0] * pool_strides[1])
        places = pool_size[0] * pool_size[1]
        ways = ["expand"]
        places_fit = oc * min(kh, 3) * (kw * ic + MOST_LANES) < 2**31  # the lists count in int32
        if dilation[1] == 1 and places_fit:
            ways.insert(share > 0.5, "sparse")
        if kernel == "conv2d_max_pool2d_backward_weights":
            if kh * kw * ic * -(-places // 4) <= NARROW_QUADS:
                ways.insert(0, "narrow")
        elif ic < FEW_CHANNELS and places <= 4:
            # strides and dilation leave the places' patches fewer numbers in common
            few = ic <= NARROW_CHANNELS and dense and share <= 0.5
            ways.insert(0 if few else len(ways), "narrow")
    return ways


def winograd_wins(kernel, w_shape, x_shape, y_shape):
    """Whether Winograd's method is the fastest for a convolution that it can run."""
    kh, kw, ic, oc = w_shape
    (_, h, w, _), (n, oh, ow, _) = (
        [UNKNOWN_SIZE if size is None else size for size in shape] for shape in (x_shape, y_shape)
    )
    if kernel != "conv2d_backward_data":
        h, w = oh, ow
    tiles = -(-h // 2) * -(-w // 2)
    products = (kh // 2 * 3 + 1) * (kw // 2 * 3 + 1) * tiles
    if products > WINOGRAD_SHARES[kernel] * kh * kw * oh * ow or ic * oc < WINOGRAD_PAIRS:
        return False
    if kernel == "conv2d_backward_weights":
        return oc >= WINOGRAD_LANES and n * tiles >= WINOGRAD_LEAST_TILES
    return (oc if kernel == "conv2d_backward_data" else ic) >= WINOGRAD_CHANNELS


def choose(kernel, *shape):
    """The best way, or the forced one."""
    ways = algorithms(kernel, *shape)
    if kernel not in _forced:
        return ways[0]
    if _forced[kernel] not in ways:
        raise ValueError(f"`{kernel}` cannot run {_forced[kernel]!r} on {shape}, only {ways}.")
    return _forced[kernel]
