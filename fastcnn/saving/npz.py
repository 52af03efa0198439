"""Weights as .npz: NumPy's own format, readable with `np.load` anywhere.

A file holds one array per weight, named as Keras names them in its weight files:
`layers/conv2d/vars/0` is the kernel of the first Conv2D, `layers/conv2d_1/vars/1` the bias of the
second: class and number, not the layer's own name, so that a model built anew finds its weights.

Reading trusts nothing: names, shapes, dtypes and sizes follow from the model and are compared with
the file's headers before an array is read or allocated. No pickle.
"""

import struct
import tokenize
import zipfile
import zlib

import numpy as np

from fastcnn.registry import snake_case
from fastcnn.saving.atomic import atomic_write

READABLE = ("float32", "float64", "float16")
HEADER_BYTES = 10_000
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = (  # what zipfile, zlib and the header's parser raise for bytes that make no sense
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    EOFError,
    KeyError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


def weight_names(layers):
    """[(name in a file, Variable)] for a list of layers."""
    counts, named = {}, []
    for layer in layers:
        kind = snake_case(type(layer).__name__)
        count = counts[kind] = counts.get(kind, -1) + 1
        folder = f"{kind}_{count}" if count else kind
        for place, variable in enumerate(layer.weights):
            named.append((f"layers/{folder}/vars/{place}", variable))
    return named


def save_weights(path, layers):
    """Write the weights of `layers` to `path`, whole or not at all."""
    arrays = {name: variable.value for name, variable in weight_names(layers)}
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def load_weights(path, layers):
    """Read the weights of `layers` from `path`; nothing is assigned unless everything fits.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or holds other weights than the model has.
    """
    named = weight_names(layers)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _read(path, archive, named)
    except DAMAGED as error:
        raise ValueError(f"{path} is not a whole .npz file: {error}.") from None
    for (_, variable), array in zip(named, arrays, strict=True):
        variable.assign(array)


def _read(path, archive, named):
    members = {}
    for member in archive.infolist():
        if member.compress_type not in METHODS:
            raise ValueError(f"{path}: {member.filename!r} is packed in an unknown way.")
        if member.filename in members:
            raise ValueError(f"{path} holds {member.filename!r} twice.")
        members[member.filename] = member
    expected = [f"{name}.npy" for name, _ in named]
    if sorted(members) != sorted(expected):
        missing = [name for name in expected if name not in members]
        unknown = [name for name in members if name not in expected]
        raise ValueError(
            f"The weights in {path} are not this model's. "
            f"Missing: {_some(missing)}. Not in the model: {_some(unknown)}."
        )
    return [
        _read_array(path, archive, members[f"{name}.npy"], name, variable)
        for name, variable in named
    ]


def _some(names):
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "none"


def _read_array(path, archive, member, name, variable):
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(file, max_header_size=HEADER_BYTES)
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: {name} is not a whole .npy array: {error}.") from None
        if shape != variable.shape or dtype.name not in READABLE:
            raise ValueError(
                f"{path}: {name} has shape {shape} and dtype {dtype.name}, but "
                f"{variable.path!r} has shape {variable.shape} and dtype {variable.dtype}."
            )
        size = variable.size * dtype.itemsize
        data = file.read(size + 1)
        if len(data) != size:
            raise ValueError(
                f"{path}: {name} must hold {size} bytes. Received "
                f"{'more' if len(data) > size else len(data)}."
            )
    array = np.frombuffer(data, dtype)
    return array.reshape(shape, order="F" if fortran else "C")
