"""Record what operations of real Keras return: `python -m tests.keras.golden.record_ops`.

Requires Keras with TensorFlow, and Pillow. Writes ops.json and tf.json, one line for each
expression of tests/support/ops_cases.py and tf_cases.py.
"""

import json
import os
from pathlib import Path

from tests.support import ops_cases, tf_cases


def record(name, cases, module):
    """Write name.json with the results of all expressions."""
    lines = []
    for expression in cases.EXPRESSIONS:
        try:
            result = ops_cases.described(cases.evaluate(module, expression))
        except Exception as error:
            raise RuntimeError(f"{expression} fails") from error
        lines.append(f"{json.dumps(expression)}: {json.dumps(result)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text)
    Path(__file__).with_name(f"{name}.json").write_text(text, encoding="utf-8")


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import tensorflow as tf

    record("ops", ops_cases, keras.ops)
    record("tf", tf_cases, tf)


if __name__ == "__main__":
    main()
