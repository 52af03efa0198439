"""Stand-ins for the data sets of the tutorials: small, of the same shapes and dtypes.

Everything is made of Fashion-MNIST, which the tests have: "MNIST" is another part of it, "CIFAR-10"
its pictures in colours, the folder of photographs five of its classes as PNG files.
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
    """(x_train, y_train), (x_test, y_test) as `fashion_mnist.load_data` gives it, but less."""
    (x, y), (x_test, y_test) = _all()
    return (x[:TRAIN].copy(), y[:TRAIN].copy()), (x_test[:TEST].copy(), y_test[:TEST].copy())


def mnist():
    """Other pictures of Fashion-MNIST as `mnist.load_data` gives its own."""
    (x, y), (x_test, y_test) = _all()
    return (x[-TRAIN:].copy(), y[-TRAIN:].copy()), (x_test[-TEST:].copy(), y_test[-TEST:].copy())


def cifar10():
    """Pictures of 32x32 in two colours of chance each, labels (n, 1), as `cifar10.load_data`."""
    (x, y), (x_test, y_test) = fashion()
    return (coloured(x, 1), y[:, None]), (coloured(x_test, 2), y_test[:, None])


def coloured(x, seed):
    """Grey pictures (n, 28, 28) in the middle of (n, 32, 32, 3), from one colour to another."""
    rng = np.random.default_rng(seed)
    share = np.pad(x, ((0, 0), (2, 2), (2, 2)))[..., None] / np.float32(255)
    dark, light = (rng.integers(low, low + 128, (len(x), 1, 1, 3)) for low in (0, 128))
    return (dark + share * (light - dark)).astype(np.uint8)


@contextlib.contextmanager
def stand_ins(keras):
    """Within it `keras.datasets`, of Keras or of fastcnn, has these data sets."""
    with contextlib.ExitStack() as stack:
        for name, load in (("fashion_mnist", fashion), ("mnist", mnist), ("cifar10", cifar10)):
            module = getattr(keras.datasets, name)
            stack.enter_context(mock.patch.object(module, "load_data", load))
        yield


def write_photos(folder):
    """A folder for each of five classes, with pictures as PNG files."""
    (x, y), _ = _all()
    for label, flower in enumerate(FLOWERS):
        (folder / flower).mkdir(parents=True)
        pictures = coloured(x[y == label][:PHOTOS_OF_EACH], label)
        for number, picture in enumerate(pictures):
            (folder / flower / f"{number:04}.png").write_bytes(png(picture))


def png(picture):
    """The bytes of a PNG file of a uint8 picture (height, width, 3)."""
    height, width, _ = picture.shape
    rows = np.pad(picture.reshape(height, -1), ((0, 0), (1, 0)))  # each row begins with its filter
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
