"""Writes fastcnn/kernels/native.pyi, the types of the compiled extension.

    python -m tools.native_stub

The functions that bind kernels follow from the lines in `kernels/spec.py` and the keywords of
the reference; the rest is written out here.
"""

import inspect
import math
import subprocess
from pathlib import Path

from fastcnn.kernels import reference, spec

STUB = Path(spec.__file__).with_name("native.pyi")
HEAD = '''"""Types of the compiled extension: its functions, and the class of what they return.

The functions that bind a kernel take the arrays of `kernels.reference`'s function of that name.
Written by tools/native_stub.py.
"""

from numpy.typing import NDArray

Pair = tuple[int, int]  # (vertical, horizontal)
Pads = tuple[int, int, int, int]  # (top, bottom, left, right)

class Kernel:
    """A kernel bound to its arrays: each call writes the outputs in place."""

    algorithm: str | None
    @property
    def instruction_set(self) -> str: ...
    def __call__(self, version: object = None) -> None: ...

def instruction_sets() -> list[str]: ...
def instruction_set() -> str: ...
def set_instruction_set(name: str) -> None: ...
def set_num_threads(count: int, exact: bool) -> None: ...
def set_work_per_thread(work: float) -> None: ...
def num_threads() -> int: ...
def has_openmp() -> bool: ...
def separable_conv2d_forward(depthwise: Kernel, pointwise: Kernel) -> Kernel: ...
'''
TYPES = {
    "pads": "Pads",
    **dict.fromkeys(("accumulate", "nearest", "relu"), "bool"),
    **dict.fromkeys(("strides", "dilation", "pool_size", "pool_strides"), "Pair"),
    **dict.fromkeys(("alpha", "divisor", "epsilon", "fill_value", "momentum"), "float"),
    **dict.fromkeys(("l1", "l2", "least", "most", "rate", "relu_max", "smoothing"), "float"),
    **dict.fromkeys(("dropped", "high", "low", "offset", "scale", "stddev", "value"), "float"),
    **dict.fromkeys(("extent", "lowest"), "float"),
    **dict.fromkeys(("bounded", "horizontal", "log", "multiplies", "vertical"), "bool"),
    **dict.fromkeys(("count", "left", "start", "top"), "int"),
    **dict.fromkeys(("function", "interpolation", "fill_mode", "rule"), "str"),
    "parameters": "tuple[float, ...]",
}


def _literal(value):
    """A default value in a stub."""
    return "..." if value in (math.inf, -math.inf) else repr(value)


def function(name):
    """The line of a function that binds a kernel."""
    parameters = inspect.signature(getattr(reference, name)).parameters
    default = {
        key: "" if p.default is p.empty else f" = {_literal(p.default)}"
        for key, p in parameters.items()
    }
    arrays = [
        f"{label}: NDArray{' | None' * optional}{default[label]}"
        for label, _, optional, _, _ in spec.arrays_of(name)
    ]
    settings = [
        f"{key}: {TYPES[key]}{default[key]}"
        for key, p in parameters.items()
        if p.kind is p.KEYWORD_ONLY
    ]
    return f"def {name}({', '.join([*arrays, *['*'] * bool(settings), *settings])}) -> Kernel: ..."


def stub():
    """The text of the stub, formatted."""
    text = HEAD + "\n".join(function(name) for name in spec.ARRAYS) + "\n"
    command = ["ruff", "format", "--quiet", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    STUB.write_text(stub(), "utf-8")
