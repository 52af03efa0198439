"""Reference kernels of linear functions of each sample's channels, within bounds."""

import numpy as np


def _linear(x, scale, center, offset):
    center, offset = (0 if array is None else array[:, None] for array in (center, offset))
    return (x - center) * scale[:, None] + offset


def scale_rows_forward(x, scale, y, center=None, offset=None, *, low=-np.inf, high=np.inf):
    """y[n,m,c] = (x[n,m,c] - center[n,c]) scale[n,c] + offset[n,c], moved into [low, high]

    NaN stays NaN. center and offset may be None, which means 0.
    """
    np.clip(_linear(x, scale, center, offset), low, high, out=y)


def scale_rows_backward(dy, x, scale, dx, center=None, offset=None, *, low=-np.inf, high=np.inf):
    """dx = dy scale where the value of scale_rows_forward is not moved, else 0"""
    value = _linear(x, scale, center, offset)
    dx[...] = np.where((value >= low) & (value <= high), dy * scale[:, None], 0)
