"""The strict readers for zip, HDF5 and .npy against the packages that write these formats."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from fastcnn.saving.hdf5 import read_datasets
from fastcnn.saving.limits import MAX_HEADER, MAX_NESTING
from fastcnn.saving.npz import read_header
from fastcnn.saving.window import Window
from fastcnn.saving.zip_file import Archive


def zipped(members, **settings):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **settings) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer


def hdf5(fill, **settings):
    """A `Window` on a file that `fill(h5py.File)` writes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **settings) as file:
        fill(file)
    return Window(buffer, "file.h5")


class TestZip:
    MEMBERS = {"a": b"", "folder/b": b"text" * 100, "ä": bytes(range(256))}  # noqa: RUF012

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_reads_what_zipfile_writes(self, method):
        archive = Archive(zipped(self.MEMBERS, compression=method), "file.zip")
        assert list(archive.members) == list(self.MEMBERS)
        for name, content in self.MEMBERS.items():
            assert archive.read(name, len(content)) == content
            if content:
                with pytest.raises(ValueError, match=f"at most {len(content) - 1} are allowed"):
                    archive.read(name, len(content) - 1)
        with pytest.raises(ValueError, match="has no member 'c'"):
            archive.read("c", 10)

    def test_reads_zip64(self, monkeypatch):
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
        buffer = zipped(self.MEMBERS)
        assert b"PK\6\6" in buffer.getvalue()
        archive = Archive(buffer, "file.zip")
        assert archive.read("folder/b", 1000) == self.MEMBERS["folder/b"]

    def test_reads_what_numpy_writes(self):
        buffer = io.BytesIO()
        np.savez(buffer, a=np.ones(3), b=np.zeros((2, 2), "f4"))
        assert list(Archive(buffer, "x.npz").members) == ["a.npy", "b.npy"]

    @pytest.mark.parametrize("position", ["before", "between", "after"])
    def test_bytes_outside_of_all_members(self, position):
        content = zipped(self.MEMBERS).getvalue()
        second = content.index(b"PK\3\4", 1)
        directory = content.index(b"PK\1\2")
        cut = {"before": 0, "between": second, "after": len(content)}[position]
        changed = bytearray(content[:cut] + b"hidden" + content[cut:])
        if position == "between":  # adjust the later offsets, so that zipfile can read the file
            moved = content.index(b"PK\1\2", directory + 1) + 6
            for entry in (moved, content.index(b"PK\1\2", moved) + 6):
                offset = int.from_bytes(changed[entry + 42 : entry + 46], "little") + 6
                changed[entry + 42 : entry + 46] = offset.to_bytes(4, "little")
            end = changed.index(b"PK\5\6")
            changed[end + 16 : end + 20] = (directory + 6).to_bytes(4, "little")
        assert zipfile.ZipFile(io.BytesIO(changed)).read("folder/b") == self.MEMBERS["folder/b"]
        with pytest.raises(ValueError, match="not a valid zip file"):
            Archive(io.BytesIO(changed), "file.zip")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_duplicate_names(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a", b"1")
            archive.writestr("a", b"2")
        with pytest.raises(ValueError, match="two members named 'a'"):
            Archive(buffer, "file.zip")

    def test_overlapping_members(self):
        """Two entries refer to the same bytes, as in a non-recursive zip bomb."""
        content = bytearray(zipped({"a": b"12345", "b": b"12345"}).getvalue())
        entry = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
        content[entry + 42 : entry + 46] = bytes(4)
        with pytest.raises(ValueError, match="belong to no member, or to two"):
            Archive(io.BytesIO(content), "file.zip")

    def test_comments_encryption_and_other_compression(self):
        buffer = zipped(self.MEMBERS)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.comment = b"hello"
        with pytest.raises(ValueError, match="end record is missing or is not at the end"):
            Archive(buffer, "file.zip")
        with pytest.raises(ValueError, match="encrypted or uses an unknown compression method"):
            Archive(zipped(self.MEMBERS, compression=zipfile.ZIP_BZIP2), "file.zip")
        content = bytearray(zipped({"a": b"1"}).getvalue())
        for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            content[content.index(signature) + flags] |= 1
        with pytest.raises(ValueError, match="encrypted or uses"):
            Archive(io.BytesIO(content), "file.zip")

    def test_wrong_checksum(self):
        content = bytearray(zipped({"a": b"12345"}).getvalue())
        content[content.index(b"12345")] += 1
        with pytest.raises(ValueError, match="'a' is damaged: its checksum is wrong"):
            Archive(io.BytesIO(content), "file.zip").read("a", 5)

    def test_bomb_is_decompressed_only_up_to_its_declared_size(self):
        content = bytearray(
            zipped({"a": bytes(32 << 20)}, compression=zipfile.ZIP_DEFLATED).getvalue()
        )
        archive = Archive(io.BytesIO(content), "file.zip")
        with pytest.raises(ValueError, match="at most 1000 are allowed"):
            archive.read("a", 1000)
        for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):  # declare a false size
            begin = content.index(signature) + offset
            content[begin : begin + 4] = (1000).to_bytes(4, "little")
        with pytest.raises(ValueError, match="does not decompress to its declared 1000 bytes"):
            Archive(io.BytesIO(content), "file.zip").read("a", 1000)


