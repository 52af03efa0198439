"""A reader for IDX, the file format of MNIST and similar data sets.

A file is `00 00 type ndim`, then `ndim` sizes of four bytes, then the values in C order; all
numbers are big-endian. It may be gzipped. Every field is checked before it is used.
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
    """Read the array in the IDX file `path`, gzipped or not.

    Args:
        path: a file. Its first bytes, not its name, determine whether it is gzipped.

    Returns:
        A writable C-contiguous array of the file's shape in native byte order: uint8, int8,
        int16, int32, float32 or float64.

    Raises:
        ValueError: the file is not IDX, or its size differs from the one its header declares. The
            size of a plain file is checked before anything is allocated. A gzipped file is
            decompressed only up to its declared size, into memory that grows with the actual data.
        OSError: the file cannot be read.

    Example:
        images = fastcnn.datasets.read_idx("emnist-letters-train-images-idx3-ubyte.gz")
    """
    with open_unzipped(path) as stream:
        zipped = isinstance(stream, gzip.GzipFile)
        size = None if zipped else os.fstat(stream.fileno()).st_size
        dtype, shape = _read_header(stream, path)
        header = 4 + 4 * len(shape)
        declared = math.prod(shape) * dtype.itemsize
        if size is not None and size != header + declared:
            raise ValueError(
                f"{path}: the header declares {header + declared} bytes, the file has {size}."
            )
        data = bytearray()
        while len(data) < declared and (chunk := stream.read(min(CHUNK, declared - len(data)))):
            data += chunk
        if len(data) < declared or stream.read(1):
            found = f"{header + len(data)}" if len(data) < declared else "more"
            raise ValueError(
                f"{path}: the header declares {header + declared} bytes, "
                f"decompressing the file gives {found}."
            )
    array = np.frombuffer(data, dtype).reshape(shape)
    if dtype.itemsize > 1 and sys.byteorder == "little":
        array = array.byteswap(inplace=True)
    return array.view(dtype.newbyteorder("="))


def idx_header(array):
    """The header of an IDX file for `array`; `read_idx` accepts only this one."""
    codes = {np.dtype(dtype).newbyteorder("="): code for code, dtype in DTYPES.items()}
    code = codes[array.dtype.newbyteorder("=")]
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)


@contextlib.contextmanager
def open_unzipped(path):
    """Context manager: a plain or gzipped file as a stream of its unzipped bytes.

    Damaged gzip data raises a ValueError that names the file, while the stream is being read.
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
    # A size of 0 counts as 1: NumPy rejects sizes that overflow, even if the array is empty.
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(
            f"{path}: no array can have the declared shape {shape} and dtype {dtype.name}."
        )
    return dtype, shape
