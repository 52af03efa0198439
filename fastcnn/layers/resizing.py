"""What enlarging an image along one axis does, as a matrix."""

import numpy as np


def resize_matrix(size, new_size, interpolation):
    """(new_size, size): row i holds the weights of the pixels that output pixel i is made of.

    Output pixel i lies at (i + 0.5) * size / new_size - 0.5. "bilinear" weighs the two pixels
    beside it, "bicubic" four (Keys 1981, a = -0.5). Pixels outside of the image are left out and
    the others' weights scaled to a sum of 1.
    """
    place = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    distance = np.abs(place[:, None] - np.arange(size))
    if interpolation == "bilinear":
        weights = np.maximum(1 - distance, 0)
    else:
        a = -0.5
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * a - 4 * a
        weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    return weights / weights.sum(1, keepdims=True)
