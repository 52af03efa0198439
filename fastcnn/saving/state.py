"""The state of a training run as a file: nested plain values and arrays in one .npz.

`state.json` holds everything but the arrays, in whose places it has {"__array__": number}; array 0
is the member `0.npy`. Lists of floats (a history may be long) are kept as arrays, too:
{"__floats__": number}. Nothing is packed, the text is short, and each array is used once, so the
memory that a file can ask for is at most five times its size (a list of Python floats and the array
that it comes from). No pickle.
"""

import json

import numpy as np

from fastcnn.saving import npz
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.limits import MAX_HEADER, MAX_NESTING, MAX_NODES
from fastcnn.saving.zip_file import open_archive

KEY = "__array__"
FLOATS = "__floats__"
TEXT = "state.json"


def save_state(path, state):
    """Write nested dictionaries and lists of plain values and arrays, atomically.

    Raises:
        TypeError: `state` contains something else.
        OSError: the file cannot be written.
    """
    arrays = []
    text = json.dumps(_encode(state, arrays)).encode()
    members = {str(index): array for index, array in enumerate(arrays)}
    with atomic_write(path) as file:
        np.savez(file, **{TEXT: np.frombuffer(text, np.uint8)}, **members)


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

        text = array(TEXT, MAX_HEADER)
        if text.dtype != np.uint8 or text.ndim != 1:
            raise ValueError(f"{path}: {TEXT} is not text.")
        text = text.tobytes()
        if sum(text.count(mark) for mark in (b",", b"[", b"{")) > MAX_NODES:
            raise ValueError(f"{path}: {TEXT} is damaged: more than {MAX_NODES} values.")
        names = {name[:-4] for name in archive.members if name != f"{TEXT}.npy"}
        if names != {str(index) for index in range(len(names))}:
            raise ValueError(f"{path}: its arrays are not numbered 0, 1, ...")
        arrays = [array(index, archive.members[f"{index}.npy"].size) for index in range(len(names))]
        try:
            return _decode(json.loads(text), dict(enumerate(arrays)))
        except (ValueError, RecursionError, IndexError) as error:
            raise ValueError(f"{path}: {TEXT} is damaged: {error}.") from None


def _encode(value, arrays):
    if isinstance(value, dict):
        return {str(key): _encode(entry, arrays) for key, entry in value.items()}
    if isinstance(value, list) and value and all(type(entry) is float for entry in value):
        arrays.append(np.array(value))
        return {FLOATS: len(arrays) - 1}
    if isinstance(value, (list, tuple)):
        return [_encode(entry, arrays) for entry in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        arrays.append(value)
        return {KEY: len(arrays) - 1}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"A backup cannot contain {value!r} of type {type(value)}.")


def _decode(value, arrays, depth=0):
    if depth > MAX_NESTING:
        raise ValueError(f"more than {MAX_NESTING} levels")
    if isinstance(value, list):
        return [_decode(entry, arrays, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.keys() in ({KEY}, {FLOATS}):
        ((kind, number),) = value.items()
        array = arrays.pop(number, None) if isinstance(number, int) else None
        if array is None:
            raise ValueError(f"there is no array {number!r}, or it is used twice")
        if kind == KEY:
            return array
        if array.dtype != np.float64 or array.ndim != 1:
            raise ValueError(f"array {number} is not a list of floats")
        return array.tolist()
    return {key: _decode(entry, arrays, depth + 1) for key, entry in value.items()}
