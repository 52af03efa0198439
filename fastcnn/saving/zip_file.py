"""A strict reader of the zip files that Keras and NumPy write.

The format: each member is a local header and its bytes, one after the other from byte 0 on; then
comes the directory, one entry per member; then its end record, which is the end of the file
(PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.14 - 4.3.16).

Everything else is refused: bytes that belong to no member, members that overlap, two of one name,
encryption, other packing than deflate, comments, several disks. A packed member is unpacked only as
far as its reader allows.
"""

import contextlib
import io
import struct
import zlib
from typing import NamedTuple

from fastcnn.saving.limits import MAX_HEADER, MAX_TENSORS
from fastcnn.saving.window import Window

STORED, DEFLATED = 0, 8
FLAGS = 0x0800 | 0x0006  # names in UTF-8, and how hard deflate tried
CHUNK = 1 << 20
LOCAL = struct.Struct("<4sHHHHHIIIHH")
ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
END = struct.Struct("<4sHHHHIIH")
END_64 = struct.Struct("<4sQHHIIQQQQ")
LOCATOR_64 = struct.Struct("<4sIQI")
FULL = 0xFFFFFFFF  # stands for a number that is in the "zip64" extra field


class Member(NamedTuple):
    """Where a member's bytes are."""

    start: int
    packed: int
    size: int
    crc: int
    method: int


