"""TensorBoard event files: scalars and histograms, written without the tensorboard package.

A file is a sequence of records (TensorFlow's TFRecord): length (uint64), masked CRC-32C of the
length, data, masked CRC-32C of the data, all little-endian. The data is a `tensorboard.Event`
message in the Protocol Buffers wire format. The fields used:

    Event         1 wall_time (double)  2 step (int64)  3 file_version (string)  5 summary
    Summary       1 value, repeated
    Summary.Value 1 tag (string)  8 tensor  9 metadata
    Metadata      1 plugin_data {1 plugin_name (string)}  4 data_class (enum)
    Tensor        1 dtype (enum)  2 shape {2 dim, repeated {1 size (int64)}}  4 content (bytes)

Sources: tensorboard/compat/proto/{event,summary,tensor}.proto; tensorflow/core/lib/io/record_*.cc;
RFC 3720 (CRC-32C), appendix B.4.
"""

import itertools
import os
import socket
import struct
import time

import numpy as np

from fastcnn.core import ranks

FLOAT, DOUBLE = 1, 2  # DataType
SCALAR, TENSOR = 1, 2  # DataClass
BINS = 30

_file_counter = itertools.count()


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def crc32c(data):
    """The CRC-32C (Castagnoli) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked_crc(data):
    """The CRC as records store it: masked, as a CRC of data that contains CRCs is unreliable."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number):
    """A non-negative integer, seven bits per byte, least significant first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A field of a message: int as varint, float as double, str and bytes length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(array):
    """A Tensor message for a float32 or float64 array."""
    array = np.asarray(array)
    dtype = FLOAT if array.dtype == np.float32 else DOUBLE
    shape = b"".join(field(2, field(1, size)) for size in array.shape)
    return (
        field(1, dtype)
        + field(2, shape)
        + field(4, array.astype("<" + array.dtype.str[1:]).tobytes())
    )


class EventWriter:
    """Appends events to a new file in a folder, which is created if it does not exist."""

    def __init__(self, folder):
        if not ranks.is_main():
            self._file = open(os.devnull, "wb")  # noqa: SIM115
            return
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        path = os.path.join(folder, f"{name}.{os.getpid()}.{next(_file_counter)}.v2")
        self._file = open(path, "wb")  # noqa: SIM115
        self._write(field(3, "brain.Event:2"))

    def scalar(self, tag, value, step):
        """Write a scalar."""
        self._summary(tag, np.float32(value), step, "scalars", SCALAR)

    def histogram(self, tag, values, step):
        """Write a histogram of an array: rows of (left, right, count)."""
        values = np.asarray(values, np.float64).ravel()
        counts, edges = np.histogram(values[np.isfinite(values)], BINS)
        rows = np.stack([edges[:-1], edges[1:], counts.astype(np.float64)], axis=1)
        self._summary(tag, rows, step, "histograms", TENSOR)

    def flush(self):
        """Flush the file, so that readers see all events."""
        self._file.flush()

    def close(self):
        """Close the file."""
        self._file.close()

    def _summary(self, tag, array, step, plugin, data_class):
        metadata = field(1, field(1, plugin)) + field(4, data_class)
        value = field(1, tag) + field(8, tensor(array)) + field(9, metadata)
        self._write(field(2, int(step)) + field(5, field(1, value)))

    def _write(self, fields):
        event = field(1, time.time()) + fields
        length = struct.pack("<Q", len(event))
        self._file.write(length + masked_crc(length) + event + masked_crc(event))
