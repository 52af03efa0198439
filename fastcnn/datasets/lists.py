"""A reader for NumPy files that contain lists of integers, such as `imdb.npz`.

NumPy stores an array of Python objects as a pickle. Nothing here unpickles it: `parse_lists` knows
only the instructions that NumPy and Python write for an array of lists of integers, keeps numbers,
text, tuples and lists as plain values, and compares the names of functions with those of NumPy's
without looking anything up. Anything else is a ValueError.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path

from numpy.lib import format as npy

MAX_BYTES = 1 << 28  # of one array in a file
DAMAGE = (zipfile.BadZipFile, zlib.error)

_NAMES = {  # what a pickled array of objects refers to, in all versions of NumPy
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("_codecs", "encode"): "encode",
}
# K, M and J: integers of one, two and four bytes. A long run of them is read at once.
_INTEGERS = re.compile(rb"(?:K.|M..|J....)+", re.DOTALL)
_INTEGER = re.compile(rb"K.|M..|J....", re.DOTALL)


class _Name(str):
    """A function or class, by its name in `_NAMES`."""

    __slots__ = ()


class _Values(dict):
    """{the bytes of an instruction: its integer}."""

    def __missing__(self, instruction):
        signed = instruction[:1] == b"J"
        value = self[instruction] = int.from_bytes(instruction[1:], "little", signed=signed)
        return value


class _Array:
    """The array, or a dtype, while its parts are read."""

    def __init__(self, kind):
        self.kind = kind
        self.state = None


def read_lists(path: Path, name: str) -> list[list[int]]:
    """The array `name` of an .npz file, an array of lists of integers.

    Raises:
        ValueError: the file is damaged or contains anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            if member.file_size > MAX_BYTES:
                raise ValueError(f"{member.file_size} bytes are more than the {MAX_BYTES} allowed")
            with archive.open(member) as stream:
                version = npy.read_magic(stream)
                read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
                if version not in read:
                    raise ValueError(f"version {version} of the format is not supported")
                shape, _, dtype = read[version](stream)
                if dtype.kind != "O" or len(shape) != 1:
                    raise ValueError(f"expected one axis of objects, found {dtype} of {shape}")
                lists = parse_lists(stream.read(MAX_BYTES))
    except (KeyError, ValueError, EOFError, RuntimeError, *DAMAGE) as error:
        raise ValueError(f"{path}: the array {name!r} is not one of lists: {error}.") from None
    if len(lists) != shape[0]:
        raise ValueError(f"{path}: expected {shape[0]} lists in {name!r}, found {len(lists)}.")
    return lists


def parse_lists(data: bytes) -> list[list[int]]:
    """The lists in the pickle of an array of lists of integers.

    Raises:
        ValueError: it is anything else, or has more integers than bytes.
    """
    try:
        array = _Parser(data).run()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"the data are damaged ({type(error).__name__})") from None
    state = array.state if isinstance(array, _Array) and array.kind == "array" else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise ValueError("it is not an array")
    _, shape, dtype, _, lists = state
    is_object = isinstance(dtype, _Array) and dtype.kind == "dtype"
    if not is_object or type(lists) is not list or shape != (len(lists),):
        raise ValueError("it is not an array of objects with one axis")
    total = 0
    for item in lists:
        if type(item) is not list or not set(map(type, item)) <= {int}:
            raise ValueError("an entry is not a list of integers")
        total += len(item)
        if total > len(data):  # one list in many positions
            raise ValueError("there are more integers than bytes")
    return lists