class Archive:
    """The members of an open zip file, checked.

    Args:
        file: a binary file that can seek.
        name: what error messages call it.

    Attributes:
        members: dictionary from name to `Member`, in the order of the file.
    """

    def __init__(self, file, name):
        self._whole = Window(file, name)
        self._file = file
        self.name = name
        self.members = {}
        directory, count, end = self._find_directory()
        entries = self._read_directory(directory, count, end)
        place = 0
        for name, offset, member in sorted(entries, key=lambda entry: entry[1]):
            if offset != place:
                raise self._error(f"bytes {place} to {offset} belong to no member, or to two.")
            start = self._check_local(name, offset, member)
            place = start + member.packed
            self.members[name] = member._replace(start=start)
        if place != directory:
            raise self._error(f"bytes {place} to {directory} belong to no member, or to two.")

    def read(self, name, limit):
        """The bytes of a member, at most `limit` of them."""
        window = self.window(name, limit)
        return window.read(0, window.size)

    def window(self, name, limit, packed=True):
        """A `Window` on a member's bytes, whose checksum is right; unpacked into memory if packed.

        With `packed=False` a packed member is refused.

        Raises:
            ValueError: there is no such member, it has more than `limit` bytes, or is damaged.
        """
        member = self.members.get(name)
        if member is None:
            raise self._error(f"it has no member {name!r}.")
        if member.size > limit:
            raise self._error(f"{name!r} has {member.size} bytes; at most {limit} make sense.")
        if member.method == DEFLATED and not packed:
            raise self._error(f"{name!r} is packed, which Keras never does.")
        if member.method == DEFLATED:
            data = self._unpack(name, member)
            window = Window(io.BytesIO(data), f"{self.name}: {name}")
        else:
            window = Window(self._file, f"{self.name}: {name}", member.start, member.size)
        crc = 0
        for place in range(0, window.size, CHUNK):
            crc = zlib.crc32(window.read(place, min(CHUNK, window.size - place)), crc)
        if crc != member.crc:
            raise self._error(f"{name!r} is damaged: its checksum is wrong.")
        return window

    def _unpack(self, name, member):
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        data = bytearray()
        try:
            for place in range(0, member.packed, CHUNK):
                size = min(CHUNK, member.packed - place)
                packed = self._whole.read(member.start + place, size)
                data += unpacker.decompress(packed, member.size - len(data) + 1)
                if len(data) > member.size or unpacker.unconsumed_tail:
                    break
        except zlib.error as error:
            raise self._error(f"{name!r} is damaged: {error}.") from None
        if len(data) != member.size or not unpacker.eof or unpacker.unused_data:
            raise self._error(f"{name!r} does not unpack to the {member.size} bytes it announces.")
        return data

    def _error(self, message):
        return self._whole.error(f"it is no whole zip file: {message}")

    def _find_directory(self):
        """(start, number of entries, end) of the directory."""
        whole = self._whole
        end = whole.size - END.size
        if end < 0:
            raise self._error("it is too short.")
        signature, disk, first, here, count, size, start, comment = END.unpack(
            whole.read(end, END.size)
        )
        if signature != b"PK\5\6" or comment or disk or first or here != count:
            raise self._error("its end record is missing, or something follows it.")
        if end >= LOCATOR_64.size + END_64.size:
            end, count, size, start = self._find_directory_64(end, count, size, start)
        if start + size != end or size > MAX_HEADER or count > MAX_TENSORS + 3:
            raise self._error(
                f"its directory of {count} entries should begin at byte {start}, have {size} bytes "
                f"(at most {MAX_HEADER}) and end at byte {end}."
            )
        return start, count, end

    def _find_directory_64(self, end, count, size, start):
        """The same from the end record of large files, if there is one."""
        place = end - LOCATOR_64.size
        signature, disk, record, disks = LOCATOR_64.unpack(self._whole.read(place, LOCATOR_64.size))
        if signature != b"PK\6\7":
            return end, count, size, start
        signature, length, _, _, here, first, on_disk, count, size, start = END_64.unpack(
            self._whole.read(place - END_64.size, END_64.size)
        )
        well_formed = signature == b"PK\6\6" and length == END_64.size - 12
        if not well_formed or record != place - END_64.size or on_disk != count:
            raise self._error("its end record for large files is damaged.")
        if disk or disks != 1 or here or first:
            raise self._error("it is spread over several disks.")
        return record, count, size, start

    def _read_directory(self, place, count, end):
        """[(name, offset of the local header, Member)] from the directory."""
        entries, names = [], set()
        for _ in range(count):
            fields = ENTRY.unpack(self._whole.read(place, ENTRY.size))
            signature, _, _, flags, method, _, _, crc, packed, size, *rest = fields
            name_size, extra_size, comment_size, disk, _, _, offset = rest
            text = self._whole.read(place + ENTRY.size, name_size + extra_size)
            if signature != b"PK\1\2" or comment_size or disk:
                raise self._error(f"entry {len(entries)} of its directory is damaged.")
            name = self._name(text[:name_size], flags)
            size, packed, offset = self._sizes(name, text[name_size:], size, packed, offset)
            if flags & ~FLAGS or method not in (STORED, DEFLATED):
                raise self._error(f"{name!r} is encrypted or packed in an unknown way.")
            if method == STORED and packed != size:
                raise self._error(f"{name!r} is not packed but changes its size.")
            if name in names:
                raise self._error(f"it has two members {name!r}.")
            names.add(name)
            entries.append((name, offset, Member(0, packed, size, crc, method)))
            place += ENTRY.size + name_size + extra_size
        if place != end:
            raise self._error("its directory has another size than it announces.")
        return entries

    def _check_local(self, name, offset, member):
        """Compare the header in front of a member with its entry; where its bytes begin."""
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
            raise self._error(f"the name {raw!r} makes no sense.") from None
        return name

    def _sizes(self, name, extra, *numbers):
        """Size, packed size and offset, taken from the "zip64" field where they are too large."""
        numbers = list(numbers)
        large = b""
        while extra:
            kind, length = struct.unpack("<HH", extra[:4]) if len(extra) >= 4 else (0, len(extra))
            if len(extra) < 4 + length:
                raise self._error(f"the extra field of {name!r} is damaged.")
            if kind == 1:
                large = extra[4 : 4 + length]
            extra = extra[4 + length :]
        for place, number in enumerate(numbers):
            if number == FULL:
                if len(large) < 8:
                    raise self._error(f"the extra field of {name!r} is damaged.")
                numbers[place] = int.from_bytes(large[:8], "little")
                large = large[8:]
        return numbers


@contextlib.contextmanager
def open_archive(path):
    """The `Archive` in the file at `path`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no whole zip file.
    """
    with open(path, "rb") as file:
        yield Archive(file, str(path))
