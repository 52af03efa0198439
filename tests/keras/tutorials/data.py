"""Stand-ins for the tutorials' data sets: small, with the same shapes and dtypes.

All are derived from Fashion-MNIST, which is available to the tests: "MNIST" is another part of it,
"CIFAR-10" its images in color, and the folder of photographs five of its classes as PNG files.
"""

import contextlib
import functools
import struct
import zlib
from unittest import mock

import numpy as np

from fastcnn.datasets import fashion_mnist

TRAIN, TEST = 6000, 2000
PHOTOS = "flower_photos"
FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
PHOTOS_OF_EACH = 240


@functools.cache
def _all():
    return fashion_mnist.load_data()


def fashion():
    """(x_train, y_train), (x_test, y_test) like `fashion_mnist.load_data`, but smaller."""
    (x, y), (x_test, y_test) = _all()
    return (x[:TRAIN].copy(), y[:TRAIN].copy()), (x_test[:TEST].copy(), y_test[:TEST].copy())


def mnist():
    """Other images of Fashion-MNIST, in the format of `mnist.load_data`."""
    (x, y), (x_test, y_test) = _all()
    return (x[-TRAIN:].copy(), y[-TRAIN:].copy()), (x_test[-TEST:].copy(), y_test[-TEST:].copy())


def cifar10():
    """32x32 images in two random colors each and labels (n, 1), like `cifar10.load_data`."""
    (x, y), (x_test, y_test) = fashion()
    return (colored(x, 1), y[:, None]), (colored(x_test, 2), y_test[:, None])


def colored(x, seed):
    """Map gray images (n, 28, 28), centered in (n, 32, 32, 3), to a gradient between two colors."""
    rng = np.random.default_rng(seed)
    share = np.pad(x, ((0, 0), (2, 2), (2, 2)))[..., None] / np.float32(255)
    dark, light = (rng.integers(low, low + 128, (len(x), 1, 1, 3)) for low in (0, 128))
    return (dark + share * (light - dark)).astype(np.uint8)


@contextlib.contextmanager
def stand_ins(keras):
    """Replace the data sets in `keras.datasets`, of Keras or fastcnn, within the context."""
    with contextlib.ExitStack() as stack:
        for name, load in (("fashion_mnist", fashion), ("mnist", mnist), ("cifar10", cifar10)):
            module = getattr(keras.datasets, name)
            stack.enter_context(mock.patch.object(module, "load_data", load))
        yield


def write_photos(folder):
    """Write a folder of PNG images for each of five classes."""
    (x, y), _ = _all()
    for label, flower in enumerate(FLOWERS):
        (folder / flower).mkdir(parents=True)
        images = colored(x[y == label][:PHOTOS_OF_EACH], label)
        for index, image in enumerate(images):
            (folder / flower / f"{index:04}.png").write_bytes(png(image))


def png(image):
    """The bytes of a PNG file of a uint8 image (height, width, 3)."""
    height, width, _ = image.shape
    rows = np.pad(image.reshape(height, -1), ((0, 0), (1, 0)))  # each row starts with its filter
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    )
    blocks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)
