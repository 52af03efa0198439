"""Sequences (n, steps, channels) as images of one row: how the 1D layers run on the 2D kernels.

A sequence has the same memory as an image (n, 1, steps, channels), a filter (steps, in, out) the
same as (1, steps, in, out): both are views, and nothing is copied. Images pass through unchanged.
So a layer with a window is written once; its attribute `rank`, the number of axes that the window
slides along, says how many sizes its arguments have.
"""

from fastcnn import kernels


def as_pair(sizes, default=1):
    """The sizes along one or two axes as (vertical, horizontal)."""
    return (default, *sizes)[-2:]


def as_image(array):
    """A sequence as an image of one row; any other array, and None, as it is."""
    if array is None or array.ndim != 3:
        return array
    return array.reshape(as_image_shape(array.shape))


def as_image_shape(shape):
    """The shape (n, rows, columns, channels) of images or of sequences."""
    return (shape[0], *as_pair(shape[1:-1]), shape[-1])


def as_filter(array):
    """A filter of a sequence as one of images; None as it is."""
    return array[None] if array is not None and array.ndim == 3 else array


def bind(name, *arrays, **settings):
    """`kernels.bind` for images or sequences; filters are given as `as_filter` returns them."""
    return kernels.bind(name, *map(as_image, arrays), **settings)


def as_pads(pads):
    """(before, after) of one or two axes in a row as (top, bottom, left, right)."""
    return (0, 0, *pads)[-4:]
