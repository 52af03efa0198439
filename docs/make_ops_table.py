"""Write docs/ops.md from the code: `python docs/make_ops_table.py`.

keras_api.json lists the operations of Keras (record_keras_api.py). test_docs.py keeps the page
current.
"""

import importlib
import inspect
import json
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
API = json.loads((HERE / "keras_api.json").read_text("utf-8"))

HEAD = """\
# Operations

Generated from the code by `python docs/make_ops_table.py`; do not edit. Keras version: {version}.

`keras.ops` (`fastcnn.ops`) works on arrays and returns `Tensor`s, forward only. Signatures,
defaults, values, shapes and types are those of Keras on TensorFlow:
`python -m tests.keras.golden.record_ops` records what Keras returns for {count} expressions, and a
test compares. {there} of {total} operations are there.

Of the symbolic tensors of functional models only `add`, `subtract` and `multiply` take any. The
`data_format` must be "channels_last". Convolutions and pools take sequences and images, not
volumes. "bfloat16", sparse results, `output_padding`, `flash_attention` and
`attn_logits_soft_cap` are not supported, nor is `strategy="beam_search"` of `ctc_decode`. The loss
of labels that no path gives is infinite in `ctc_loss`; on TensorFlow it is about 700.

Where Keras {version} on TensorFlow is wrong, the result is that of NumPy: `rot90` with k = 2 of
arrays that are not square, `vstack` of arrays with one axis, `isclose` of equal infinities, the
`dtype` of `prod`, and `sparsemax` over axes that are not the last.
"""


def there(path):
    """The names of a module of Keras that the same module here has."""
    module = importlib.import_module(f"fastcnn.{path}")
    return [name for name in API["modules"][path] if hasattr(module, name)]


def page():
    """The complete page."""
    found = there("ops")
    total = API["modules"]["ops"]
    head = HEAD.format(version=API["keras"], count=compared(), there=len(found), total=len(total))
    lines = [head]
    for path in ("ops", "ops.nn", "ops.image", "ops.linalg", "ops.numpy"):
        names = API["modules"][path]
        own = there(path)
        missing = [name for name in names if name not in own]
        lines += [f"## keras.{path}", ""]
        if path in ("ops", "ops.image", "ops.linalg"):
            module = importlib.import_module(f"fastcnn.{path}")
            lines += ["| operation | |", "|---|---|"]
            for name in own:
                entry = getattr(module, name)
                doc = (inspect.getdoc(entry) or "").partition("\n\n")[0].replace("\n", " ")
                lines.append(f"| `{name}` | {doc.replace('|', '&#124;')} |")
        else:
            lines.append(f"{len(own)} of {len(names)} names, the same functions as in `keras.ops`.")
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            lines += ["", textwrap.fill(f"Not supported: {listed}.", 100)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def compared():
    """The number of recorded expressions."""
    recorded = HERE.parent / "tests" / "keras" / "golden" / "ops.json"
    return len(json.loads(recorded.read_text("utf-8")))


def main():
    (HERE / "ops.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
