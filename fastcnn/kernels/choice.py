"""Which algorithm computes each convolution: the one place where that is decided.

Every algorithm gives the same result (to the last bit on small integers), so the choice is one of
speed, based on measurements. `algorithms` lists those that can run a given shape, best first;
`choose` returns the best one; tests use `forced` to run each of them.
"""

import math
from contextlib import contextmanager
from functools import partial

UNKNOWN_SIZE = 1024  # size assumed for an unknown (None) dimension

# Winograd's transforms cost more than its products save below these numbers of channels: those it
# sums over; input times output channels; those of dy in the filter's gradient, which fill vectors.
# By AVX2, forward and backward_data of 3x3 filters (4x4 to 64x64 pixels, 1 and 32 images) are
# faster than direct sums by these factors: 3 -> 16 channels 0.4 to 0.8, 8 -> 8 0.8 to 1.3, 8 -> 16
# 0.8 to 1.6, 16 -> 16 1.2 to 1.8, 24 -> 24 1.3 to 2, 32 -> 32 1.3 to 2.4, 64 -> 64 1.4 to 2.6.
WINOGRAD_CHANNELS, WINOGRAD_PAIRS, WINOGRAD_LANES = 6, 128, 16
WINOGRAD_LEAST_TILES = 128  # of dy: each adds to all 16 elements of a transformed filter
# Winograd's products divided by those of the direct sums, at most: tiles reach beyond the edge of
# a small array.
WINOGRAD_SHARES = {
    "conv2d_forward": 0.62,
    "conv2d_backward_data": 1.0,
    "conv2d_backward_weights": 0.56,
    "conv2d_max_pool2d_forward": math.inf,  # the pool's windows are the tiles
}
FEW_CHANNELS = 8  # of the input: these leave most of a vector empty
MOST_LANES = 16  # of any instruction set's vectors
# "rows" adds up one filter for each task: filters of up to so many elements, by number of images.
ROWS_FILTER_FROM_2, ROWS_FILTER_FROM_4, ROWS_ANY_FILTER_FROM = 16384, 262144, 64
NARROW_QUADS = 54  # filter elements x groups of four window positions: "narrow" reads them all
NARROW_CHANNELS = 3  # of the image: with more, lists of the nonzero gradients are faster


class ConvShape:  # a NamedTuple would take longer to import than the rest of this file
    """The shapes that the choice depends on; a size of None is unknown.

    filter (kh, kw, ic, oc), image (n, h, w, ic), output (n, oh, ow, oc), which is the pool's output
    where there is a `pool_size`. The others are (vertical, horizontal).
    """

    def __init__(self, filter, image, output, strides, dilation, pool_size=None, pool_strides=None):
        self.filter, self.image, self.output = filter, image, output
        self.strides, self.dilation = strides, dilation
        self.pool_size, self.pool_strides = pool_size, pool_strides

    @property
    def taps(self):
        return self.filter[0] * self.filter[1]

    @property
    def input_channels(self):
        return self.filter[2]

    @property
    def images(self):
        return _known(self.output)[0]

    @property
    def is_dense(self):
        """Whether the filter moves by one pixel and covers neighboring ones."""
        return self.strides == (1, 1) and self.dilation == (1, 1)

    @property
    def pool_elements(self):
        return math.prod(self.pool_size)

    @property
    def live_share(self):
        """At most this share of the convolution's outputs gets a gradient through the pool."""
        return 1 / math.prod(self.pool_strides)


def _known(shape):
    return [UNKNOWN_SIZE if size is None else size for size in shape]


# ----------------------------------------------------------------------- can run, and is the best


def always(shape):
    return True


def never(shape):
    return False


def fits_winograd(shape):
    """F(2x2, 3x3); larger filters are sums of 3x3 ones: three taps, then pairs."""
    return set(shape.filter[:2]) <= {3, 5, 7} and shape.is_dense


