"""Pipelines of data sets whose elements are recorded from TensorFlow, without random order.

Each is a function of `Dataset`, TensorFlow's or fastcnn's, that returns one. `python -m
tests.support.pipelines` writes what TensorFlow does with them to tests/data/pipelines.json.
"""

import json
from pathlib import Path

import numpy as np

RECORDS = Path(__file__).parent.parent / "data" / "pipelines.json"
X = np.arange(21, dtype=np.float32).reshape(7, 3)
Y = np.arange(7, dtype=np.uint8) * 3


def rows(ds):
    return ds.from_tensor_slices((X, Y))


PIPELINES = {
    "arrays": rows,
    "lists": lambda ds: ds.from_tensor_slices(([1, 2], [[0.5], [1.5]])),
    "dictionary": lambda ds: ds.from_tensor_slices({"b": X[:2], "a": ([1, 2], [True, False])}),
    "nested lists": lambda ds: ds.from_tensor_slices([[1, 2], [3, 4]]),
    "strings": lambda ds: ds.from_tensor_slices(["a", "bc"]).batch(2),
    "tensors": lambda ds: ds.from_tensors(([1, 2], {"a": 3.0})),
    "range": lambda ds: ds.range(2, 11, 3),
    "range backwards": lambda ds: ds.range(5, 0, -2),
    "empty": lambda ds: ds.range(0),
    "batch": lambda ds: rows(ds).batch(3),
    "batch without remainder": lambda ds: rows(ds).batch(3, drop_remainder=True),
    "batches of batches": lambda ds: rows(ds).batch(2, drop_remainder=True).batch(2),
    "unbatch": lambda ds: rows(ds).batch(3).unbatch(),
    "unbatch slices": lambda ds: ds.from_tensor_slices(X).unbatch(),
    "repeat then batch": lambda ds: rows(ds).repeat(2).batch(4),
    "batch then repeat": lambda ds: rows(ds).batch(4).repeat(2),
    "endless": lambda ds: rows(ds).repeat().batch(4).take(5),
    "repeat never": lambda ds: rows(ds).repeat(0),
    "empty endless": lambda ds: ds.range(0).repeat(),
    "take": lambda ds: rows(ds).take(2),
    "take more": lambda ds: rows(ds).take(20),
    "take all": lambda ds: rows(ds).take(-1),
    "take batches": lambda ds: rows(ds).batch(2).take(2),
    "skip": lambda ds: rows(ds).skip(5),
    "skip all": lambda ds: rows(ds).skip(-1),
    "skip batches": lambda ds: rows(ds).batch(2).skip(2),
    "skip and take": lambda ds: rows(ds).repeat(3).skip(5).take(10).batch(4),
    "shard": lambda ds: rows(ds).shard(3, 1),
    "shard of repetitions": lambda ds: rows(ds).repeat(2).shard(4, 3).batch(2),
    "cache": lambda ds: rows(ds).cache().batch(5).prefetch(1),
    "cached batches": lambda ds: rows(ds).batch(2).cache().repeat(2).unbatch(),
    "map": lambda ds: rows(ds).map(lambda x, y: (x * 2, y)),
    "map in threads": lambda ds: rows(ds).map(lambda x, y: x + 1, num_parallel_calls=3).batch(3),
    "map batches": lambda ds: rows(ds).batch(3).map(lambda x, y: {"x": x, "y": y}),
    "map dictionaries": lambda ds: ds.from_tensor_slices({"a": Y}).map(lambda d: d["a"] + 1),
    "filter": lambda ds: ds.range(10).filter(lambda n: n % 3 == 1).batch(2),
    "take while": lambda ds: ds.range(10).take_while(lambda n: n < 4),
    "enumerate": lambda ds: rows(ds).enumerate(start=3).take(2),
    "zip": lambda ds: ds.zip((ds.range(3), {"a": ds.range(10, 14)})),
    "zip of several": lambda ds: ds.zip(ds.range(3), rows(ds).batch(2)),
    "concatenate": lambda ds: ds.range(3).concatenate(ds.range(10, 12)),
    "concatenate of other shapes": lambda ds: ds.from_tensors(
        np.zeros((2, 3), np.float32)
    ).concatenate(ds.from_tensors(np.ones((2, 1), np.float32))),
    "concatenate of other ranks": lambda ds: ds.from_tensors((np.int64(1), "a")).concatenate(
        ds.from_tensors((np.ones(2, np.int64), "bc"))
    ),
    "flat map": lambda ds: ds.range(1, 4).flat_map(lambda n: ds.from_tensors(n).repeat(2)),
    "interleave": lambda ds: ds.range(1, 6).interleave(
        lambda n: ds.from_tensor_slices(n * np.array([1, 10, 100], np.int64)),
        cycle_length=2,
        block_length=2,
    ),
    "interleave of five": lambda ds: ds.range(5).interleave(
        lambda n: ds.from_tensors(n).repeat(3), cycle_length=4, num_parallel_calls=2
    ),
    "window": lambda ds: ds.range(7).window(3).flat_map(lambda w: w.batch(3)),
    "window with shift": lambda ds: (
        ds.range(7).window(3, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(3))
    ),
    "window with stride": lambda ds: (
        ds.range(9).window(3, shift=4, stride=2).flat_map(lambda w: w.batch(3))
    ),
    "windows of tuples": lambda ds: rows(ds).window(3).flat_map(lambda x, y: y.batch(2)),
    "apply": lambda ds: ds.range(4).apply(lambda data: data.batch(3)),
    "padded batch": lambda ds: (
        ds.range(1, 6).flat_map(lambda n: ds.range(n).batch(9)).padded_batch(2)
    ),
    "padded batch of a shape": lambda ds: (
        ds.range(1, 4)
        .flat_map(lambda n: ds.range(n).batch(9))
        .padded_batch(2, padded_shapes=[4], padding_values=np.int64(-1))
    ),
}


def plain(element):
    """An element as lists and numbers, with the dtype of each array."""
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, tuple):
        return ["tuple", *map(plain, element)]
    array = np.asarray(element)
    if array.dtype.kind in "SUO":
        return ["string", [text.decode() for text in array.ravel()]]
    return [array.dtype.name, array.tolist()]


def facts(data):
    """What is compared: the elements, their number, and their specification."""
    spec = str(data.element_spec).replace("tf.", "")
    return {
        "elements": [plain(element) for element in data.as_numpy_iterator()]
        if data.cardinality().numpy() != -1
        else None,
        "count": int(data.cardinality().numpy()),
        "spec": spec,
    }


def record():
    import tensorflow as tf

    records = {name: facts(make(tf.data.Dataset)) for name, make in PIPELINES.items()}
    RECORDS.write_text(json.dumps(records, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    record()
