"""A strict, memory-safe reader for the HDF5 files that Keras writes, in pure Python.

libhdf5 is meant for trusted files: a hostile one can refer to other files, declare arrays of any
size, or trigger bugs in the library. Keras needs only a small part of the format (the file layout
of HDF5 1.0 to 1.6, which h5py writes by default): nested groups, and numeric arrays stored
contiguously. This module reads that part and rejects everything else: soft, external and virtual
links, external and virtual storage, chunks and filters, shared and compound types. Attributes are
skipped; `hdf5_strings` reads those that contain text.

    superblock -> object header of the root group -> [symbol table -> B-tree -> link nodes ->]
    object headers of groups and datasets -> shape, type, offset of the data

Source: "HDF5 File Format Specification Version 3.0", The HDF Group; section numbers refer to it.
"""

import math
import struct
import sys
from typing import NamedTuple

import numpy as np

from fastcnn.saving.limits import MAX_HEADER, MAX_NESTING, MAX_TENSORS

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 0xFFFFFFFFFFFFFFFF
MAX_OBJECTS = 4 * MAX_TENSORS  # groups and arrays; Keras writes two groups per layer
MAX_NAME = 1024
MAX_DIMENSIONS = 32

# Types of header messages (section IV.A.2) and what this reader does with them.
DATASPACE, DATATYPE, LAYOUT, CONTINUATION, SYMBOL_TABLE = 0x01, 0x03, 0x08, 0x10, 0x11
ATTRIBUTE = 0x0C
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
    0x02: "links in the HDF5 1.8 format",
    0x06: "links in the HDF5 1.8 format",
    0x07: "data in external files",
    0x0B: "compressed or filtered data",
    0x0F: "shared messages",
    0x14: "a file driver",
}


class Dataset(NamedTuple):
    """Location and type of an array's values."""

    shape: tuple
    dtype: np.dtype
    offset: int
    size: int


def read_datasets(window):
    """Return all arrays in an HDF5 file: {path such as "layers/dense/vars/0": `Dataset`}.

    Args:
        window: a `Window` on the file.

    Raises:
        ValueError: the file is damaged or uses features that this reader does not support.
    """
    return Reader(window).datasets