class TestHdf5:
    @pytest.mark.parametrize("seed", range(3))
    def test_reads_what_h5py_writes(self, seed):
        rng = np.random.default_rng(seed)
        wanted = {}
        for index in range(200):
            dtype = rng.choice(["f2", "f4", "f8", "i1", "i4", "i8", "u2", ">f4", ">i8", ">f8"])
            shape = rng.integers(0, 5, rng.integers(0, 6))
            path = "/".join(f"group{rng.integers(9)}" for _ in range(rng.integers(0, 4)))
            wanted[f"{path}/{index}".lstrip("/")] = rng.integers(0, 99, shape).astype(dtype)

        def fill(file):
            for path, array in wanted.items():
                file[path] = array
                file[path].attrs["text"] = "a name"
                file[path].attrs["long"] = np.arange(500)

        window = hdf5(fill)
        found = read_datasets(window)
        assert found.keys() == wanted.keys()
        for path, array in wanted.items():
            dataset = found[path]
            assert (dataset.shape, dataset.dtype) == (array.shape, array.dtype)
            values = np.frombuffer(window.read(dataset.offset, dataset.size), dataset.dtype)
            np.testing.assert_array_equal(values.reshape(dataset.shape), array)

    def test_large_groups(self):
        """A B-tree with several levels."""

        def fill(file):
            for index in range(1500):
                file[f"vars/{index}"] = np.float32(index)

        assert len(read_datasets(hdf5(fill))) == 1500

    @pytest.mark.parametrize(
        ("fill", "message"),
        [
            (lambda f: f.update_soft(), "soft link; links are not followed"),
            (lambda f: f.update_external(), "links in the HDF5 1.8 format"),
            (lambda f: f.create_dataset("a", (3,), "f4", external=[("/etc/passwd", 0, 12)]),
             "data in external files, which is not supported"),
            (lambda f: f.create_virtual_dataset("a", virtual()), "not stored contiguously"),
            (lambda f: f.create_dataset("a", (4,), "f4", chunks=(2,)), "not stored contiguously"),
            (lambda f: f.create_dataset("a", data=np.ones(9), compression="gzip"), "compressed"),
            (lambda f: f.create_dataset("a", (3,), "f4"), "The file has"),
            (lambda f: f.create_dataset("a", data="text"), "other than numbers"),
            (lambda f: f.create_dataset("a", data=np.ones(2, "c8")), "other than numbers"),
            (lambda f: f.create_dataset("a", data=np.array([(1, 2.0)], "i4,f4")), "other than"),
            (lambda f: f.create_dataset("a", data=np.array([True])), "other than numbers"),
            (lambda f: f.create_dataset("a", data=h5py.Empty("f4")), "is damaged|The file has"),
            (lambda f: shared_type(f), "shares its description"),
            (lambda f: hard_link(f), "is referenced twice"),
            (lambda f: f.create_group("/".join("g" * (MAX_NESTING + 1))), "nested more than"),
        ],
    )  # fmt: skip
    def test_unsupported_features_are_rejected(self, fill, message):
        class Writer(h5py.File):
            def update_soft(self):
                self["a"] = np.ones(3)
                self["b"] = h5py.SoftLink("/a")

            def update_external(self):
                self["b"] = h5py.ExternalLink("other.h5", "/a")

        buffer = io.BytesIO()
        with Writer(buffer, "w") as file:
            fill(file)
        with pytest.raises(ValueError, match=message):
            read_datasets(Window(buffer, "file.h5"))

    @pytest.mark.parametrize("libver", ["v108", "v110", "latest"])
    def test_error_names_the_newer_layout(self, libver):
        with pytest.raises(ValueError, match=r"layout of HDF5 1.8 or later; only the earlier one"):
            read_datasets(hdf5(lambda file: file.create_group("a"), libver=libver))

    def test_overlapping_arrays(self):
        def fill(file):
            file["a"] = np.arange(1000.0)
            file["b"] = np.arange(1000.0) + 1

        window = hdf5(fill)
        content = bytearray(window.read(0, window.size))
        offsets = [dataset.offset for dataset in read_datasets(window).values()]
        first, second = (offset.to_bytes(8, "little") for offset in offsets)
        start = content.index(second)
        content[start : start + 8] = first
        with pytest.raises(ValueError, match="arrays overlap at byte"):
            read_datasets(Window(io.BytesIO(content), "file.h5"))

    def test_shape_that_exceeds_the_file(self):
        window = hdf5(lambda file: file.create_dataset("a", data=np.ones((3, 5))))
        content = window.read(0, window.size)
        for size in (2**40, 2**63 - 1):
            sizes = (3).to_bytes(8, "little") + (5).to_bytes(8, "little")
            changed = content.replace(sizes, size.to_bytes(8, "little") * 2)
            assert changed != content
            with pytest.raises(ValueError, match=r"no array can have the shape|The file has"):
                read_datasets(Window(io.BytesIO(changed), "file.h5"))

    def test_not_an_hdf5_file(self):
        for content in (b"", b"\x89HDF", b"x" * 4000):
            with pytest.raises(ValueError, match=r"file.h5: it"):
                read_datasets(Window(io.BytesIO(content), "file.h5"))


