"""Text in the attributes of an HDF5 file: the configurations and names in files of Keras 2.

A string is stored in the attribute itself, with a fixed length, or in a "global heap", to which the
attribute refers. Everything is checked as strictly as in `hdf5`; attributes of other types are
skipped.

Source: "HDF5 File Format Specification Version 3.0", sections III.E and IV.A.2.m.
"""

import math
import struct

from fastcnn.saving.hdf5 import MAX_NAME, Reader
from fastcnn.saving.limits import MAX_HEADER, MAX_TENSORS

FIXED, VARIABLE = 0x3, 0x9  # classes of datatypes
MAX_COLLECTIONS = 1_000
MAX_ATTRIBUTES = 40_000


class StringReader(Reader):
    """A `Reader` that also keeps the attributes.

    Attributes:
        datasets: {path: `Dataset`}, see `hdf5.read_datasets`.
        attributes: {path of a group: {name: description}}; "" is the root. See `strings`.
    """

    def __init__(self, window):
        self.attributes = {}
        self._collections = {}
        self._count = 0
        super().__init__(window)

    def strings(self, path, name):
        """The attribute's text as a list of strings, or None if there is no such attribute.

        A long list may be in several attributes: name0, name1, ...
        """
        found = self.attributes.get(path, {})
        if name in found:
            return self._strings_in(found[name], path)
        parts, texts = 0, []
        while f"{name}{parts}" in found:
            texts += self._strings_in(found[f"{name}{parts}"], path)
            parts += 1
        return texts if parts else None

    def text(self, path, name):
        """The attribute's text, or None if there is no such attribute."""
        texts = self.strings(path, name)
        if texts is not None and len(texts) != 1:
            raise self._window.error(f"the attribute {name!r} is not one string.")
        return texts and texts[0]

    def _take_attribute(self, data, path):
        self._count += 1
        if self._count > MAX_ATTRIBUTES:
            raise self._window.error(f"it has more than {MAX_ATTRIBUTES} attributes.")
        version, flags, name_size, type_size, space_size = self._fields("<BBHHH", data, path)
        if version not in (1, 2, 3) or (version > 1 and flags):
            raise self._window.error(f"{path or '/'!r} has an attribute that is not supported.")
        start, parts = (9 if version == 3 else 8), []
        for size in (name_size, type_size, space_size):
            parts.append(data[start : start + size])
            start += -(-size // 8) * 8 if version == 1 else size
        if start > len(data) or name_size > MAX_NAME:
            raise self._window.error(f"an attribute of {path or '/'!r} is damaged.")
        name = parts[0].split(b"\0")[0].decode("utf-8", "replace")
        own = self.attributes.setdefault(path, {})
        if name in own:
            raise self._window.error(f"{path or '/'!r} has the attribute {name!r} twice.")
        own[name] = (parts[1], parts[2], data[start:])

    def _strings_in(self, attribute, path):
        datatype, space, data = attribute
        count = math.prod(self._shape(space, path))
        if not count:
            return []
        if count > MAX_TENSORS:
            raise self._window.error(f"an attribute of {path!r} has more than {MAX_TENSORS} names.")
        head, kind, size = self._fields("<BB2xI", datatype, path)
        is_text = head & 0xF == VARIABLE and kind & 0xF == 1
        if head & 0xF == FIXED:
            if size == 0 or len(data) < count * size:
                raise self._window.error(f"an attribute of {path!r} is damaged.")
            texts = [data[size * index : size * (index + 1)] for index in range(count)]
        elif is_text and size == 16 and len(data) >= 16 * count:
            references = struct.iter_unpack("<IQI", data[: 16 * count])
            texts = [self._from_heap(*reference) for reference in references]
        else:
            raise self._window.error(f"an attribute of {path!r} is not text.")
        try:
            return [text.rstrip(b"\0").decode("utf-8") for text in texts]
        except UnicodeDecodeError:
            raise self._window.error(f"an attribute of {path!r} is not text.") from None

    def _from_heap(self, length, address, index):
        if length > MAX_HEADER:
            raise self._window.error(f"it has a text of {length} bytes, more than {MAX_HEADER}.")
        if not length:
            return b""
        if address not in self._collections:
            if len(self._collections) >= MAX_COLLECTIONS:
                raise self._window.error(f"it has more than {MAX_COLLECTIONS} heaps of text.")
            self._collections[address] = self._read_collection(address)
        offset, size = self._collections[address].get(index, (0, 0))
        if length > size:
            raise self._window.error("it refers to a text that does not exist.")
        return self._read(offset, length)

    def _read_collection(self, address):
        """{index: (offset, size)} of the objects in a global heap collection."""
        self._visit(address, "a heap of text")
        signature, version, size = self._unpack("<4sB3xQ", address)
        if signature != b"GCOL" or version != 1 or address + size > self._window.size:
            raise self._window.error(f"the heap of text at byte {address} is damaged.")
        found, start, end = {}, address + 16, address + size
        while start + 16 <= end:
            index, _, length = self._unpack("<HH4xQ", start)
            if index == 0:  # the rest is free
                break
            if index in found or start + 16 + length > end:
                raise self._window.error(f"the heap of text at byte {address} is damaged.")
            found[index] = (start + 16, length)
            start += 16 + -(-length // 8) * 8
        return found
