"""The state of a training run as a file: nested plain values and arrays in one .npz.

`state.json` holds everything but the arrays, in whose places it has {"__array__": number}; array 0
is the member `0.npy`. Lists of floats or of integers (a history may be long) are kept as arrays,
too: {"__floats__": number}, {"__integers__": number}. Nothing is packed, the text is short, and
each array is used once, so the memory that a file can ask for is at most six times its size (a list
of Python integers and the array that it comes from; five times for floats). No pickle.
"""

import json

import numpy as np

from fastcnn.saving import npz
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.limits import MAX_HEADER, MAX_NESTING, MAX_NODES, MAX_TENSORS
from fastcnn.saving.zip_file import open_archive

KEY = "__array__"
FLOATS = "__floats__"
INTEGERS = "__integers__"
LISTS = {FLOATS: np.dtype(np.float64), INTEGERS: np.dtype(np.int64)}
LARGE = 1 << 30  # from here on a Python integer takes more memory
TEXT = "state.json"


def save_state(path, state):
    """Write nested dictionaries and lists of plain values and arrays, atomically.

    Raises:
        TypeError: `state` contains something else.
        ValueError: `load_state` would refuse the file.
        OSError: the file cannot be written.
    """
    arrays = []
    text = json.dumps(_encode(state, arrays)).encode()
    if len(text) > MAX_HEADER or _count(text) > MAX_NODES or len(arrays) > MAX_TENSORS:
        raise ValueError(
            f"A backup can have at most {MAX_NODES} values outside of arrays, in {MAX_HEADER} "
            f"bytes, and {MAX_TENSORS} arrays and lists of numbers. "
            f"Received {_count(text)} values in {len(text)} bytes, and {len(arrays)} arrays."
        )
    members = {str(index): array for index, array in enumerate(arrays)}
    with atomic_write(path) as file:
        npz.write_arrays(file, {TEXT: np.frombuffer(text, np.uint8), **members})


def load_state(path):
    """What `save_state` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a complete file of this kind.
    """
    with open_archive(path) as archive:

        def array(name, limit):
            tensor = npz.read_header(archive.window(f"{name}.npy", limit, packed=False))
            return tensor.read(tensor.dtype)

        text = array(TEXT, MAX_HEADER + 128)  # NumPy's description of the array takes 128 bytes
        if text.dtype != np.uint8 or text.ndim != 1:
            raise ValueError(f"{path}: {TEXT} is not text.")
        text = text.tobytes()
        if _count(text) > MAX_NODES:
            raise ValueError(f"{path}: {TEXT} is damaged: more than {MAX_NODES} values.")
        names = {name[:-4] for name in archive.members if name != f"{TEXT}.npy"}
        if names != {str(index) for index in range(len(names))}:
            raise ValueError(f"{path}: its arrays are not numbered 0, 1, ...")
        arrays = [array(index, archive.members[f"{index}.npy"].size) for index in range(len(names))]
        try:
            return _decode(json.loads(text), dict(enumerate(arrays)))
        except (ValueError, RecursionError, IndexError) as error:
            raise ValueError(f"{path}: {TEXT} is damaged: {error}.") from None


def _count(text):
    """Upper limit on the number of values in a JSON text, found without parsing it."""
    return sum(text.count(mark) for mark in (b",", b"[", b"{"))


def _encode(value, arrays, depth=0):
    if depth > MAX_NESTING:
        raise ValueError(f"A backup can have at most {MAX_NESTING} levels.")
    if isinstance(value, dict):
        return {str(key): _encode(entry, arrays, depth + 1) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        value = [entry.item() if isinstance(entry, np.generic) else entry for entry in value]
        kind = _kind(value)
        if kind is not None:
            arrays.append(np.array(value, LISTS[kind]))
            return {kind: len(arrays) - 1}
        return [_encode(entry, arrays, depth + 1) for entry in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        arrays.append(value)
        return {KEY: len(arrays) - 1}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"A backup cannot contain {value!r} of type {type(value)}.")


def _kind(values):
    """The key of a list that is kept as an array, or None; shapes are too short for that."""
    types = set(map(type, values))
    if types == {float}:
        return FLOATS
    if types == {int} and len(values) > 8 and min(values) > -LARGE and max(values) < LARGE:
        return INTEGERS
    return None


def _decode(value, arrays, depth=0):
    if depth > MAX_NESTING:
        raise ValueError(f"more than {MAX_NESTING} levels")
    if isinstance(value, list):
        return [_decode(entry, arrays, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and not value.keys().isdisjoint((KEY, *LISTS)):
        ((kind, number),) = value.items()
        array = arrays.pop(number, None) if isinstance(number, int) else None
        if array is None:
            raise ValueError(f"there is no array {number!r}, or it is used twice")
        return array if kind == KEY else _as_list(kind, number, array)
    return {key: _decode(entry, arrays, depth + 1) for key, entry in value.items()}


def _as_list(kind, number, array):
    fits = array.dtype == LISTS[kind] and array.ndim == 1
    if fits and kind == INTEGERS and array.size:
        fits = array.min() > -LARGE and array.max() < LARGE
    if not fits:
        raise ValueError(f"array {number} is not a list of {kind.strip('_')}")
    return array.tolist()
