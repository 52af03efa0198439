"""Step 4 of the search: downloads from a server on 127.0.0.1, with every kind of bad response."""

import contextlib
import dataclasses
import gzip
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from standins import CONTENTS, NAMES, ZIPPED, Mirror, damage, files_below, fill, load

from fastcnn.datasets import download, fetch


def test_download(dataset, cache, mirrors, capsys):
    mirrors[0].files = ZIPPED
    dataset = dataclasses.replace(dataset, mirrors=(mirrors[0].url,))
    assert load(dataset) == cache
    assert mirrors[0].asked == list(ZIPPED)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == CONTENTS
    output = capsys.readouterr()
    assert output.out == ""
    assert f"downloading fashion-mnist from {mirrors[0].url}" in output.err
    assert load(dataset) == cache
    assert len(mirrors[0].asked) == 4, "the second load must not download"


def test_offline_makes_no_requests(dataset, mirrors, monkeypatch, apt):
    mirrors[0].files = ZIPPED
    dataset = dataclasses.replace(dataset, mirrors=(mirrors[0].url,), debian_package="the-package")
    monkeypatch.setenv("FASTCNN_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="FASTCNN_OFFLINE is set") as caught:
        load(dataset)
    assert str(caught.value).count("not tried") == 2
    assert mirrors[0].asked == []
    assert apt() == []


@pytest.mark.parametrize("value", ["", "0"])
def test_offline_set_to_empty_or_zero_is_online(dataset, cache, mirrors, monkeypatch, value):
    mirrors[0].files = ZIPPED
    monkeypatch.setenv("FASTCNN_OFFLINE", value)
    assert load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,))) == cache


BAD_RESPONSES = {
    "missing": (None, "HTTP Error 404"),
    "html": (b"<html>not found</html>", r"expected \d+ bytes, found 22"),
    "truncated": (ZIPPED[NAMES[2] + ".gz"][:-9], "the gzipped data is damaged"),
    "shorter": (gzip.compress(CONTENTS[NAMES[2]][:-1]), r"expected \d+ bytes, found \d+"),
    "longer": (gzip.compress(CONTENTS[NAMES[2]] + b"x"), r"expected \d+ bytes, found more than"),
    "bomb": (gzip.compress(bytes(30 << 20)), r"expected \d+ bytes, found more than"),
    "another": (gzip.compress(bytes(len(CONTENTS[NAMES[2]]))), "expected SHA-256 .* found"),
    "endless": (bytes(2 << 20), r"expected at most \d+ bytes, found more"),
}


@pytest.mark.parametrize("kind", BAD_RESPONSES)
def test_bad_mirror_leaves_no_files_and_the_next_continues(dataset, cache, mirrors, kind, capsys):
    content, message = BAD_RESPONSES[kind]
    name = NAMES[2] + ".gz"
    mirrors[0].files = {key: value for key, value in ZIPPED.items() if key != name}
    if content is not None:
        mirrors[0].files[name] = content
    alone = dataclasses.replace(dataset, mirrors=(mirrors[0].url,))
    with pytest.raises(FileNotFoundError, match=f"{name}: .*{message}"):
        load(alone)
    assert files_below(cache) == NAMES[:2], "only complete, verified files may be there"
    mirrors[1].files = ZIPPED
    both = dataclasses.replace(dataset, mirrors=(mirrors[0].url, mirrors[1].url))
    assert load(both) == cache
    assert mirrors[0].asked == [*list(ZIPPED)[:3], name], "verified files are not fetched again"
    assert mirrors[1].asked == list(ZIPPED)[2:]
    assert files_below(cache) == sorted(NAMES)
    assert name in capsys.readouterr().err


def test_truncated_response(dataset, cache, mirrors):
    name = NAMES[0] + ".gz"
    mirrors[0].files = ZIPPED
    mirrors[0].promise[name] = len(ZIPPED[name]) + 1000
    message = f"{name}: expected {len(ZIPPED[name]) + 1000} bytes, found {len(ZIPPED[name])}"
    with pytest.raises(FileNotFoundError, match=message):
        load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,)))
    assert files_below(cache) == []


