"""A strict reader for the zip files that Keras and NumPy write.

The format: the members, each a local header followed by its data, back to back from byte 0; then
the central directory with one entry per member; then the end record, which ends the file (PKWARE's
APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.14 - 4.3.16).

Everything else is rejected: bytes that belong to no member, overlapping members, duplicate names,
encryption, compression methods other than deflate, comments, multiple disks. A compressed member is
never decompressed beyond the limit that its reader sets.
"""

import contextlib
import io
import struct
import zlib
from typing import NamedTuple

from fastcnn.saving.limits import MAX_HEADER, MAX_TENSORS
from fastcnn.saving.window import Window

STORED, DEFLATED = 0, 8
FLAGS = 0x0800 | 0x0006  # names in UTF-8, and the compression level of deflate
CHUNK = 1 << 20
LOCAL = struct.Struct("<4sHHHHHIIIHH")
ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
END = struct.Struct("<4sHHHHIIH")
END_64 = struct.Struct("<4sQHHIIQQQQ")
LOCATOR_64 = struct.Struct("<4sIQI")
FULL = 0xFFFFFFFF  # marks a value that is stored in the "zip64" extra field


class Member(NamedTuple):
    """Location, size and checksum of a member's data."""

    start: int
    packed: int
    size: int
    crc: int
    method: int


