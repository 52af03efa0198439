"""One function per loader, which reads bytes as a file and suppresses the documented errors.

A loader may return, or raise ValueError or OSError; everything else is a finding. `SEEDS` are valid
files that fuzzers start from, `words()` the strings that they may insert.
"""

import contextlib
import copy
import gzip
import io
import json
import os
import warnings
import zipfile
import zlib

import numpy as np

import fastcnn as keras
from fastcnn.core.variables import shapes_only
from fastcnn.datasets.idx import idx_header, read_idx
from fastcnn.saving import h5_file, h5_weights, keras_file, npz, serialization
from fastcnn.saving.state import load_state
from fastcnn.saving.window import Window
from tests.support import hostile, hostile_h5
from tests.support.paths import TESTS

ALLOWED = (ValueError, OSError)
GOOD = hostile.good()


def words():
    """Strings that occur in configurations."""
    found = {"module", "class_name", "config", "registered_name", "layers", "__numpy__", "function"}
    for module, table in serialization.tables().items():
        found.add(module)
        found.update(table.names())
        for name in table.names():
            entry = table.lookup(name)
            if isinstance(entry, type):
                found.add(entry.__name__)
                found |= serialization.accepted_arguments(entry)
    return sorted(found)


def _members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


GOLDEN = [_members(path) for path in sorted((TESTS / "keras/golden_files").glob("*.keras"))]
WORDS = words()
INTEGERS = (0, -1, 1, 2, 3, 255, 10**6, 2**31, 2**62, 2**63 - 1, -(2**63))
NUMBERS = (*INTEGERS, 0.0, -0.5, 0.5, 1e-30, 1e30)
VALUES = [None, True, False, "", "a", [], {}, [1], [2, 2], [[1, 1], [1, 1]], *NUMBERS, *WORDS]


@contextlib.contextmanager
def promised():
    """Suppress the exceptions and warnings that a loader may raise for any bytes."""
    with contextlib.suppress(*ALLOWED), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about an optimizer state that does not match
        yield


def in_memory(data):
    """The path and the descriptor of an in-memory file."""
    handle = os.memfd_create("fuzz")
    os.write(handle, data)
    return f"/proc/self/fd/{handle}", handle


def read_path(read, data):
    path, handle = in_memory(data)
    try:
        with promised():
            return read(path)
    finally:
        os.close(handle)


_model = None


def model():
    """A built and compiled model, the same one in every call."""
    global _model
    if _model is None:
        _model = hostile.model()
        _model.compile(keras.optimizers.Adam(name="adam"), "mse")
    return _model


def keras_model(data):
    """A .keras file: the whole zip, or (depending on the first byte) one member of a valid one.

    "t": the configuration in a file from Keras is edited; its weights are unchanged.
    """
    kind, data = data[:1], data[1:]
    if kind == b"z":
        content = data
    elif kind == b"t":
        members = dict(GOLDEN[data[0] % len(GOLDEN)]) if data else GOOD
        tree = json.loads(members["config.json"])
        content = hostile.zipped({**members, "config.json": edited(tree, data[1:])}.items())
    else:
        member = {b"c": "config.json", b"w": "model.weights.h5"}.get(kind, "metadata.json")
        content = hostile.zipped({**GOOD, member: data}.items())
    with promised():
        keras_file.from_bytes(content)


def edited(tree, data):
    """A configuration with some of its nodes replaced, removed or inserted elsewhere, as JSON."""
    for start in range(0, len(data) - 3, 4):
        nodes = containers(tree)
        node = nodes[(data[start] | data[start + 1] << 8) % len(nodes)]
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        value = copy.copy(VALUES[data[start + 3] % len(VALUES)])
        kind, key = data[start + 2] % 4, data[start + 2] >> 2
        if kind == 0 and isinstance(node, list):
            node.insert(key, value)
        elif kind == 0 or not keys:
            if isinstance(node, dict):
                node[WORDS[(key | data[start + 3] << 6) % len(WORDS)]] = value
        elif kind == 1:
            del node[keys[key % len(keys)]]
        elif kind == 2:
            node[keys[key % len(keys)]] = nodes[data[start + 3] % len(nodes)]
        else:
            node[keys[key % len(keys)]] = value
    with promised():
        return json.dumps(tree).encode()
    return b""  # a node was inserted into itself


