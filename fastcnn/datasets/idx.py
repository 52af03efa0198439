"""IDX, the file format of MNIST and its kin: every field is checked before it is believed.

A file is `00 00 type ndim`, then `ndim` sizes of four bytes, then the values in C order; every
number is big-endian. It may be gzipped.
Source of the format: http://yann.lecun.com/exdb/mnist/ (bottom of the page).
"""

import contextlib
import gzip
import math
import os
import struct
import sys
import zlib

import numpy as np

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_NDIM = 8
CHUNK = 1 << 20


def read_idx(path):
    """The array in the IDX file `path`, gzipped or not.

    Args:
        path: a file. Whether it is gzipped is seen from its first bytes, not from its name.

    Returns:
        A writable C-contiguous array of the file's shape in native byte order: uint8, int8,
        int16, int32, float32 or float64.

    Raises:
        ValueError: the file is not IDX, or is shorter or longer than its header announces. The
            size of a plain file is compared before anything is allocated. A gzipped one is
            unpacked at most as far as its header announces, into memory that grows with what
            really comes out.
        OSError: the file cannot be read.

    Example:
        images = fastcnn.datasets.read_idx("emnist-letters-train-images-idx3-ubyte.gz")
    """
    with open_unzipped(path) as stream:
        zipped = isinstance(stream, gzip.GzipFile)
        size = None if zipped else os.fstat(stream.fileno()).st_size
        dtype, shape = _read_header(stream, path)
        header = 4 + 4 * len(shape)
        announced = math.prod(shape) * dtype.itemsize
        if size is not None and size != header + announced:
            raise ValueError(
                f"{path}: the header announces {header + announced} bytes, the file has {size}."
            )
        data = bytearray()
        while len(data) < announced and (chunk := stream.read(min(CHUNK, announced - len(data)))):
            data += chunk
        if len(data) < announced or stream.read(1):
            found = f"{header + len(data)}" if len(data) < announced else "more"
            raise ValueError(
                f"{path}: the header announces {header + announced} bytes, "
                f"unpacking the file gives {found}."
            )
    array = np.frombuffer(data, dtype).reshape(shape)
    if dtype.itemsize > 1 and sys.byteorder == "little":
        array = array.byteswap(inplace=True)
    return array.view(dtype.newbyteorder("="))


def idx_header(array):
    """The bytes before the values in an IDX file of `array`; `read_idx` accepts no others."""
    codes = {np.dtype(dtype).newbyteorder("="): code for code, dtype in DTYPES.items()}
    code = codes[array.dtype.newbyteorder("=")]
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)


@contextlib.contextmanager
def open_unzipped(path):
    """Open a plain or gzipped file as a stream of its unzipped bytes.

    Damage that unzipping meets while the stream is read is raised as ValueError naming the file.
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not zipped:
            yield file
            return
        try:
            yield gzip.GzipFile(fileobj=file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: the gzipped data is damaged: {error}") from error


def _read_header(stream, path):
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        types = " ".join(f"{code:02x}" for code in DTYPES)
        raise ValueError(
            f"{path}: not an IDX file: expected 00 00, a type ({types}) and the number of "
            f"dimensions, found {magic.hex(' ') or 'nothing'}."
        )
    dtype, ndim = np.dtype(DTYPES[magic[2]]), magic[3]
    if not 1 <= ndim <= MAX_NDIM:
        raise ValueError(f"{path}: expected 1 to {MAX_NDIM} dimensions, found {ndim}.")
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(
            f"{path}: the header should have {4 + 4 * ndim} bytes, found {4 + len(sizes)}."
        )
    shape = struct.unpack(f">{ndim}I", sizes)
    # A size of 0 counts as 1: NumPy refuses sizes that overflow, even when the array is empty.
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"{path}: no array can have the announced shape {shape} of {dtype.name}.")
    return dtype, shape
