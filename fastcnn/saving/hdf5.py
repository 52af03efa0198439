"""A strict reader of the HDF5 files that Keras writes, in Python: no pointer here can go astray.

libhdf5 is made for files of friends: a hostile one can name other files to be read, announce arrays
of any size, or run into its bugs. Keras needs a small part of the format (the file layout of HDF5
1.0 to 1.6, which h5py writes by default): groups in groups, arrays of numbers in one piece each.
This module reads that part and refuses the rest: soft, external and virtual links, external and
virtual storage, chunks and filters, types that are shared or composed. Attributes are skipped.

    superblock -> object header of the root group -> [symbol table -> B-tree -> nodes of links ->]
    object headers of groups and datasets -> shape, type, place of the data

Source: "HDF5 File Format Specification Version 3.0", The HDF Group; section numbers are its own.
"""

import math
import struct
import sys
from typing import NamedTuple

import numpy as np

from fastcnn.saving.limits import MAX_HEADER, MAX_NESTING, MAX_TENSORS

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 0xFFFFFFFFFFFFFFFF
MAX_OBJECTS = 4 * MAX_TENSORS  # groups and arrays; Keras has two groups for each of its layers
MAX_NAME = 1024
MAX_DIMENSIONS = 32

# Types of header messages (section IV.A.2) and what this reader does with them.
DATASPACE, DATATYPE, LAYOUT, CONTINUATION, SYMBOL_TABLE = 0x01, 0x03, 0x08, 0x10, 0x11
SKIPPED = {
    0x00: "nothing",
    0x04: "old fill value",
    0x05: "fill value",
    0x0C: "attribute",
    0x0D: "comment",
    0x0E: "old modification time",
    0x12: "modification time",
    0x15: "attribute info",
    0x16: "reference count",
}
REFUSED = {
    0x02: "links in the form of HDF5 1.8",
    0x06: "links in the form of HDF5 1.8",
    0x07: "data in external files",
    0x0B: "compressed or filtered data",
    0x0F: "shared messages",
    0x14: "a driver of its own",
}


class Dataset(NamedTuple):
    """Where an array's values are and how they are to be read."""

    shape: tuple
    dtype: np.dtype
    place: int
    size: int


def read_datasets(window):
    """All arrays in an HDF5 file: a dictionary from path, like "layers/dense/vars/0", to `Dataset`.

    Args:
        window: a `Window` on the file.

    Raises:
        ValueError: the file is damaged, or holds what this reader does not know.
    """
    return Reader(window).datasets


