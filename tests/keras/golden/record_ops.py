"""Record what operations of real Keras return: `python -m tests.keras.golden.record_ops`.

Requires Keras with TensorFlow. Writes ops.json, one line for each expression of
tests/support/ops_cases.py; one that Keras refuses is recorded as null.
"""

import json
import os
from pathlib import Path

from tests.support import ops_cases


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    lines = []
    for expression in ops_cases.EXPRESSIONS:
        try:
            result = ops_cases.described(ops_cases.evaluate(keras.ops, expression))
        except Exception as error:
            print(f"{expression}: {type(error).__name__}: {str(error)[:200]}")
            result = None
        lines.append(f"{json.dumps(expression)}: {json.dumps(result)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text)
    Path(__file__).with_name("ops.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