def winograd_wins(kernel, shape):
    """Whether Winograd's algorithm is the fastest for a convolution that it can run."""
    kh, kw, ic, oc = shape.filter
    (_, h, w, _), (n, oh, ow, _) = _known(shape.image), _known(shape.output)
    if kernel != "conv2d_backward_data":
        h, w = oh, ow
    tiles = -(-h // 2) * -(-w // 2)
    products = (kh // 2 * 3 + 1) * (kw // 2 * 3 + 1) * tiles
    if products > WINOGRAD_SHARES[kernel] * kh * kw * oh * ow or ic * oc < WINOGRAD_PAIRS:
        return False
    if kernel == "conv2d_backward_weights":
        return oc >= WINOGRAD_LANES and n * tiles >= WINOGRAD_LEAST_TILES
    return (oc if kernel == "conv2d_backward_data" else ic) >= WINOGRAD_CHANNELS


def rows_win(shape):
    """Whether tasks that share out the images beat tasks that share out the filter's taps."""
    images, size = shape.images, math.prod(shape.filter)
    if images < 4:
        return images >= 2 and size <= ROWS_FILTER_FROM_2
    return size <= ROWS_FILTER_FROM_4 or images >= ROWS_ANY_FILTER_FROM


def has_contiguous_columns(shape):
    """A row of the filter reads neighboring pixels."""
    return shape.dilation[1] == 1


def columns_win(shape):
    return shape.input_channels < FEW_CHANNELS and shape.taps > 1


def pools_pairs(shape):
    return shape.pool_size == (2, 2) and shape.pool_strides == (2, 2)


def pools_pairs_by_winograd(shape):
    return pools_pairs(shape) and fits_winograd(shape)


def fits_sparse(shape):
    """The lists of nonzero gradients store int32 offsets."""
    kh, kw, ic, oc = shape.filter
    return has_contiguous_columns(shape) and oc * min(kh, 3) * (kw * ic + MOST_LANES) < 2**31


def sparse_wins(shape):
    return shape.live_share <= 0.5


def fits_narrow_weights(shape):
    quads = shape.taps * shape.input_channels * -(-shape.pool_elements // 4)
    return quads <= NARROW_QUADS


def fits_narrow_data(shape):
    return shape.input_channels < FEW_CHANNELS and shape.pool_elements <= 4


def narrow_data_wins(shape):
    """With strides or dilation the patches of a window's elements have fewer pixels in common."""
    few = shape.input_channels <= NARROW_CHANNELS
    return few and shape.is_dense and shape.live_share <= 0.5


def fits_depthwise_rows(shape):
    """One filter per channel, of 3 or 5 neighboring columns, and channels that fill a vector."""
    _, kw, channels, multiplier = shape.filter
    is_narrow = kw in (3, 5) and shape.strides[1] <= 2 and shape.dilation == (1, 1)
    return is_narrow and multiplier == 1 and channels >= MOST_LANES


# -------------------------------------------------------------------------------------- the table


def _winograd(kernel, can_run=fits_winograd):
    return "winograd", can_run, partial(winograd_wins, kernel)


# Rows of a kernel: an algorithm's name, and two functions of a `ConvShape`: whether it can run, and
# whether it is the best one compared with the rows above it.
ALGORITHMS = {
    "conv2d_forward": (
        ("direct", always, always),
        _winograd("conv2d_forward"),
    ),
    "conv2d_backward_data": (
        ("direct", always, always),
        _winograd("conv2d_backward_data"),
        ("columns", has_contiguous_columns, columns_win),
    ),
    "conv2d_backward_weights": (
        ("taps", always, always),
        ("rows", always, rows_win),
        _winograd("conv2d_backward_weights"),
    ),
    "conv2d_max_pool2d_forward": (
        ("registers", pools_pairs, always),
        _winograd("conv2d_max_pool2d_forward", pools_pairs_by_winograd),
        ("rows", always, never),
    ),
    "conv2d_max_pool2d_backward_data": (
        ("expand", always, always),
        ("sparse", fits_sparse, sparse_wins),
        ("narrow", fits_narrow_data, narrow_data_wins),
    ),
    "conv2d_max_pool2d_backward_weights": (
        ("expand", always, always),
        ("sparse", fits_sparse, sparse_wins),
        ("narrow", fits_narrow_weights, always),
    ),
    **dict.fromkeys(
        (
            "depthwise_conv2d_forward",
            "depthwise_conv2d_backward_data",
            "depthwise_conv2d_backward_weights",
        ),
        (("taps", always, always), ("rows", fits_depthwise_rows, always)),
    ),
}

_forced: dict[str, str] = {}


def algorithms(kernel, shape):
    """The names of the algorithms that can run `kernel` on a `ConvShape`, best first."""
    order = []
    for name, can_run, is_best in ALGORITHMS[kernel]:
        if can_run(shape):
            order.insert(0 if is_best(shape) else len(order), name)
    return order


def choose(kernel, *shape):
    """The best algorithm, or the forced one; `shape` holds the arguments of `ConvShape`."""
    order = algorithms(kernel, ConvShape(*shape))
    if kernel not in _forced:
        return order[0]
    if _forced[kernel] not in order:
        raise ValueError(f"`{kernel}` cannot run {_forced[kernel]!r} on {shape}, only {order}.")
    return _forced[kernel]


@contextmanager
def forced(kernel, algorithm):
    """Kernels bound inside use this algorithm; binding raises ValueError where it cannot run.

    Raises:
        ValueError: `kernel` has no algorithm of this name.
    """
    names = tuple(name for name, _, _ in ALGORITHMS.get(kernel, ()))
    if algorithm not in names:
        raise ValueError(f"The algorithms of `{kernel}` are {names}. Received {algorithm!r}.")
    _forced[kernel] = algorithm
    try:
        yield
    finally:
        del _forced[kernel]
