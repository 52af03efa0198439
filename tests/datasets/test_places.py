"""Steps 1 to 3 of the search: local folders, their order, and warnings about bad ones."""

import dataclasses
import hashlib

import pytest
from standins import CONTENTS, NAMES, ZIPPED, damage, fill, load

from fastcnn.datasets import fetch


@pytest.mark.parametrize("files", [CONTENTS, ZIPPED], ids=["plain", "gzipped"])
@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("FASTCNN_DATA", "mine", "mine"),
        ("FASTCNN_DATA", "mine", "mine/fashion-mnist"),
        ("FASTCNN_HOME", "own", "own/fashion-mnist"),
        ("XDG_CACHE_HOME", "xdg", "xdg/fastcnn/fashion-mnist"),
        (None, None, "home/.cache/fastcnn/fashion-mnist"),
        ("KERAS_HOME", "keras", "keras/datasets/fashion-mnist"),
        (None, None, "home/.keras/datasets/fashion-mnist"),
        (None, None, "work/data/FashionMNIST/raw"),
        (None, None, "debian"),
    ],
)
def test_each_location(dataset, tmp_path, monkeypatch, variable, value, folder, files):
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / value))
    fill(tmp_path / folder, files)
    assert load(dataset).samefile(tmp_path / folder)


@pytest.mark.parametrize("folder", ["given", "given/fashion-mnist"])
def test_path_argument(dataset, tmp_path, folder):
    fill(tmp_path / folder, ZIPPED)
    assert load(dataset, tmp_path / "given") == load(dataset, str(tmp_path / "given"))


def test_order_of_locations(dataset, tmp_path, cache, monkeypatch):
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "variable"))
    folders = [
        fill(tmp_path / "argument"),
        fill(tmp_path / "variable"),
        fill(cache),
        fill(tmp_path / "home/.keras/datasets/fashion-mnist"),
        fill(tmp_path / "work/data/FashionMNIST/raw"),
        fill(tmp_path / "debian"),
    ]
    for index, folder in enumerate(folders):
        if index == 2:
            monkeypatch.delenv("FASTCNN_DATA")
        argument = tmp_path / "argument" if index == 0 else None
        assert load(dataset, argument).samefile(folder)
        for path in folder.iterdir():
            path.unlink()


def test_home_overrides_xdg(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("FASTCNN_HOME", str(tmp_path / "own"))
    fill(tmp_path / "xdg/fastcnn/fashion-mnist")
    with pytest.raises(FileNotFoundError):
        load(dataset)


def test_incomplete_set_is_skipped(dataset, tmp_path, cache):
    fill(cache)
    (cache / NAMES[3]).unlink()
    assert load(dataset, fill(tmp_path / "argument")).name == "argument"
    with pytest.raises(FileNotFoundError, match=f"{cache} does not contain {NAMES[3]}."):
        load(dataset)


def test_truncated_file_is_reported_and_skipped(dataset, tmp_path, cache):
    path = damage(fill(tmp_path / "argument"))
    size = len(CONTENTS[NAMES[0]])
    fill(cache)
    with pytest.warns(UserWarning, match=f"{path}.* {size} bytes.* {size - 100}") as caught:
        assert load(dataset, tmp_path / "argument") == cache
    assert len(caught) == 1


def test_wrong_file_is_reported_with_both_hashes(dataset, cache):
    content = bytearray(CONTENTS[NAMES[1]])
    content[-1] ^= 1
    fill(cache)
    (cache / NAMES[1]).write_bytes(content)
    expected, found = (hashlib.sha256(data).hexdigest() for data in (CONTENTS[NAMES[1]], content))
    message = f"{NAMES[1]}: expected SHA-256 {expected}, found {found}"
    with pytest.warns(UserWarning, match=message), pytest.raises(FileNotFoundError, match=message):
        load(dataset)


def test_valid_gzipped_file_next_to_a_damaged_plain_one(dataset, cache):
    fill(cache, ZIPPED | CONTENTS)
    damage(cache)
    assert load(dataset) == cache


def test_warning_about_a_requested_folder_without_the_set(dataset, tmp_path, cache, monkeypatch):
    fill(cache)
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "nothing"))
    with pytest.warns(UserWarning, match="FASTCNN_DATA: there is no folder .*nothing"):
        load(dataset)


@pytest.mark.parametrize("path", [3, b"folder", ["folder"]])
def test_path_of_the_wrong_type(dataset, path):
    with pytest.raises(TypeError, match=r"argument `path` must be a folder. Received path="):
        fetch.load(dataset, path)


def test_error_lists_every_location_and_reason(dataset, tmp_path, cache, mirrors, monkeypatch):
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path / "variable"))
    damage(fill(cache))
    mirrors[1].files = ZIPPED | {NAMES[0] + ".gz": b"<html>"}
    dataset = dataclasses.replace(
        dataset, mirrors=tuple(mirror.url for mirror in mirrors), debian_package="the-package"
    )
    with (
        pytest.warns(UserWarning, match="Continuing the search"),
        pytest.raises(FileNotFoundError) as caught,
    ):
        fetch.load(dataset, tmp_path / "argument")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("The data set fashion-mnist was not found.")
    expected = [
        ("path=", f"no folder {tmp_path / 'argument'}"),
        ("FASTCNN_DATA", f"no folder {tmp_path / 'variable'}"),
        ("fastcnn's cache", f"{cache / NAMES[0]}: the header declares"),
        ("Keras", "no folder"),
        ("torchvision", "no folder"),
        ("Debian", "no folder"),
        (mirrors[0].url, "404"),
        (mirrors[1].url, f"{NAMES[0]}.gz: expected"),
        ("the-package", "no apt-get"),
    ]
    assert len(lines) == 1 + len(expected)
    for index, (line, (location, reason)) in enumerate(zip(lines[1:], expected, strict=True), 1):
        label, _, message = line.partition(": ")
        assert label.startswith(f"  {index}. ")
        assert location in label
        assert reason in message
