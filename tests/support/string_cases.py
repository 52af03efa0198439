"""Expressions of text, and what TensorFlow makes of them, in tests/keras/golden/strings.json.

`python -m tests.support.string_cases` records them with TensorFlow.
"""

import json
from pathlib import Path

import numpy as np

RECORDS = Path(__file__).parents[1] / "keras" / "golden" / "strings.json"
EXPRESSIONS = r"""
tf.constant("text")
tf.constant("text", tf.string)
tf.constant(["a", "bc"])
tf.constant([["a"], ["bé"]])
tf.constant(b"bytes")
tf.constant("a", shape=(2,))
tf.convert_to_tensor(["a", "bc"])
tf.strings.split(PATH, "/")
tf.strings.split(PATH, "/")[-2]
tf.strings.split(PATH, "/")[-2] == NAMES
NAMES == tf.strings.split(PATH, "/")[-2]
tf.argmax(tf.strings.split(PATH, "/")[-2] == NAMES)
tf.cast(tf.strings.split(PATH, "/")[-2] == NAMES, tf.float32)
tf.where(tf.strings.split(PATH, "/")[-2] == NAMES)
tf.reduce_any(PATH == tf.constant(["x", "data/roses/1.jpg"]))
PATH == "data/roses/1.jpg"
PATH != "x"
tf.equal(PATH, ["x", "data/roses/1.jpg"])
tf.not_equal(PATH, "x")
tf.strings.split("a b  c ")
tf.strings.split("a,,b", sep=",")
tf.strings.split("a/b/c", "/", maxsplit=1)
tf.strings.split("a  b c", maxsplit=1)
tf.strings.split("", "/")
tf.strings.join(["a", PATH], separator="-")
tf.strings.join([["a", "b"], ["c", "d"]], "-")
tf.strings.join(["a", ["c", "d"]])
tf.strings.reduce_join(["a", "b"], separator=",")
tf.strings.reduce_join([["a", "bcd"], ["c", "d"]], axis=0)
tf.strings.reduce_join([["a", "bcd"], ["c", "d"]], axis=-1, keepdims=True)
tf.strings.reduce_join([["a", "bcd"], ["c", "d"]])
tf.strings.length(["abc", "é"])
tf.strings.length("é", unit="UTF8_CHAR")
tf.strings.lower("ABCÉ")
tf.strings.lower("ABCÉ", encoding="utf-8")
tf.strings.upper(["ab", "é"])
tf.strings.substr("hello", 1, 3)
tf.strings.substr("hello", -3, 2)
tf.strings.substr(["hello", "world"], [0, 1], [2, 3])
tf.strings.substr("aéb", 1, 2, unit="UTF8_CHAR")
tf.strings.regex_replace("a1b22", "[0-9]+", "#")
tf.strings.regex_replace("a1b22", "[0-9]+", "#", replace_global=False)
tf.strings.regex_replace(["ab", "xaby"], "(a)(b)", r"\2\1[\0]")
tf.strings.regex_full_match(["a.jpg", "b.png"], r".*\.jpg")
tf.strings.strip("  a b \n")
tf.strings.to_number("3.5")
tf.strings.to_number([" 3", "4"], tf.int32)
tf.strings.as_string([1, 2])
tf.strings.as_string(1.5)
tf.strings.as_string([1.5, 2.25], precision=1)
tf.strings.as_string(1234.5, scientific=True)
tf.strings.as_string(0.1, shortest=True)
tf.strings.as_string(True)
tf.strings.as_string(5, width=3, fill="0")
""".strip().splitlines()


def plain(value):
    """A result as plain values: [type, values]; strings are bytes in TensorFlow."""
    array = np.asarray(value)
    if array.dtype.kind in "SUO":
        items = [text.decode() if isinstance(text, bytes) else text for text in array.ravel()]
        return ["string", list(array.shape), items]
    return [array.dtype.name, list(array.shape), array.ravel().tolist()]


def evaluate(tf, expression):
    """The value of an expression with real TensorFlow or with fastcnn's."""
    names = {"PATH": tf.constant("data/roses/1.jpg"), "NAMES": np.array(["daisy", "roses"])}
    return eval(expression, {"tf": tf, **names})


def record():
    import tensorflow as tf

    results = {expression: plain(evaluate(tf, expression)) for expression in EXPRESSIONS}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in results.items()]
    RECORDS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()
