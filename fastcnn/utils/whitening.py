"""Filters that whiten the patches of images, for a first layer that is not trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_number
from fastcnn.kernels.shapes import pair

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def whitening_filters(
    images: ArrayLike, kernel_size: int | tuple[int, int] = 2, epsilon: float = 5e-4
) -> NDArray:
    """The kernel of a Conv2D whose outputs are uncorrelated, of variance 1, and of both signs.

        C = mean over all patches p of p p';  C v = s v;  filters v / sqrt(s + epsilon), -v / ...

    A first layer with these filters need not be trained (Page 2019, "How to train your ResNet";
    Jordan 2024): freeze its kernel, and train its bias. With both signs relu loses nothing.

    >>> import numpy as np
    >>> from fastcnn import initializers, layers, utils
    >>> images = np.random.default_rng(0).random((100, 8, 8, 3), np.float32) - 0.5
    >>> filters = utils.whitening_filters(images, 2)
    >>> conv = layers.Conv2D(24, 2, kernel_initializer=initializers.Constant(filters))
    >>> y = conv(images)
    >>> conv.kernel.trainable = False
    >>> bool(np.allclose(np.cov(np.reshape(y[..., :12], (-1, 12)).T), np.eye(12), atol=0.05))
    True

    Args:
        images: array (n, height, width, channels), scaled as the layer sees them; a few thousand
            are enough.
        kernel_size: that of the layer, an integer or (height, width).
        epsilon: a number >= 0, which limits how much rare directions are amplified.

    Returns:
        float array (height, width, channels, filters), with 2 * height * width * channels filters
        in the order of falling variance.

    Raises:
        ValueError: images of another rank, or smaller than the filters; or an invalid
            `kernel_size` or `epsilon`.
    """
    images = np.asarray(images, config.floatx())
    size = pair(kernel_size, "kernel_size")
    epsilon = check_number(epsilon, "epsilon", 0)
    if images.ndim != 4 or not len(images) or min(np.subtract(images.shape[1:3], size)) < 0:
        raise ValueError(
            f"The argument `images` must be at least one image (n, height, width, channels), not "
            f"smaller than kernel_size={kernel_size!r}. Received shape {images.shape}."
        )
    windows = np.lib.stride_tricks.sliding_window_view(images, size, (1, 2))
    patches = np.moveaxis(windows, 3, -1).reshape(-1, size[0] * size[1] * images.shape[3])
    covariance = np.zeros((patches.shape[1],) * 2)
    for part in np.array_split(patches, -(-len(patches) // 2**16)):
        covariance += part.T @ part
    variances, directions = np.linalg.eigh(covariance / len(patches))
    filters = (directions / np.sqrt(np.maximum(variances, 0) + epsilon))[:, ::-1]
    filters = np.concatenate([filters, -filters], axis=1)
    return filters.reshape(*size, images.shape[3], -1).astype(config.floatx())
