"""Reference kernels that make batches: samples gathered, images resized."""

from fastcnn.kernels.shapes import neighbors_of


def gather(source, indices, out):
    """out[i] = source[indices[i]] as float; source uint8, float32 or float64, indices int64"""
    out[...] = source[indices]


def resize(pixels, y, *, nearest):
    """y = the first channels of pixels at another size, as TensorFlow resizes: the same bits

    Each pixel is a + (b - a) weight of its left and right neighbors, then of those above and below.
    """
    x = pixels[..., : y.shape[2]].astype(y.dtype)
    for axis in (1, 0):
        neighbors, weights = neighbors_of(x.shape[axis], y.shape[axis], 1, nearest)
        first, second = (x.take(indices, axis) for indices in neighbors.T)
        x = first + (second - first) * weights.reshape(-1, *[1] * (2 - axis))
    y[...] = x