def containers(tree):
    """All dictionaries and lists in a tree, each once, at most a thousand."""
    found, seen = [tree], {id(tree)}
    for node in found:
        for item in node.values() if isinstance(node, dict) else node:
            if isinstance(item, (dict, list)) and id(item) not in seen and len(found) < 1000:
                seen.add(id(item))
                found.append(item)
    return found


def config(data):
    """A model's configuration for `model_from_json`; "t": an edited one from Keras."""
    if data[:1] == b"t" and len(data) > 1:
        data = edited(json.loads(GOLDEN[data[1] % len(GOLDEN)]["config.json"]), data[2:])
    with promised(), shapes_only():  # otherwise it would allocate weights of any size
        keras.models.model_from_json(data)


def weights_h5(data):
    """A .weights.h5 file."""
    with promised():
        h5_weights.restore(model(), Window(io.BytesIO(data), "fuzz.weights.h5"))


def old_h5(data):
    """A whole model in the HDF5 format of Keras 2."""
    with promised():
        h5_file.read_model(Window(io.BytesIO(data), "fuzz.h5"))


def weights_npz(data):
    """An .npz file, or (depending on the first byte) one array in a valid zip file."""
    kind, data = data[:1], data[1:]
    if kind == b"a":
        names = ("layers/dense/vars/0.npy", "layers/dense/vars/1.npy")
        data = hostile.zipped([(names[0], data), (names[1], npy(np.ones(2, "f4")))])
    read_path(lambda path: npz.load_weights(path, model()), data)


def state(data):
    """A backup of a run, or (depending on the first byte) the text in one."""
    kind, data = data[:1], data[1:]
    if kind == b"t":
        data = backup(np.frombuffer(data, np.uint8))
    read_path(load_state, data)


def backup(text):
    buffer = io.BytesIO()
    np.savez(buffer, **{"state.json": text, "0": np.ones(3), "1": np.arange(4.0)})
    return buffer.getvalue()


def idx(data):
    """An uncompressed IDX file."""
    array = read_path(read_idx, data)
    assert array is None or array.nbytes <= len(data)


def gz(data):
    """A gzipped IDX file: any bytes, or (depending on the first byte) any bytes after gzip."""
    kind, data = data[:1], data[1:]
    read_path(read_idx, gzip.compress(data, 1) if kind == b"u" else b"\x1f\x8b" + data)


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)
IDX = idx_header(ARRAY) + ARRAY.tobytes()
H5 = h5_weights.to_bytes(model()).getvalue()
NPZ = io.BytesIO()
np.savez(NPZ, **{"layers/dense/vars/0": np.ones((3, 2), "f4"), "layers/dense/vars/1": np.ones(2)})

STATE = b'{"weights": {"__array__": 0}, "history": {"loss": {"__floats__": 1}}, "epoch": [1, null]}'

TARGETS = {
    "keras": keras_model,
    "config": config,
    "h5": weights_h5,
    "old_h5": old_h5,
    "npz": weights_npz,
    "state": state,
    "idx": idx,
    "gz": gz,
}
SEEDS = {
    "keras": [
        b"z" + hostile.zipped(GOOD.items()),
        b"c" + GOOD["config.json"],
        b"w" + GOOD["model.weights.h5"],
        b"m" + GOOD["metadata.json"],
        *(b"t" + bytes([index]) for index in range(len(GOLDEN))),
    ],
    "config": [
        GOOD["config.json"],
        *(b"t" + bytes([index, 1, 2, 3, 4]) for index in range(len(GOLDEN))),
    ],
    "h5": [H5],
    "old_h5": [hostile_h5.good()],
    "npz": [b"z" + NPZ.getvalue(), b"a" + npy(np.ones((3, 2), "f4"))],
    "state": [b"z" + backup(np.frombuffer(STATE, np.uint8)), b"t" + STATE],
    "idx": [IDX, b"\0\0\x0d\1\0\0\0\1" + bytes(4)],
    "gz": [gzip.compress(IDX)[2:], b"u" + IDX, zlib.compress(IDX)],
}
