"""The IDX reader: exact round trips for every type and shape, errors for every damaged file."""

import gzip
import math
import struct
import tracemalloc

import numpy as np
import pytest

from fastcnn.datasets.idx import DTYPES, MAX_NDIM, idx_header, read_idx

SHAPES = [(1,), (7,), (2, 3), (4, 28, 28), (2, 1, 3, 2), (0,), (3, 0, 2), (1,) * MAX_NDIM]


def idx_bytes(array):
    return idx_header(array) + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def written(tmp_path):
    """A function that writes bytes to a file, optionally gzipped, and returns its path."""

    def write(content, zipped=False):
        path = tmp_path / "some-idx-ubyte"
        path.write_bytes(gzip.compress(content, 1) if zipped else content)
        return path

    return write


def random_array(dtype, shape):
    rng = np.random.default_rng(len(shape))
    values = rng.bytes(math.prod(shape) * np.dtype(dtype).itemsize)
    return np.frombuffer(values, dtype).reshape(shape)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES.values())
def test_round_trip(written, dtype, shape, zipped):
    array = random_array(np.dtype(dtype).newbyteorder("="), shape)
    path = written(idx_bytes(array), zipped)
    result = read_idx(path)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == shape
    assert result.tobytes() == array.tobytes()
    assert result.flags.writeable
    assert result.flags.c_contiguous


def test_known_bytes(written):
    """Against the format's specification, not against this package's writer."""
    path = written(b"\0\0\x0b\x02" + b"\0\0\0\1" + b"\0\0\0\2" + b"\x01\x02" + b"\xff\xfe")
    np.testing.assert_array_equal(read_idx(path), np.array([[258, -2]], np.int16))


def test_accepts_a_path_or_a_string(written):
    path = written(idx_bytes(np.arange(3, dtype=np.uint8)))
    assert read_idx(str(path)).tolist() == read_idx(path).tolist() == [0, 1, 2]


@pytest.mark.parametrize("zipped", [False, True])
def test_truncation_at_every_byte(written, zipped):
    whole = idx_bytes(random_array(np.uint8, (3, 4)))
    whole = gzip.compress(whole) if zipped else whole
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="some-idx-ubyte"):
            read_idx(written(whole[:length]))


@pytest.mark.parametrize(
    ("content", "zipped", "message"),
    [
        (b"\0\0\x08\x01\0\0\0\x05abc", False, "declares 13 bytes, the file has 11"),
        (b"\0\0\x08\x01\0\0\0\x05abc", True, "declares 13 bytes, decompressing the file gives 11"),
        (b"\0\0\x08\x01\0\0\0\x02abc", False, "declares 10 bytes, the file has 11"),
        (
            b"\0\0\x08\x01\0\0\0\x02abc",
            True,
            "decompressing the file gives more",
        ),
        (b"", False, "found nothing"),
        (b"\x89PNG\r\n", False, "expected 00 00, a type .* found 89 50 4e 47"),
        (b"\0\0\x07\x01\0\0\0\0", False, "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\0", False, "not an IDX file"),
        (b"\0\0\x08\x00", False, "expected 1 to 8 dimensions, found 0"),
        (b"\0\0\x08\xff" + bytes(4 * 255), False, "expected 1 to 8 dimensions, found 255"),
        (b"\0\0\x08\x02\0\0\0\1", False, "header should have 12 bytes, found 8"),
        (b"\0\0\x0e\x02" + b"\xff" * 8, False, "array can have the declared shape"),
        (b"\0\0\x08\x03" + bytes(4) + b"\xff" * 8, False, "array can have the declared shape"),
    ],
)
def test_error_messages(written, content, zipped, message):
    with pytest.raises(ValueError, match=message):
        read_idx(written(content, zipped))


def test_damaged_gzip(written):
    whole = bytearray(gzip.compress(idx_bytes(random_array(np.uint8, (50, 50)))))
    for position in (len(whole) // 2, len(whole) - 5):  # inside the data; in the checksum
        damaged = whole.copy()
        damaged[position] ^= 0xFF
        with pytest.raises(ValueError, match="some-idx-ubyte: the gzipped data is damaged"):
            read_idx(written(damaged))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")
    with pytest.raises(OSError, match="Is a directory"):
        read_idx(tmp_path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("sizes", "payload"),
    [
        ((2**31 - 1,), b"x" * 100),  # 2 GiB declared, no data
        ((2**16, 2**16, 2**16), b"x" * 100),  # 256 TiB
        ((10,), bytes(32 << 20)),  # a bomb: 10 bytes declared, 32 MiB in the file
    ],
    ids=["2GiB", "256TiB", "bomb"],
)
def test_memory_depends_on_the_file_not_on_its_header(written, sizes, payload, zipped):
    header = struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes)
    path = written(header + payload, zipped)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="the header declares"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("zipped", [False, True])
def test_changed_bytes_give_an_array_or_a_value_error(written, zipped):
    """Seeded random damage never causes another exception or an array larger than the file."""
    rng = np.random.default_rng(0)
    whole = idx_bytes(random_array(np.int16, (3, 5)))
    whole = gzip.compress(whole) if zipped else whole
    for _ in range(1000):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(damaged), rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        try:
            array = read_idx(written(damaged))
        except ValueError:
            continue
        assert array.nbytes <= 2 * len(whole)