class Reader:
    """Traverses a file once; see `read_datasets`."""

    def __init__(self, window):
        self._window = window
        self.datasets = {}
        self._seen = set()
        self._objects = 0
        self._budget = 2 * window.size
        self._read_group(self._read_superblock(), "", 0)
        self._check_overlaps()

    def _read_superblock(self):
        """Return the offset of the root group's object header (section II.A, versions 0 and 1)."""
        window = self._window
        head = self._read(0, 16)
        if head[:8] != SIGNATURE:
            raise window.error("it is not an HDF5 file.")
        version = head[8]
        if version > 1:
            raise window.error(
                "it has the layout of HDF5 1.8 or later; only the earlier one, which Keras writes, "
                "is supported."
            )
        if (head[13], head[14]) != (8, 8):
            raise window.error("its offsets and lengths are not 8 bytes wide.")
        base, free, end, driver = self._unpack("<QQQQ", 24 + 4 * version)
        if (base, free, driver) != (0, UNDEFINED, UNDEFINED):
            raise window.error("it is embedded in another file, or needs a file driver.")
        if end != window.size:
            raise window.error(f"it should end at byte {end}, but ends at byte {window.size}.")
        _, header, _, _ = self._unpack("<QQII", 56 + 4 * version)
        return header

    def _read(self, offset, size):
        """Read bytes; at most twice the file size in total, so the work is linear."""
        self._budget -= size
        if self._budget < 0:
            raise self._window.error("its structures overlap.")
        return self._window.read(offset, size)

    def _unpack(self, form, offset):
        return struct.unpack(form, self._read(offset, struct.calcsize(form)))

    def _visit(self, offset, what):
        """Record that a structure was visited: each may be referenced only once."""
        if offset in self._seen:
            raise self._window.error(f"{what} at byte {offset} is referenced twice.")
        self._seen.add(offset)

    # ------------------------------------------------------------------------------------- groups

    def _read_object(self, offset, path, depth):
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise self._window.error(f"it has more than {MAX_OBJECTS} groups and arrays.")
        messages = self._read_header(offset, path)
        if SYMBOL_TABLE in messages:
            self._read_links(messages, path, depth)
        else:
            self._read_dataset(messages, path)

    def _read_group(self, offset, path, depth):
        messages = self._read_header(offset, path)
        if SYMBOL_TABLE not in messages:
            raise self._window.error("its root object is not a group.")
        self._read_links(messages, path, depth)

    def _read_links(self, messages, path, depth):
        """Read everything in a group (sections III.A.1, III.B, III.C and III.D)."""
        if depth >= MAX_NESTING:
            raise self._window.error(f"its groups are nested more than {MAX_NESTING} levels deep.")
        if set(messages) != {SYMBOL_TABLE}:
            raise self._window.error(f"{path!r} is both a group and an array.")
        tree, heap = self._fields("<QQ", messages[SYMBOL_TABLE], path)
        self._visit(heap, "a name heap")
        signature, version, size, _, names = self._unpack("<4sB3xQQQ", heap)
        if signature != b"HEAP" or version != 0 or size > MAX_HEADER:
            raise self._window.error(f"the names in {path!r} are damaged.")
        names = self._read(names, size)
        found = set()
        for link in self._walk_tree(tree, path, 0):
            name_offset, header, cache = struct.unpack_from("<QQI", link)
            if cache == 2:
                raise self._window.error(f"{path!r} contains a soft link; links are not followed.")
            name = self._name(names, name_offset, path)
            if name in found:
                raise self._window.error(f"{path!r} contains {name!r} twice.")
            found.add(name)
            self._read_object(header, f"{path}/{name}" if path else name, depth + 1)

    def _name(self, names, offset, path):
        end = names.find(b"\0", offset, offset + MAX_NAME)
        try:
            name = names[offset:end].decode("utf-8") if end >= 0 else ""
        except UnicodeDecodeError:
            name = ""
        if not name or "/" in name or name == ".":
            raise self._window.error(f"{path!r} contains an invalid name.")
        return name

    def _walk_tree(self, offset, path, depth):
        """Yield the 40 bytes of each link under a node of a group's B-tree, version 1."""
        self._visit(offset, "a B-tree node")
        signature, kind, level, count = self._unpack("<4sBBH", offset)
        if signature != b"TREE" or kind != 0 or depth + level > MAX_NESTING:
            raise self._window.error(f"the B-tree of {path!r} is damaged.")
        children = self._read(offset + 24, 8 + 16 * count)
        for (child,) in struct.iter_unpack("<8xQ", children[:-8]):
            if level:
                below = self._unpack("<4sBB", child)
                if below[2] != level - 1:
                    raise self._window.error(f"the B-tree of {path!r} is damaged.")
                yield from self._walk_tree(child, path, depth + 1)
            else:
                yield from self._links(child, path)

    def _links(self, offset, path):
        self._visit(offset, "a link node")
        signature, version, count = self._unpack("<4sBxH", offset)
        if signature != b"SNOD" or version != 1:
            raise self._window.error(f"the links in {path!r} are damaged.")
        links = self._read(offset + 8, 40 * count)
        for start in range(0, len(links), 40):
            yield links[start : start + 40]

    # ----------------------------------------------------------------------------- object headers

    def _read_header(self, offset, path):
        """{type: data} of the messages in an object header, version 1 (section IV.A.1.a)."""
        self._visit(offset, "an object header")
        if self._read(offset, 4) == b"OHDR":
            raise self._window.error(f"{path or 'its root'!r} has the layout of HDF5 1.8 or later.")
        version, count, _, size = self._unpack("<BxHII", offset)
        if version != 1:
            raise self._window.error(f"the header of {path!r} is damaged.")
        blocks, messages, total = [(offset + 16, size)], {}, 0
        while blocks:
            begin, size = blocks.pop()
            total += size
            if total > MAX_HEADER:
                raise self._window.error(
                    f"the header of {path!r} is larger than {MAX_HEADER} bytes."
                )
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
                    self._visit(more[0], "a header continuation")
                    blocks.append(more)
                else:
                    self._take_message(messages, kind, flags, data, path)
        if count:
            raise self._window.error(f"the header of {path!r} is missing {count} messages.")
        return messages

    def _take_attribute(self, data, path):
        """Called with each attribute of an object; this class ignores them."""

    def _take_message(self, messages, kind, flags, data, path):
        if kind in SKIPPED:
            if kind == ATTRIBUTE:
                self._take_attribute(data, path)
            return
        if kind not in (DATASPACE, DATATYPE, LAYOUT, SYMBOL_TABLE):
            what = REFUSED.get(kind, f"a message of type {kind}")
            raise self._window.error(f"{path or '/'!r} has {what}, which is not supported.")
        if flags & 2:
            raise self._window.error(f"{path!r} shares its description with other objects.")
        if kind in messages:
            raise self._window.error(f"{path!r} is described twice.")
        messages[kind] = data

    def _fields(self, form, data, path):
        """Unpack the fields at the beginning of a message."""
        if len(data) < struct.calcsize(form):
            raise self._window.error(f"the description of {path!r} is truncated.")
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
                f"the values of {path!r} are not stored contiguously, as Keras stores them."
            )
        offset, size = self._fields("<2xQQ", messages[LAYOUT], path)
        if offset == UNDEFINED and needed == 0:
            offset = 0
        if size != needed or offset + size > self._window.size:
            raise self._window.error(
                f"{path!r} has shape {shape} and dtype {dtype.name}: {needed} bytes. The file has "
                f"{size} at byte {offset} of {self._window.size}."
            )
        self.datasets[path] = Dataset(shape, dtype, offset, size)

    def _shape(self, data, path):
        """Section IV.A.2.b, version 1; the maximum sizes of resizable arrays are ignored."""
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
        raise self._window.error(f"{path!r} contains something other than numbers.")

    def _check_overlaps(self):
        """Reject arrays that share bytes, which would let a small file declare huge weights."""
        end = 0
        for dataset in sorted(self.datasets.values(), key=lambda dataset: dataset.offset):
            if dataset.size:
                if dataset.offset < end:
                    raise self._window.error(f"arrays overlap at byte {dataset.offset}.")
                end = dataset.offset + dataset.size


# Bit offset, precision, offset and size of the exponent and of the mantissa, exponent bias.
FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