class _Parser:
    """The instructions of a pickle, protocol 2 to 5, as far as `parse_lists` needs them."""

    def __init__(self, data):
        self._data = data
        self._at = 0
        self._stack = []
        self._marks = []
        self._memo = {}

    def run(self):
        data, stack, values = self._data, self._stack, _Values()
        while True:
            run = _INTEGERS.match(data, self._at)
            if run:
                self._at = run.end()
                stack.extend(map(values.__getitem__, _INTEGER.findall(run[0])))
            code = self._read(1)
            if code == b".":
                (result,) = stack
                if self._at != len(data):
                    raise ValueError("there are data after its end")
                return result
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise ValueError(f"it contains the instruction {code!r}")
            instruction(self)

    def _read(self, count):
        begin, self._at = self._at, self._at + count
        if self._at > len(self._data):
            raise ValueError("it is truncated")
        return self._data[begin : self._at]

    def _number(self, size):
        return int.from_bytes(self._read(size), "little")

    def _push(self, value):
        self._stack.append(value)

    def _pop(self):
        if self._marks and len(self._stack) <= self._marks[-1]:
            raise IndexError
        return self._stack.pop()

    def _pop_marked(self):
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def _text(self, size, encoding="utf-8"):
        self._push(self._read(self._number(size)).decode(encoding))

    def _line(self):
        end = self._data.index(b"\n", self._at)
        line, self._at = self._data[self._at : end], end + 1
        return line.decode("ascii")

    def _long(self):
        size = self._number(1)
        if size > 8:
            raise ValueError("an integer has more than 8 bytes")
        self._push(int.from_bytes(self._read(size), "little", signed=True))

    def _name(self, module, name):
        if (module, name) not in _NAMES:
            raise ValueError(f"it refers to {module}.{name}")
        self._push(_Name(_NAMES[module, name]))

    def _stack_global(self):
        name, module = self._pop(), self._pop()
        self._name(module, name)

    def _get(self, size):
        self._push(self._memo[self._number(size)])

    def _put(self, index):
        self._memo[index] = self._stack[-1]

    def _append(self):
        value = self._pop()
        self._extend([value])

    def _extend(self, items):
        if type(self._stack[-1]) is not list:
            raise ValueError("it appends to something that is not a list")
        self._stack[-1].extend(items)

    def _tuple(self, count):
        items = [self._pop() for _ in range(count)]
        self._push(tuple(reversed(items)))

    def _call(self):
        arguments, name = self._pop(), self._pop()
        if type(name) is not _Name or type(arguments) is not tuple:
            raise ValueError("it calls something that is not a function of NumPy's")
        if name == "reconstruct" and arguments[0] == "ndarray" and type(arguments[0]) is _Name:
            self._push(_Array("array"))
        elif name == "dtype" and arguments[0] in ("O", "O8", "O4"):
            self._push(_Array("dtype"))
        elif name == "encode" and len(arguments) == 2 and type(arguments[0]) is str:
            self._push(arguments[0].encode("latin-1"))
        else:
            raise ValueError(f"it calls {name} with arguments that are not supported")

    def _build(self):
        state = self._pop()
        array = self._stack[-1]
        if not isinstance(array, _Array) or array.state is not None:
            raise ValueError("it changes something that is not a new array")
        array.state = state


_INSTRUCTIONS = {  # by their byte; the comments are Python's names
    b"\x80": lambda p: p._read(1),  # PROTO
    b"\x95": lambda p: p._read(8),  # FRAME
    b"(": lambda p: p._marks.append(len(p._stack)),  # MARK
    b"]": lambda p: p._push([]),  # EMPTY_LIST
    b")": lambda p: p._push(()),  # EMPTY_TUPLE
    b"N": lambda p: p._push(None),  # NONE
    b"\x88": lambda p: p._push(True),  # NEWTRUE
    b"\x89": lambda p: p._push(False),  # NEWFALSE
    b"\x8a": _Parser._long,  # LONG1
    b"a": _Parser._append,  # APPEND
    b"e": lambda p: p._extend(p._pop_marked()),  # APPENDS
    b"t": lambda p: p._push(tuple(p._pop_marked())),  # TUPLE
    b"\x85": lambda p: p._tuple(1),  # TUPLE1
    b"\x86": lambda p: p._tuple(2),  # TUPLE2
    b"\x87": lambda p: p._tuple(3),  # TUPLE3
    b"U": lambda p: p._text(1, "latin-1"),  # SHORT_BINSTRING, Python 2's
    b"T": lambda p: p._text(4, "latin-1"),  # BINSTRING
    b"\x8c": lambda p: p._text(1),  # SHORT_BINUNICODE
    b"X": lambda p: p._text(4),  # BINUNICODE
    b"C": lambda p: p._push(p._read(p._number(1))),  # SHORT_BINBYTES
    b"B": lambda p: p._push(p._read(p._number(4))),  # BINBYTES
    b"c": lambda p: p._name(p._line(), p._line()),  # GLOBAL
    b"\x93": _Parser._stack_global,  # STACK_GLOBAL
    b"q": lambda p: p._put(p._number(1)),  # BINPUT
    b"r": lambda p: p._put(p._number(4)),  # LONG_BINPUT
    b"\x94": lambda p: p._put(len(p._memo)),  # MEMOIZE
    b"h": lambda p: p._get(1),  # BINGET
    b"j": lambda p: p._get(4),  # LONG_BINGET
    b"R": _Parser._call,  # REDUCE
    b"b": _Parser._build,  # BUILD
}
