"""Weights as .npz: NumPy's own format, readable anywhere with `np.load`.

A file contains one array per weight, named as in Keras's weight files (see `weights`). The reader
trusts nothing: `zip_file` reads the archive; array headers, which NumPy evaluates as Python
literals, are matched against a regular expression; names, shapes, dtypes and sizes are compared
with the model before any array is read. No pickle. Source of the format: numpy.lib.format, NEP 1.
"""

import math
import re
import zipfile

import numpy as np

from fastcnn.saving import weights
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.zip_file import Archive, open_archive

HEADER_BYTES = 1 << 16
HEADER = re.compile(
    rb"\{'descr': ?'([<>|=][iuf][1248])', 'fortran_order': (False|True), "
    rb"'shape': \(((?:\d{1,19}, ?)*(?:\d{1,19})?)\),? ?\} *\n"
)


def save_weights(path, model):
    """Write the weights of a model to `path`, atomically.

    Raises:
        ValueError: the file exceeds the limits on files.
        OSError: the file cannot be written.
    """
    named = weights.named_weights(model)
    with atomic_write(path) as file:
        write_arrays(file, {name: variable.value for name, variable in named.items()})
        Archive(file, "The weights cannot be saved")  # or it could not be opened again


def write_arrays(file, arrays):
    """Write {name: array} like `np.savez`, of which old versions leave the file open on errors."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.save(member, array, allow_pickle=False)


def load_weights(path, model, skip_mismatch=False):
    """Read the weights of a built model; nothing is assigned unless all of them match.

    With `skip_mismatch`, layers that do not match are skipped with a warning.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file, or its weights do not match the model's.
    """
    named = weights.named_weights(model)
    largest = max((variable.size for variable in named.values()), default=0)
    with open_archive(path) as archive:
        tensors = {}
        for member in archive.members:
            if not member.endswith(".npy"):
                raise ValueError(f"{path}: {member!r} is not an array.")
            limit = HEADER_BYTES + 8 * largest
            if skip_mismatch and archive.members[member].size > limit:
                continue  # larger than any weight of the model
            window = archive.window(member, limit)
            tensors[member[:-4]] = read_header(window)
        if skip_mismatch:
            named = weights.check_layers(str(path), tensors, model)
        else:
            weights.check_fit(str(path), tensors, named)
        weights.assign(weights.read(tensors, named), named)


def read_header(window):
    """Return the `Tensor` in an .npy file, after checking its size against shape and dtype."""
    head = window.read(0, min(12, window.size))
    versions = {b"\x93NUMPY\1\0": 2, b"\x93NUMPY\2\0": 4, b"\x93NUMPY\3\0": 4}
    width = versions.get(head[:8])
    if width is None or len(head) < 12:
        raise window.error("it is not an .npy array.")
    length = int.from_bytes(head[8 : 8 + width], "little")
    if length > HEADER_BYTES - 12:
        raise window.error(f"its header has {length} bytes, more than {HEADER_BYTES - 12}.")
    offset = 8 + width + length
    found = HEADER.fullmatch(window.read(8 + width, length))
    if found is None:
        raise window.error("its header is not that of a numeric array.")
    shape = tuple(int(size) for size in found[3].replace(b" ", b"").split(b",") if size)
    try:
        dtype = np.dtype(found[1].decode())
    except TypeError:
        raise window.error(f"{found[1].decode()!r} is not a valid dtype.") from None
    needed = math.prod(shape) * dtype.itemsize
    if offset + needed != window.size:
        raise window.error(
            f"shape {shape} and dtype {dtype.name} need {needed} bytes. "
            f"It has {window.size - offset}."
        )
    return weights.Tensor(window, shape, dtype, offset, found[2] == b"True")