def virtual():
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (3,))
    return layout


def shared_type(file):
    file["type"] = np.dtype("f4")
    file.create_dataset("a", (3,), dtype=file["type"], data=np.ones(3))


def hard_link(file):
    file["a"] = np.ones(3)
    file["b"] = file["a"]


class TestNpy:
    @pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
    def test_reads_what_numpy_writes(self, version):
        for array in (
            np.float32(3),
            np.arange(6, dtype=">f8").reshape(2, 3),
            np.asfortranarray(np.arange(24.0, dtype="f2").reshape(2, 3, 4)),
            np.zeros((0, 5), "i8"),
            np.arange(3, dtype="u1"),
        ):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), version)
            tensor = read_header(Window(buffer, "a.npy"))
            assert tensor.shape == np.shape(array)
            np.testing.assert_array_equal(tensor.read(np.asarray(array).dtype), array)

    @pytest.mark.parametrize(
        "header",
        [
            b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'),), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n",
            b"{'descr': '<f1', 'fortran_order': False, 'shape': (3,), }\n",
            b"{'descr': '<f4', 'fortran_order': 1, 'shape': (3,), }\n",
            b"{'descr': '<f4', 'shape': (3,), 'fortran_order': False}\n",
            b"(" * 500,
            b"",
        ],
    )
    def test_invalid_headers_are_rejected(self, header):
        content = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(12)
        with pytest.raises(ValueError, match=r"a.npy: "):
            read_header(Window(io.BytesIO(content), "a.npy"))

    def test_sizes(self):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n"
        start = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
        for count in (0, 11, 13):
            with pytest.raises(ValueError, match=f"need 12 bytes. It has {count}"):
                read_header(Window(io.BytesIO(start + bytes(count)), "a.npy"))
        for content in (b"", start[:7], start[:11], b"\x93NUMPY\2\0\xff\xff\xff\xff"):
            with pytest.raises(ValueError, match=r"a.npy: "):
                read_header(Window(io.BytesIO(content), "a.npy"))


def test_window_is_bounded():
    window = Window(io.BytesIO(b"0123456789"), "w", 2, 5)
    assert window.read(0, 5) == b"23456"
    for offset, size in ((0, 6), (5, 1), (-1, 2), (0, -1), (MAX_HEADER, 0), (0, 1 << 70)):
        with pytest.raises(ValueError, match="w: it should have"):
            window.read(offset, size)
    with pytest.raises(ValueError, match="was truncated"):
        Window(io.BytesIO(b"0123"), "w", 0, 8).read(2, 4)
    with pytest.raises(ValueError, match="was truncated"):
        Window(io.BytesIO(b"0123"), "w", 0, 8).read_array(0, np.empty(2, "f4"), "f4")