class Archive:
    """The validated members of an open zip file.

    Args:
        file: a seekable binary file.
        name: the name used in error messages.

    Attributes:
        members: {name: `Member`}, in file order.
    """

    def __init__(self, file, name):
        self._whole = Window(file, name)
        self._file = file
        self.name = name
        self.members = {}
        directory, count, end = self._find_directory()
        entries = self._read_directory(directory, count, end)
        position = 0
        for name, offset, member in sorted(entries, key=lambda entry: entry[1]):
            if offset != position:
                raise self._error(f"bytes {position} to {offset} belong to no member, or to two.")
            start = self._check_local(name, offset, member)
            position = start + member.packed
            self.members[name] = member._replace(start=start)
        if position != directory:
            raise self._error(f"bytes {position} to {directory} belong to no member, or to two.")

    def read(self, name, limit):
        """Return the data of a member that has at most `limit` bytes."""
        window = self.window(name, limit)
        return window.read(0, window.size)

    def window(self, name, limit, packed=True):
        """Return a `Window` on a member's data after checking its CRC.

        A compressed member is decompressed into memory; with `packed=False` it is rejected.

        Raises:
            ValueError: the member does not exist, has more than `limit` bytes, or is damaged.
        """
        member = self.members.get(name)
        if member is None:
            raise self._error(f"it has no member {name!r}.")
        if member.size > limit:
            raise self._error(f"{name!r} has {member.size} bytes; at most {limit} are allowed.")
        if member.method == DEFLATED and not packed:
            raise self._error(f"{name!r} is compressed, which Keras never does.")
        if member.method == DEFLATED:
            data = self._unpack(name, member)
            window = Window(io.BytesIO(data), f"{self.name}: {name}")
        else:
            window = Window(self._file, f"{self.name}: {name}", member.start, member.size)
        crc = 0
        for start in range(0, window.size, CHUNK):
            crc = zlib.crc32(window.read(start, min(CHUNK, window.size - start)), crc)
        if crc != member.crc:
            raise self._error(f"{name!r} is damaged: its checksum is wrong.")
        return window

    def _unpack(self, name, member):
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        data = bytearray()
        try:
            for start in range(0, member.packed, CHUNK):
                size = min(CHUNK, member.packed - start)
                packed = self._whole.read(member.start + start, size)
                data += unpacker.decompress(packed, member.size - len(data) + 1)
                if len(data) > member.size or unpacker.unconsumed_tail:
                    break
        except zlib.error as error:
            raise self._error(f"{name!r} is damaged: {error}.") from None
        if len(data) != member.size or not unpacker.eof or unpacker.unused_data:
            raise self._error(f"{name!r} does not decompress to its declared {member.size} bytes.")
        return data

    def _error(self, message):
        return self._whole.error(f"it is not a valid zip file: {message}")

    def _find_directory(self):
        """Return (start, number of entries, end) of the central directory."""
        whole = self._whole
        end = whole.size - END.size
        if end < 0:
            raise self._error("it is too short.")
        signature, disk, first, here, count, size, start, comment = END.unpack(
            whole.read(end, END.size)
        )
        if signature != b"PK\5\6" or comment or disk or first or here != count:
            raise self._error("its end record is missing or is not at the end.")
        if end >= LOCATOR_64.size + END_64.size:
            end, count, size, start = self._find_directory_64(end, count, size, start)
        if start + size != end or size > MAX_HEADER or count > MAX_TENSORS + 3:
            raise self._error(
                f"its directory of {count} entries should start at byte {start}, have {size} bytes "
                f"(at most {MAX_HEADER}) and end at byte {end}."
            )
        return start, count, end

    def _find_directory_64(self, end, count, size, start):
        """Read the same values from the zip64 end record, if the file has one."""
        locator = end - LOCATOR_64.size
        fields = LOCATOR_64.unpack(self._whole.read(locator, LOCATOR_64.size))
        signature, disk, record, disks = fields
        if signature != b"PK\6\7":
            return end, count, size, start
        signature, length, _, _, here, first, on_disk, count, size, start = END_64.unpack(
            self._whole.read(locator - END_64.size, END_64.size)
        )
        well_formed = signature == b"PK\6\6" and length == END_64.size - 12
        if not well_formed or record != locator - END_64.size or on_disk != count:
            raise self._error("its zip64 end record is damaged.")
        if disk or disks != 1 or here or first:
            raise self._error("it spans multiple disks.")
        return record, count, size, start

    def _read_directory(self, position, count, end):
        """Return [(name, offset of the local header, Member)] from the central directory."""
        entries, names = [], set()
        for _ in range(count):
            fields = ENTRY.unpack(self._whole.read(position, ENTRY.size))
            signature, _, _, flags, method, _, _, crc, packed, size, *rest = fields
            name_size, extra_size, comment_size, disk, _, _, offset = rest
            text = self._whole.read(position + ENTRY.size, name_size + extra_size)
            if signature != b"PK\1\2" or comment_size or disk:
                raise self._error(f"entry {len(entries)} of its directory is damaged.")
            name = self._name(text[:name_size], flags)
            size, packed, offset = self._sizes(name, text[name_size:], size, packed, offset)
            if flags & ~FLAGS or method not in (STORED, DEFLATED):
                raise self._error(f"{name!r} is encrypted or uses an unknown compression method.")
            if method == STORED and packed != size:
                raise self._error(f"{name!r} is not compressed, but its two sizes differ.")
            if name in names:
                raise self._error(f"it has two members named {name!r}.")
            names.add(name)
            entries.append((name, offset, Member(0, packed, size, crc, method)))
            position += ENTRY.size + name_size + extra_size
        if position != end:
            raise self._error("its directory does not have its declared size.")
        return entries

    def _check_local(self, name, offset, member):
        """Compare a member's local header with its directory entry; return its data's offset."""
        fields = LOCAL.unpack(self._whole.read(offset, LOCAL.size))
        signature, _, flags, method, _, _, crc, packed, size, name_size, extra_size = fields
        text = self._whole.read(offset + LOCAL.size, name_size + extra_size)
        if signature != b"PK\3\4" or self._name(text[:name_size], flags) != name:
            raise self._error(f"the header of {name!r} is damaged.")
        size, packed, _ = self._sizes(name, text[name_size:], size, packed, 0)
        if (packed, size, crc, method) != (member.packed, member.size, member.crc, member.method):
            raise self._error(f"the header of {name!r} and its entry in the directory differ.")
        return offset + LOCAL.size + len(text)

    def _name(self, raw, flags):
        try:
            name = raw.decode("utf-8" if flags & 0x0800 else "ascii")
        except UnicodeDecodeError:
            raise self._error(f"the name {raw!r} is not valid.") from None
        return name

    def _sizes(self, name, extra, *values):
        """Return size, packed size and offset; those marked FULL come from the "zip64" field."""
        values = list(values)
        large = b""
        while extra:
            kind, length = struct.unpack("<HH", extra[:4]) if len(extra) >= 4 else (0, len(extra))
            if len(extra) < 4 + length:
                raise self._error(f"the extra field of {name!r} is damaged.")
            if kind == 1:
                large = extra[4 : 4 + length]
            extra = extra[4 + length :]
        for index, value in enumerate(values):
            if value == FULL:
                if len(large) < 8:
                    raise self._error(f"the extra field of {name!r} is damaged.")
                values[index] = int.from_bytes(large[:8], "little")
                large = large[8:]
        return values


@contextlib.contextmanager
def open_archive(path):
    """Context manager: the `Archive` in the file at `path`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a valid zip file.
    """
    with open(path, "rb") as file:
        yield Archive(file, str(path))