class Reader:
    """Walks through a file once; see `read_datasets`."""

    def __init__(self, window):
        self._window = window
        self.datasets = {}
        self._seen = set()
        self._objects = 0
        self._budget = 2 * window.size
        self._read_group(self._read_superblock(), "", 0)
        self._check_overlaps()

    def _read_superblock(self):
        """The place of the root group's object header (section II.A, versions 0 and 1)."""
        window = self._window
        head = self._read(0, 16)
        if head[:8] != SIGNATURE:
            raise window.error("it is no HDF5 file.")
        version = head[8]
        if version > 1:
            raise window.error(
                "it has the layout of HDF5 1.8 or later; only the earlier one, in which Keras "
                "writes, is read."
            )
        if (head[13], head[14]) != (8, 8):
            raise window.error("it does not have numbers of 8 bytes.")
        base, free, end, driver = self._unpack("<QQQQ", 24 + 4 * version)
        if (base, free, driver) != (0, UNDEFINED, UNDEFINED):
            raise window.error("it is embedded in another file, or needs a driver.")
        if end != window.size:
            raise window.error(f"it should end at byte {end}, but ends at {window.size}.")
        _, header, _, _ = self._unpack("<QQII", 56 + 4 * version)
        return header

    def _read(self, place, size):
        """Bytes of the file, in all no more than twice what it has: the work stays linear."""
        self._budget -= size
        if self._budget < 0:
            raise self._window.error("its parts overlap.")
        return self._window.read(place, size)

    def _unpack(self, form, place):
        return struct.unpack(form, self._read(place, struct.calcsize(form)))

    def _visit(self, place, what):
        """Note that a structure was read: none may be part of the file twice."""
        if place in self._seen:
            raise self._window.error(f"{what} at byte {place} is part of it twice.")
        self._seen.add(place)

    # ------------------------------------------------------------------------------------- groups

    def _read_object(self, place, path, depth):
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise self._window.error(f"it has more than {MAX_OBJECTS} groups and arrays.")
        messages = self._read_header(place, path)
        if SYMBOL_TABLE in messages:
            self._read_links(messages, path, depth)
        else:
            self._read_dataset(messages, path)

    def _read_group(self, place, path, depth):
        messages = self._read_header(place, path)
        if SYMBOL_TABLE not in messages:
            raise self._window.error("its root is no group.")
        self._read_links(messages, path, depth)

    def _read_links(self, messages, path, depth):
        """Read everything that a group holds (sections III.A.1, III.B, III.C and III.D)."""
        if depth >= MAX_NESTING:
            raise self._window.error(f"its groups are nested more than {MAX_NESTING} deep.")
        if set(messages) != {SYMBOL_TABLE}:
            raise self._window.error(f"{path!r} is a group and an array.")
        tree, heap = self._fields("<QQ", messages[SYMBOL_TABLE], path)
        self._visit(heap, "a heap of names")
        signature, version, size, _, names = self._unpack("<4sB3xQQQ", heap)
        if signature != b"HEAP" or version != 0 or size > MAX_HEADER:
            raise self._window.error(f"the names in {path!r} are damaged.")
        names = self._read(names, size)
        found = set()
        for link in self._walk_tree(tree, path, 0):
            name_place, header, cache = struct.unpack_from("<QQI", link)
            if cache == 2:
                raise self._window.error(f"{path!r} holds a soft link, which is never followed.")
            name = self._name(names, name_place, path)
            if name in found:
                raise self._window.error(f"{path!r} holds {name!r} twice.")
            found.add(name)
            self._read_object(header, f"{path}/{name}" if path else name, depth + 1)

    def _name(self, names, place, path):
        end = names.find(b"\0", place, place + MAX_NAME)
        try:
            name = names[place:end].decode("utf-8") if end >= 0 else ""
        except UnicodeDecodeError:
            name = ""
        if not name or "/" in name or name == ".":
            raise self._window.error(f"a name in {path!r} makes no sense.")
        return name

    def _walk_tree(self, place, path, depth):
        """Yield the 40 bytes of each link below a node of a group's B-tree, version 1."""
        self._visit(place, "a B-tree's node")
        signature, kind, level, count = self._unpack("<4sBBH", place)
        if signature != b"TREE" or kind != 0 or depth + level > MAX_NESTING:
            raise self._window.error(f"the B-tree of {path!r} is damaged.")
        children = self._read(place + 24, 8 + 16 * count)
        for (child,) in struct.iter_unpack("<8xQ", children[:-8]):
            if level:
                below = self._unpack("<4sBB", child)
                if below[2] != level - 1:
                    raise self._window.error(f"the B-tree of {path!r} is damaged.")
                yield from self._walk_tree(child, path, depth + 1)
            else:
                yield from self._links(child, path)

    def _links(self, place, path):
        self._visit(place, "a node of links")
        signature, version, count = self._unpack("<4sBxH", place)
        if signature != b"SNOD" or version != 1:
            raise self._window.error(f"the links in {path!r} are damaged.")
        links = self._read(place + 8, 40 * count)
        for start in range(0, len(links), 40):
            yield links[start : start + 40]

    # ----------------------------------------------------------------------------- object headers

    def _read_header(self, place, path):
        """{type: data} of the messages in an object header, version 1 (section IV.A.1.a)."""
        self._visit(place, "an object")
        if self._read(place, 4) == b"OHDR":
            raise self._window.error(f"{path or 'its root'!r} has the layout of HDF5 1.8 or later.")
        version, count, _, size = self._unpack("<BxHII", place)
        if version != 1:
            raise self._window.error(f"the header of {path!r} is damaged.")
        blocks, messages, total = [(place + 16, size)], {}, 0
        while blocks:
            begin, size = blocks.pop()
            total += size
            if total > MAX_HEADER:
                raise self._window.error(f"the header of {path!r} is larger than {MAX_HEADER}.")
            block = self._read(begin, size)
            start = 0
            while start + 8 <= size and count:
                kind, length, flags = struct.unpack_from("<HHB", block, start)
                start += 8
                data = block[start : start + length]
                start += length
                count -= 1
                if len(data) != length:
                    raise self._window.error(f"the header of {path!r} is damaged.")
                if kind == CONTINUATION:
                    more = self._fields("<QQ", data, path)
                    self._visit(more[0], "the rest of a header")
                    blocks.append(more)
                else:
                    self._take_message(messages, kind, flags, data, path)
        if count:
            raise self._window.error(f"the header of {path!r} lacks {count} messages.")
        return messages

    def _take_message(self, messages, kind, flags, data, path):
        if kind in SKIPPED:
            return
        if kind not in (DATASPACE, DATATYPE, LAYOUT, SYMBOL_TABLE):
            what = REFUSED.get(kind, f"a message of type {kind}")
            raise self._window.error(f"{path or '/'!r} has {what}, which is not read.")
        if flags & 2:
            raise self._window.error(f"{path!r} shares its description with others.")
        if kind in messages:
            raise self._window.error(f"{path!r} is described twice.")
        messages[kind] = data

    def _fields(self, form, data, path):
        """The numbers at the beginning of a message."""
        if len(data) < struct.calcsize(form):
            raise self._window.error(f"the description of {path!r} is cut short.")
        return struct.unpack_from(form, data)

    # ----------------------------------------------------------------------------------- datasets

    def _read_dataset(self, messages, path):
        if set(messages) != {DATASPACE, DATATYPE, LAYOUT}:
            raise self._window.error(f"{path!r} is neither a group nor an array.")
        if len(self.datasets) >= MAX_TENSORS:
            raise self._window.error(f"it has more than {MAX_TENSORS} arrays.")
        shape = self._shape(messages[DATASPACE], path)
        dtype = self._dtype(messages[DATATYPE], path)
        needed = math.prod(shape) * dtype.itemsize
        if math.prod(max(size, 1) for size in shape) * dtype.itemsize > sys.maxsize:
            raise self._window.error(f"no array can have the shape {shape} of {path!r}.")
        if messages[LAYOUT][:2] != b"\3\1":  # version, and class: contiguous
            raise self._window.error(
                f"the values of {path!r} are not in one piece, as Keras stores them."
            )
        place, size = self._fields("<2xQQ", messages[LAYOUT], path)
        if place == UNDEFINED and needed == 0:
            place = 0
        if size != needed or place + size > self._window.size:
            raise self._window.error(
                f"{path!r} has shape {shape} of {dtype.name}, {needed} bytes. The file has "
                f"{size} at byte {place} of {self._window.size}."
            )
        self.datasets[path] = Dataset(shape, dtype, place, size)

    def _shape(self, data, path):
        """Section IV.A.2.b, version 1; the sizes that an array may grow to are of no interest."""
        version, rank, _ = self._fields("<BBB", data, path)
        if version != 1 or rank > MAX_DIMENSIONS:
            raise self._window.error(f"the shape of {path!r} is damaged.")
        return self._fields(f"<8x{rank}Q", data, path)

    def _dtype(self, data, path):
        """Section IV.A.2.d: integers and IEEE floats, in either byte order."""
        head, order, more, last, size = self._fields("<BBBBI", data, path)
        byte_order = ">" if order & 1 else "<"
        if head == 0x10 and size in (1, 2, 4, 8) and not (more or last or order & ~0x09):
            offset, precision = self._fields("<8xHH", data, path)
            if (offset, precision) == (0, 8 * size):
                return np.dtype(f"{byte_order}{'i' if order & 8 else 'u'}{size}")
        is_float = head == 0x11 and size in FLOATS
        if is_float and (order & ~1, more, last) == (0x20, 8 * size - 1, 0):
            is_float = self._fields("<8xHHBBBBI", data, path) == FLOATS[size]
            if is_float:
                return np.dtype(f"{byte_order}f{size}")
        raise self._window.error(f"{path!r} holds something else than numbers.")

    def _check_overlaps(self):
        """A file may not give the same bytes to many arrays, and so promise more than it has."""
        end = 0
        for dataset in sorted(self.datasets.values(), key=lambda dataset: dataset.place):
            if dataset.size:
                if dataset.place < end:
                    raise self._window.error(f"arrays share the bytes from {dataset.place} on.")
                end = dataset.place + dataset.size


# Bit offset, precision, exponent's place and size, mantissa's place and size, exponent's bias.
FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
