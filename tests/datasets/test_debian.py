"""Step 5 of the search: the distribution's package, with stand-ins for apt-get and dpkg-deb."""

import dataclasses
import sys
from pathlib import Path

import pytest
from standins import CONTENTS, NAMES, ZIPPED, files_below, load, pack

from fastcnn.datasets import debian


def test_debian_package(packaged, cache, apt, capsys, tmp_path):
    assert load(packaged) == cache
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == CONTENTS
    output = capsys.readouterr()
    assert output.out == ""
    assert "fetching the system's package the-package with apt-get" in output.err
    update, download = apt()
    assert update[-2] == "update"
    assert download[-3:-1] == ["download", "the-package"]
    for command in (update, download):
        options = dict(option.split("=") for option in command if "=" in option)
        private = Path(command[-1])  # the folder it ran in
        assert private.parent == cache
        assert Path(options["Dir::State::Lists"]).parent == private
        assert Path(options["Dir::Cache"]).parent == private
        assert not private.exists()
    assert files_below(tmp_path / "home") == sorted(
        f".cache/fastcnn/fashion-mnist/{name}" for name in NAMES
    )


def test_debian_package_into_a_relative_cache(packaged, apt, monkeypatch):
    monkeypatch.setenv("FASTCNN_HOME", "some folder")
    assert load(packaged).samefile("some folder/fashion-mnist")


def test_mirrors_take_precedence_over_debian(packaged, cache, mirrors, apt):
    mirrors[0].files = ZIPPED
    assert load(dataclasses.replace(packaged, mirrors=(mirrors[0].url,))) == cache
    assert apt() == []


def test_failed_update_is_not_fatal(packaged, cache, apt, tmp_path):
    """Some source may be unreachable, but not the one that has the package."""
    (tmp_path / "bin" / "update.fails").write_text("a source did not answer")
    assert load(packaged) == cache


def test_package_that_cannot_be_downloaded(packaged, cache, apt, tmp_path):
    (tmp_path / "bin" / "download.fails").write_text("Unable to locate package the-package")
    (tmp_path / "bin" / "update.fails").write_text("no network")
    message = "apt-get download the-package failed: E: Unable to locate package.* E: no network"
    with pytest.raises(FileNotFoundError, match=message):
        load(packaged)
    assert files_below(cache) == []


def test_package_that_does_not_unpack(packaged, apt, tmp_path):
    (tmp_path / "bin" / "package").write_bytes(b"not an archive")
    with pytest.raises(FileNotFoundError, match=r"dpkg-deb -x failed: .*ReadError"):
        load(packaged)


def test_package_with_other_files(packaged, cache, apt, tmp_path):
    pack(tmp_path, {name: content for name, content in ZIPPED.items() if "t10k" in name})
    with pytest.raises(FileNotFoundError, match=f"the package has no {NAMES[0]}"):
        load(packaged)
    pack(tmp_path, ZIPPED | {NAMES[3] + ".gz": ZIPPED[NAMES[1] + ".gz"]})
    with pytest.raises(FileNotFoundError, match=rf"{NAMES[3]}.gz: expected 28 bytes, found more"):
        load(packaged)
    assert files_below(cache) == sorted(NAMES[:3])


def test_apt_get_that_hangs(packaged, apt, monkeypatch, tmp_path):
    monkeypatch.setattr(debian, "TIMEOUT", 0.3)
    script = tmp_path / "bin" / "apt-get"
    script.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(20)\n")
    with pytest.raises(FileNotFoundError, match=r"apt-get did not finish within 0.3 seconds"):
        load(packaged)
