"""A section of an open file that is read by offset and size, never beyond its end."""

import os
import sys

import numpy as np


class Window:
    """Bytes `start` to `start + size` of `file`.

    Args:
        file: a seekable binary file.
        name: the name used in error messages.
    """

    def __init__(self, file, name, start=0, size=None):
        if size is None:
            size = file.seek(0, os.SEEK_END) - start
        self._file = file
        self._start = start
        self.size = size
        self.name = name

    def error(self, message):
        """A ValueError that names the file."""
        return ValueError(f"{self.name}: {message}")

    def read(self, offset, size):
        """Return exactly `size` bytes, starting at `offset`.

        Raises:
            ValueError: the range is not entirely within the window.
        """
        self._check(offset, size)
        self._file.seek(self._start + offset)
        data = self._file.read(size)
        if len(data) != size:
            raise self.error("the file was truncated while it was being read.")
        return data

    def read_array(self, offset, out, dtype):
        """Fill the array `out` with the values of type `dtype` stored at `offset`."""
        dtype = np.dtype(dtype)
        self._check(offset, out.size * dtype.itemsize)
        if dtype == out.dtype and out.flags.c_contiguous:
            self._file.seek(self._start + offset)
            target = memoryview(out.reshape(-1)).cast("B")
            if out.size and self._file.readinto(target) != len(target):
                raise self.error("the file was truncated while it was being read.")
        else:
            values = np.frombuffer(self.read(offset, out.size * dtype.itemsize), dtype)
            with np.errstate(all="ignore"):  # a float64 may overflow float32
                out[...] = values.reshape(out.shape)

    def _check(self, offset, size):
        if offset < 0 or size < 0 or size > sys.maxsize or offset + size > self.size:
            raise self.error(
                f"it should have {size} bytes at byte {offset}, but ends at byte {self.size}."
            )
