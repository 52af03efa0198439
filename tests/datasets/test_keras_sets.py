"""Texts, houses, CIFAR-100 and sets that users bring; the reader of lists and hostile files."""

import dataclasses
import gzip
import io
import json
import pickle
import struct
import tarfile
import time

import numpy as np
import pytest
from keras_sets import CALLS, CONTENTS, NEWS, RECORDS, X_TRAIN, npz, plain
from standins import data_file, fill

from fastcnn.datasets import (
    boston_housing,
    california_housing,
    cifar100,
    emnist,
    imdb,
    kmnist,
    reuters,
)
from fastcnn.datasets.idx import idx_header
from fastcnn.datasets.lists import parse_lists, read_lists

MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (boston_housing, california_housing, imdb, reuters)
}


def use(module, monkeypatch, content, dataset="DATASET"):
    """Let a module expect `content`; return the name of its file."""
    pinned = getattr(module, dataset)
    file = data_file(pinned.files[0].name, content, aliases=pinned.files[0].aliases)
    monkeypatch.setattr(module, dataset, dataclasses.replace(pinned, files=(file,)))
    return file.name


@pytest.mark.parametrize("index", range(len(CALLS)))
def test_results_are_those_of_keras(index, tmp_path, monkeypatch):
    name, settings = CALLS[index]
    file = use(MODULES[name], monkeypatch, CONTENTS[name])
    fill(tmp_path / "home/.keras/datasets", {file: CONTENTS[name]})
    found = plain(MODULES[name].load_data(**settings))
    assert found == json.loads(RECORDS.read_text("utf-8"))[index]


@pytest.mark.parametrize("given", ["folder", "path", "name"])
def test_paths(given, tmp_path, monkeypatch):
    file = use(reuters, monkeypatch, CONTENTS["reuters"])
    folder = tmp_path / ("home/.keras/datasets" if given == "name" else "mine")
    name = file if given == "folder" else "other.npz"
    fill(folder, {name: CONTENTS["reuters"]})
    path = {"folder": folder, "path": str(folder / name), "name": name}[given]
    (x_train, _), (x_test, _) = reuters.load_data(path)
    assert len(x_train) + len(x_test) == len(NEWS)


def test_word_indices(tmp_path, monkeypatch):
    words = {"the": 1, "film": 2, "é": 3}
    for module in (imdb, reuters):
        content = json.dumps(words).encode()
        file = use(module, monkeypatch, content, "WORDS")
        fill(tmp_path / "mine", {file: content})
        assert module.get_word_index(tmp_path / "mine") == words
    assert len(imdb.WORDS.files[0].sha256) == 64
    names = reuters.get_label_names()
    assert (len(names), names[0], names[3], names[-1]) == (46, "cocoa", "earn", "lead")


def test_md5_where_keras_publishes_only_that(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCNN_OFFLINE", "1")
    file = imdb.WORDS.files[0]
    fill(tmp_path / "mine", {file.name: b"x" * file.size})
    with (
        pytest.warns(UserWarning, match="expected MD5 bfafd718b763782e994055a2d397834f, found"),
        pytest.raises(FileNotFoundError, match="FASTCNN_OFFLINE is set"),
    ):
        imdb.get_word_index(tmp_path / "mine")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: imdb.load_data(maxlen=1), "No review is shorter than maxlen=1"),
        (lambda: boston_housing.load_data(test_split=1.0), "`test_split` must be at least 0"),
        (lambda: california_housing.load_data("medium"), '`version` must be "small" or "large"'),
        (lambda: cifar100.load_data("medium"), '`label_mode` must be "fine" or "coarse"'),
        (lambda: emnist.load_data(split="all"), "`split` must be one of"),
    ],
)
def test_errors(call, message, tmp_path, monkeypatch):
    for name, module in MODULES.items():
        file = use(module, monkeypatch, CONTENTS[name])
        fill(tmp_path / "home/.keras/datasets", {file: CONTENTS[name]})
    with pytest.raises(ValueError, match=message):
        call()


# -------------------------------------------------------------------------------- lists of integers

LISTS = [[], [0], [1, 255, 256, 65535, 65536, 2**31 - 1, -1, -(2**31)], [40, 75, 101], [2**40]]


def objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def python2(lists):
    """The pickle as NumPy wrote it under Python 2, protocol 2, with text instead of bytes."""

    def integer(value):
        if 0 <= value < 256:
            return b"K" + struct.pack("B", value)
        return (
            b"M" + struct.pack("<H", value)
            if 0 <= value < 65536
            else b"J" + struct.pack("<i", value)
        )

    def one(items, index):
        values = b"".join(map(integer, items))
        end = b"" if not items else values + b"a" if len(items) == 1 else b"(" + values + b"e"
        return b"]r" + struct.pack("<I", index) + end

    entries = b"".join(one(items, 300 + index) for index, items in enumerate(lists))
    return b"".join(
        [
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85q\x03",
            b"U\x01bq\x04\x87q\x05Rq\x06(K\x01" + integer(len(lists)) + b"\x85q\x07",
            b"cnumpy\ndtype\nq\x08U\x02O8q\tK\x00K\x01\x87q\nRq\x0b(K\x03U\x01|q\x0cNNN",
            b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\rb\x89]q\x0e(" + entries + b"etq\x0fb.",
        ]
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_all_protocols(protocol):
    for lists in (LISTS, [], [list(range(3000))], X_TRAIN.tolist()):
        assert parse_lists(pickle.dumps(objects(lists), protocol)) == lists


def test_pickles_of_python_2():
    lists = [items for items in LISTS if items != [2**40]] * 3
    assert pickle.loads(python2(lists), encoding="latin1").tolist() == lists
    assert parse_lists(python2(lists)) == lists


def test_millions_of_integers_take_seconds_at_most():
    lists = np.random.default_rng(0).integers(1, 90000, (500, 1000)).tolist()
    data = pickle.dumps(objects(lists), 2)
    begin = time.process_time()
    assert parse_lists(data) == lists
    assert time.process_time() - begin < 3


class Evil:
    def __reduce__(self):
        return print, ("evil",)


def shared(count):
    one = list(range(1000))
    return objects([one] * count)


HOSTILE = {
    "call": pickle.dumps(objects([Evil()]), 2),
    "call in a list": pickle.dumps(objects([[Evil()]]), 4),
    "evil alone": pickle.dumps(Evil(), 2),
    "system": b"\x80\x02cos\nsystem\nU\x04true\x85R.",
    "builtins": b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
    "old text": b"cos\nsystem\n(S'true'\ntR.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0elib.npyio.load\x93.",
    "other name of numpy": b"\x80\x02cnumpy\nload\nU\x01x\x85R.",
    "text": pickle.dumps(objects([["text"]]), 2),
    "booleans": pickle.dumps(objects([[True]]), 2),
    "floats": pickle.dumps(objects([[1.0]]), 2),
    "nested lists": pickle.dumps(objects([[[1]]]), 2),
    "tuples": pickle.dumps(objects([(1, 2)]), 2),
    "numbers": pickle.dumps(objects([1, 2]), 2),
    "dictionary": pickle.dumps({}, 2),
    "list": pickle.dumps([[1]], 2),
    "two axes": pickle.dumps(objects([[1], [2]]).reshape(2, 1), 2),
    "not objects": pickle.dumps(np.arange(3), 2),
    "shared lists": pickle.dumps(shared(2000), 2),
    "huge integer": pickle.dumps(objects([[2**100]]), 2),
    "huge string": b"\x80\x02X\xff\xff\xff\xffabc.",
    "itself": b"\x80\x02]q\x00h\x00a.",
    "no stack": b"\x80\x02.",
    "no mark": b"\x80\x02]e.",
    "below the mark": b"\x80\x02](aK\x01e.",
    "no memo": b"\x80\x02h\x05.",
    "append to a number": b"\x80\x02K\x01K\x01a.",
    "build a list": b"\x80\x02]K\x01b.",
    "build twice": b"\x80\x02cnumpy\ndtype\nU\x02O8K\x00K\x01\x87RK\x01bK\x01b.",
    "persistent": b"\x80\x02U\x01xQ.",
    "instance": b"(ios\nsystem\n.",
    "new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "extension": b"\x80\x02\x82\x01.",
    "after the end": pickle.dumps(objects([[1]]), 2) + b".",
    "nothing": b"",
    "deep": b"\x80\x02K\x01" + b"\x85" * 20000 + b".",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name, capsys):
    with pytest.raises(ValueError, match=r"\w"):
        parse_lists(HOSTILE[name])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles_damaged_at_every_byte(protocol):
    whole = pickle.dumps(objects([[1, 300], [70000], []]), protocol)
    for index in range(len(whole)):
        for data in (
            whole[:index],
            whole[:index] + bytes([whole[index] ^ 0x41]) + whole[index + 1 :],
        ):
            try:
                lists = parse_lists(data)
            except ValueError:
                continue
            assert all(type(value) is int for items in lists for value in items)


def test_files_that_do_not_contain_lists(tmp_path):
    path = tmp_path / "file.npz"
    for content, message in (
        (b"PK", "not a zip file"),
        (npz(x=np.arange(3)), "expected one axis of objects"),
        (npz(y=objects([[1]])), "no item named"),
        (npz(x=objects([[1.0]])), "contains the instruction b'G'"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_lists(path, "x")


# ------------------------------------------------------------------------------- CIFAR-100 and IDX


def cifar_part(images, fine, coarse):
    """One member of the archive, as Python 2 wrote it: thousands of memoized names come first."""

    def text(value):
        return b"U" + bytes([len(value)]) + value + b"q\x02"

    def labels(values):
        chunks = [values[begin : begin + 7] for begin in range(0, len(values), 7)]
        return b"]r\x00\x01\x00\x00" + b"".join(
            b"(" + b"".join(b"K" + bytes([value]) for value in chunk) + b"e" for chunk in chunks
        )

    pixels = images.transpose(0, 3, 1, 2).tobytes()
    return b"".join(
        [
            b"\x80\x02}q\x01(" + text(b"filenames") + b"]q\x03(" + text(b"a.png") * 3 + b"e",
            text(b"batch_label") + text(b"training batch 1 of 1"),
            text(b"fine_labels")[:-2] + b"r\xff\x00\x00\x00" + labels(fine),
            text(b"coarse_labels")[:-2] + b"r\xff\x00\x00\x00" + labels(coarse),
            text(b"data") + b"T" + struct.pack("<i", len(pixels)) + pixels + b"u.",
        ]
    )


@pytest.mark.parametrize("keras", [False, True])
def test_cifar100(tmp_path, monkeypatch, keras):
    rng, parts, content = np.random.default_rng(0), {}, io.BytesIO()
    monkeypatch.setattr(cifar100, "COUNTS", {"train": 100, "test": 20})
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, count in cifar100.COUNTS.items():
            images = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
            fine = rng.permutation(count).astype(np.uint8)  # all labels, also `(`, `K` and `e`
            coarse = (fine // 5).astype(np.uint8)
            parts[name] = images, fine, coarse
            data = cifar_part(images, fine, coarse)
            member = tarfile.TarInfo(f"cifar-100-python/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    file = use(cifar100, monkeypatch, content.getvalue())
    if keras:
        fill(
            tmp_path / "home/.keras/datasets",
            {"cifar-100-python-target_archive": content.getvalue()},
        )
    else:
        fill(tmp_path / "work/data", {file: content.getvalue()})
    for mode, column in (("fine", 1), ("coarse", 2)):
        for (x, y), wanted in zip(cifar100.load_data(mode), parts.values(), strict=True):
            np.testing.assert_array_equal(x, wanted[0])
            np.testing.assert_array_equal(y, wanted[column][:, None])
            assert x.dtype == y.dtype == np.uint8


def idx(array):
    return idx_header(array) + array.tobytes()


def test_sets_that_users_bring(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5, 28, 28), np.uint8)
    y = rng.integers(0, 10, 5, np.uint8)
    names = list(kmnist.FILES)
    contents = dict(zip(names, map(idx, (x, y, x[:2], y[:2])), strict=True))
    fill(tmp_path / "mine", {f"{name}.gz": gzip.compress(data) for name, data in contents.items()})
    (x_train, y_train), (x_test, y_test) = kmnist.load_data(tmp_path / "mine")
    np.testing.assert_array_equal(x_train, x)
    np.testing.assert_array_equal(y_train, y)
    assert (len(x_test), len(y_test)) == (2, 2)
    emnist_names = [
        f"emnist-letters-{part}-{kind}-ubyte"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]
    fill(tmp_path / "data/emnist", dict(zip(emnist_names, contents.values(), strict=True)))
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "data"))
    (x_train, _), _ = emnist.load_data(split="letters")
    np.testing.assert_array_equal(x_train, x.transpose(0, 2, 1))
    message = r"no mirror to download it from.*\n  1\. .*data"
    with pytest.raises(FileNotFoundError, match=message):
        emnist.load_data(split="digits")
    fill(tmp_path / "mine", {names[1]: idx(y[:3])})
    with pytest.raises(ValueError, match="expected uint8 images and one label for each"):
        kmnist.load_data(tmp_path / "mine")