def test_unreachable_server(dataset, cache, mirrors):
    gone = Mirror()
    gone.close()
    mirrors[0].files = ZIPPED
    assert load(dataclasses.replace(dataset, mirrors=(gone.url, mirrors[0].url))) == cache


def test_failed_download_leaves_no_empty_folders(dataset, tmp_path, mirrors, monkeypatch):
    monkeypatch.setenv("FASTCNN_HOME", str(tmp_path / "new" / "home"))
    with pytest.raises(FileNotFoundError, match="HTTP Error 404"):
        load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,)))
    assert not (tmp_path / "new").exists()


def test_server_that_times_out(dataset, cache, mirrors, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    name = NAMES[0] + ".gz"
    mirrors[0].files = ZIPPED
    mirrors[1].files = ZIPPED

    class Silent(bytes):  # the handler waits for this before it responds
        def __len__(self):
            released.wait(5)
            return 0

    released = threading.Event()
    mirrors[0].files = ZIPPED | {name: Silent()}
    try:
        assert load(dataclasses.replace(dataset, mirrors=(mirrors[0].url, mirrors[1].url))) == cache
    finally:
        released.set()
    assert name in mirrors[1].asked
    assert "timed out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("opening", "step"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"x"),
        (b"", b"H"),
    ],
)
def test_server_that_trickles(dataset, cache, mirrors, monkeypatch, capsys, opening, step):
    monkeypatch.setattr(download, "PERIOD", 0.3)
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve():
        connection, _ = server.accept()
        with contextlib.suppress(OSError), connection:
            connection.recv(4096)
            connection.sendall(opening)
            while not stop.wait(0.02):
                connection.sendall(step)

    thread = threading.Thread(target=serve)
    thread.start()
    slow = f"http://127.0.0.1:{server.getsockname()[1]}/"
    mirrors[0].files = ZIPPED
    try:
        assert load(dataclasses.replace(dataset, mirrors=(slow, mirrors[0].url))) == cache
    finally:
        stop.set()
        thread.join()
        server.close()
    assert "the server is too slow" in capsys.readouterr().err


def test_slow_but_steady_server(dataset, cache, mirrors, monkeypatch):
    monkeypatch.setattr(download, "PERIOD", 0)
    monkeypatch.setattr(download, "MIN_SPEED", 1)
    mirrors[0].files = ZIPPED
    assert load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,))) == cache


def test_damaged_cache_is_repaired(dataset, cache, mirrors):
    damage(fill(cache), NAMES[1])
    mirrors[0].files = ZIPPED
    with pytest.warns(UserWarning, match=NAMES[1]):
        load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,)))
    assert mirrors[0].asked == [NAMES[1] + ".gz"]


def test_leftovers_of_killed_processes_are_removed(dataset, cache, mirrors):
    old, young = cache / ".fetch-old", cache / ".fetch-young"
    for folder in (old, young):
        fill(folder, {"part": b"x"})
    os.utime(old, (1e9, 1e9))
    mirrors[0].files = ZIPPED
    load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,)))
    assert not old.exists()
    assert young.exists(), "another process may be using it"


def test_cache_that_cannot_be_written(dataset, tmp_path, mirrors, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FASTCNN_HOME", str(tmp_path / "file"))
    with pytest.raises(FileNotFoundError, match=r"fetching into fastcnn's cache: .*file"):
        load(dataclasses.replace(dataset, mirrors=(mirrors[0].url,)))
    assert mirrors[0].asked == []


def test_concurrent_downloads(dataset, cache, mirrors):
    mirrors[0].files = ZIPPED
    dataset = dataclasses.replace(dataset, mirrors=(mirrors[0].url,))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: load(dataset), range(8))) == {cache}
    assert files_below(cache) == sorted(NAMES)
