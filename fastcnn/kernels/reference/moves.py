"""Reference kernels that copy: any views, and images with a frame."""


def copy(x, y):
    """y[...] = x: views of one shape with any strides; those of x may be 0"""
    y[...] = x


def frame(x, y, *, top, left, value=0.0):
    """y[n,i,j] = x[n, i - top, j - left], or `value` where x has no such pixel"""
    y[...] = value
    inside, taken = [], []
    for first, length, size in zip((top, left), x.shape[1:3], y.shape[1:3], strict=True):
        low, high = max(first, 0), min(first + length, size)
        inside.append(slice(low, max(high, low)))
        taken.append(slice(low - first, max(high, low) - first))
    y[:, inside[0], inside[1]] = x[:, taken[0], taken[1]]
