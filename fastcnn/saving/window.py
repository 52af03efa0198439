"""A part of an open file that is read by place and size, never beyond its end."""

import os
import sys

import numpy as np


class Window:
    """Bytes `start` to `start + size` of `file`.

    Args:
        file: a binary file that can seek.
        name: what error messages call it.
    """

    def __init__(self, file, name, start=0, size=None):
        if size is None:
            size = file.seek(0, os.SEEK_END) - start
        self._file = file
        self._start = start
        self.size = size
        self.name = name

    def error(self, message):
        """The exception for bytes that make no sense."""
        return ValueError(f"{self.name}: {message}")

    def read(self, place, size):
        """Exactly `size` bytes from `place` on.

        Raises:
            ValueError: they are not all within the window.
        """
        self._check(place, size)
        self._file.seek(self._start + place)
        data = self._file.read(size)
        if len(data) != size:
            raise self.error("the file became shorter while it was read.")
        return data

    def read_array(self, place, out, dtype):
        """Fill the array `out` with values that are stored as `dtype` from `place` on."""
        dtype = np.dtype(dtype)
        self._check(place, out.size * dtype.itemsize)
        if dtype == out.dtype and out.flags.c_contiguous:
            self._file.seek(self._start + place)
            target = memoryview(out.reshape(-1)).cast("B")
            if out.size and self._file.readinto(target) != len(target):
                raise self.error("the file became shorter while it was read.")
        else:
            values = np.frombuffer(self.read(place, out.size * dtype.itemsize), dtype)
            with np.errstate(all="ignore"):  # a float64 may be too large for a float32
                out[...] = values.reshape(out.shape)

    def _check(self, place, size):
        if place < 0 or size < 0 or size > sys.maxsize or place + size > self.size:
            raise self.error(
                f"it should have {size} bytes from byte {place} on, but it ends at {self.size}."
            )
