"""`tf.strings`: text such as paths and labels, as arrays of NumPy's unicode strings.

    parts = tf.strings.split(path, os.sep)
    label = tf.argmax(parts[-2] == class_names)

Functions take strings, bytes and arrays of them; bytes are read as UTF-8, and `numpy()` of a result
returns bytes, as in TensorFlow. Compare tensors with strings, not with bytes. `name` has no effect.
"""

from __future__ import annotations

import functools
import re
import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice
from fastcnn.core.lazy import explain_missing
from fastcnn.ops.base import convert, op, standard_dtype

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    Name = str | None

UNITS = ("BYTE", "UTF8_CHAR")
LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}  # of ASCII alone
UPPER = {lower: upper for upper, lower in LOWER.items()}
SPACE = " \t\n\v\f\r"
FILLS = ("", " ", "+", "-", "0", "#")  # flags of printf


def is_text(value: Any) -> bool:
    """Whether a value is a string, or an array or list of strings."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.size:
        value = value.flat[0]
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return kind == "U" or isinstance(value, (str, bytes))


def texts(value: Any) -> NDArray:
    """An array of unicode strings.

    Raises:
        TypeError: it contains something else than strings.
    """
    array = np.asarray(value, object if isinstance(value, bytes) else None)
    if array.dtype.kind == "U":
        return array
    items = [getattr(item, "item", lambda item=item: item)() for item in array.ravel()]
    if not array.size or not all(isinstance(item, (str, bytes)) for item in items):
        raise TypeError(f"Operations of `tf.strings` take strings. Received {value!r}.")
    return np.array([_decoded(item) for item in items], np.str_).reshape(array.shape)


def _decoded(item: str | bytes) -> str:
    return item if isinstance(item, str) else item.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _each(function: Callable, dtype: Any, *arrays: NDArray) -> NDArray:
    """`function` of the elements of arrays of shapes that can be broadcast."""
    arrays = np.broadcast_arrays(*arrays)
    values = [function(*items) for items in zip(*(a.ravel().tolist() for a in arrays), strict=True)]
    return np.array(values, dtype).reshape(arrays[0].shape)


@op
def split(input: Any, sep: Any = None, maxsplit: int = -1, name: Name = None) -> NDArray:
    """The parts of one string between separators; without `sep` between white space.

    Raises:
        NotImplementedError: several strings, whose numbers of parts may differ.
    """
    text = texts(input)
    if text.ndim:
        raise NotImplementedError(
            "`tf.strings.split` takes one string: those of several would be ragged. Call it in "
            f"`Dataset.map`, or for each. Received shape {text.shape}."
        )
    separator = "" if sep is None else texts(sep).item()
    if separator:
        return np.array(text.item().split(separator, maxsplit))
    parts = re.split(f"[{SPACE}]+", text.item().strip(SPACE), maxsplit=max(maxsplit, 0))
    return np.array([part for part in parts if part], np.str_)


@op
def join(inputs: Any, separator: str = "", name: Name = None) -> NDArray:
    """Strings of the same position in several arrays, joined."""
    return _each(lambda *parts: separator.join(parts), np.str_, *map(texts, inputs))


@op
def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: Name = None
) -> NDArray:
    """Strings joined along an axis; None is all of them."""
    array = texts(inputs)
    if axis is None:
        joined = np.array(separator.join(array.ravel().tolist()))
        return joined.reshape([1] * array.ndim) if keepdims else joined
    rows = np.moveaxis(array, axis, -1)
    found = [separator.join(row) for row in rows.reshape(-1, rows.shape[-1]).tolist()]
    joined = np.array(found, np.str_).reshape(rows.shape[:-1])
    return np.expand_dims(joined, axis) if keepdims else joined


@op
def length(input: Any, unit: str = "BYTE", name: Name = None) -> NDArray:
    """The number of bytes, or of characters with unit "UTF8_CHAR"."""
    check_choice(unit, "unit", UNITS)
    count = len if unit == "UTF8_CHAR" else lambda text: len(_encoded(text))
    return _each(count, np.int32, texts(input))


@op
def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: Name = None) -> NDArray:
    """`len` bytes, or characters, from `pos` on; a negative `pos` counts from the end.

    Raises:
        ValueError: `pos` is outside of the string.
    """
    part = functools.partial(_part, check_choice(unit, "unit", UNITS))
    return _each(part, np.str_, texts(input), convert(pos), convert(len))


def _part(unit, text, begin, count):
    items = text if unit == "UTF8_CHAR" else _encoded(text)
    if not -len(items) <= begin <= len(items):
        raise ValueError(f"The argument `pos` is out of range for {text!r}. Received {begin}.")
    begin += len(items) if begin < 0 else 0
    return _decoded(items[begin : begin + count])


@op
def lower(input: Any, encoding: str = "", name: Name = None) -> NDArray:
    """Lower case: of ASCII letters alone, or of all with encoding "utf-8"."""
    change = str.lower if _is_unicode(encoding) else _translation(LOWER)
    return _each(change, np.str_, texts(input))


@op
def upper(input: Any, encoding: str = "", name: Name = None) -> NDArray:
    """Upper case: of ASCII letters alone, or of all with encoding "utf-8"."""
    change = str.upper if _is_unicode(encoding) else _translation(UPPER)
    return _each(change, np.str_, texts(input))


def _is_unicode(encoding):
    return check_choice(encoding, "encoding", ("", "utf-8")) == "utf-8"


def _translation(table):
    return lambda text: text.translate(table)


@op
def strip(input: Any, name: Name = None) -> NDArray:
    """Strings without white space at their ends."""
    return _each(lambda text: text.strip(SPACE), np.str_, texts(input))


@op
def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: Name = None
) -> NDArray:
    """What matches a regular expression (of Python's) replaced, each time or the first one."""
    expression = re.compile(texts(pattern).item(), re.ASCII)
    new = re.sub(r"\\0", r"\\g<0>", texts(rewrite).item())
    count = 0 if replace_global else 1
    return _each(lambda text: expression.sub(new, text, count), np.str_, texts(input))


@op
def regex_full_match(input: Any, pattern: Any, name: Name = None) -> NDArray:
    """Whether a regular expression (of Python's) matches the whole string."""
    expression = re.compile(texts(pattern).item(), re.ASCII)
    return _each(lambda text: expression.fullmatch(text) is not None, bool, texts(input))


@op
def to_number(input: Any, out_type: Any = "float32", name: Name = None) -> NDArray:
    """Numbers from their text.

    Raises:
        ValueError: a string is not a number.
    """
    dtype = standard_dtype(out_type)

    def number(text):
        try:
            if "_" in text:  # Python takes it
                raise ValueError
            return int(text) if dtype.kind in "iu" else float(text)
        except ValueError:
            raise ValueError(f"The argument `input` is not a number: {text!r}.") from None

    return _each(number, dtype, texts(input))


@op
def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: Name = None,
) -> NDArray:
    """Numbers as text, as C's printf writes them: floats with six digits or `precision`.

    Raises:
        ValueError: a `fill` that is not one of printf's flags, an option that only floats have, or
            both `scientific` and `shortest`.
        NotImplementedError: complex numbers.
    """
    array = convert(input)
    if array.dtype.kind == "c":
        raise NotImplementedError("`tf.strings.as_string` takes real numbers, not complex ones.")
    check_choice(fill, "fill", FILLS)
    is_float = array.dtype.kind == "f"
    for option, is_given in (
        ("precision", precision >= 0),
        ("scientific", scientific),
        ("shortest", shortest),
    ):
        if is_given and not is_float:
            raise ValueError(f"The argument `{option}` is for floats. Received {array.dtype}.")
    if scientific and shortest:
        raise ValueError("Only one of `scientific` and `shortest` can be True.")
    if array.dtype.kind == "b":
        return _each(lambda value: str(value).lower(), np.str_, array)
    digits = f".{precision}" if is_float and precision >= 0 else ""
    kind = ("e" if scientific else "g" if shortest else "f") if is_float else "d"
    form = f"%{fill}{width if width >= 0 else ''}{digits}{kind}"
    return _each(functools.partial(_formatted, form), np.str_, array)


def _formatted(form, value):
    return form % value


explain_missing(sys.modules[__name__])
