"""`utils.get_file`: downloads, hashes and archives, also hostile ones."""

import hashlib
import http.server
import io
import os
import random
import stat
import tarfile
import threading
import zipfile

import pytest

from fastcnn.utils import get_file

CONTENT = b"content" * 1000
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FASTCNN_OFFLINE", raising=False)
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def server():
    files, asked = {"/data/file.bin": CONTENT}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path not in files:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.url, server.files, server.asked = f"http://127.0.0.1:{server.server_port}", files, asked
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def found_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_downloaded_once(server, cache, capsys):
    url = f"{server.url}/data/file.bin"
    for _ in range(2):
        path = get_file(origin=url, file_hash=SHA256)
        assert path == str(cache / "file.bin")
        assert read(path) == CONTENT
    assert server.asked == ["/data/file.bin"]
    assert capsys.readouterr().out == f"Downloading data from {url}\n"
    assert get_file("other.bin", url, md5_hash=MD5, cache_subdir="mine").endswith("mine/other.bin")
    get_file(origin=url, force_download=True)
    assert len(server.asked) == 3
    assert found_in(cache) == ["file.bin"]


def test_damaged_file_in_the_cache_is_replaced(server, cache, capsys):
    url = f"{server.url}/data/file.bin"
    (cache / "file.bin").parent.mkdir(parents=True)
    (cache / "file.bin").write_bytes(CONTENT[:-1])
    assert get_file(origin=url) == str(cache / "file.bin")
    assert server.asked == []  # without a hash, what is there is taken
    assert read(get_file(origin=url, file_hash=MD5.upper())) == CONTENT
    assert "is not the expected file" in capsys.readouterr().out


def test_wrong_content_is_not_kept(server, cache):
    url = f"{server.url}/data/file.bin"
    get_file(origin=url)
    server.files["/data/file.bin"] = b"other"
    with pytest.raises(ValueError, match=r"not the expected file: its sha256 hash is [0-9a-f]{64}"):
        get_file(origin=url, file_hash=SHA256, force_download=True)
    assert read(cache / "file.bin") == CONTENT
    with pytest.raises(OSError, match=r"missing\.bin: HTTP Error 404"):
        get_file(origin=f"{server.url}/missing.bin")
    assert found_in(cache) == ["file.bin"]


def test_without_network(monkeypatch, tmp_path, cache):
    monkeypatch.setenv("FASTCNN_OFFLINE", "1")
    with pytest.raises(OSError, match="is not downloaded, because FASTCNN_OFFLINE is set"):
        get_file(origin="https://127.0.0.1/file.bin")
    (tmp_path / "local file").write_bytes(CONTENT)
    origin = (tmp_path / "local file").as_uri()
    assert read(get_file("here", origin, file_hash=SHA256)) == CONTENT
    monkeypatch.delenv("FASTCNN_OFFLINE")
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:1/x: .*refused"):
        get_file(origin="http://127.0.0.1:1/x")
    assert found_in(cache) == ["here"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`origin` must be a URL"),
        ({"origin": "ftp://127.0.0.1/x"}, "an http, https or file URL"),
        ({"origin": "http://127.0.0.1/"}, "`fname` must be the name of a file"),
        ({"origin": "http://127.0.0.1/.."}, "`fname` must be the name of a file"),
        ({"origin": "file:///x", "fname": "a/b"}, "`fname` must be the name of a file"),
        ({"origin": "file:///x", "file_hash": "abc"}, "`file_hash` must be a SHA-256"),
        ({"origin": "file:///x", "hash_algorithm": "sha1"}, "`hash_algorithm` must be"),
        ({"origin": "file:///x", "archive_format": "rar"}, "`archive_format` must be"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        get_file(**arguments)


# ----------------------------------------------------------------------------------------- archives


def tar(*members, mode="w:gz"):
    """A tar file; a member is (name, content), or (name, link target, type)."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, data, *kind in members:
            member = tarfile.TarInfo(name)
            if kind:
                member.type, member.linkname = kind[0], data
                archive.addfile(member)
            else:
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def zipped(*members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return content.getvalue()


FILES = (("flowers/rose/1.jpg", b"one"), ("flowers/tulip/2.jpg", b"two"))


def extracted(tmp_path, content, name="flowers.tgz", **settings):
    (tmp_path / name).write_bytes(content)
    return get_file(origin=(tmp_path / name).as_uri(), extract=True, **settings)


@pytest.mark.parametrize("content", [tar(*FILES), tar(*FILES, mode="w"), zipped(*FILES)])
def test_archives(tmp_path, cache, content):
    folder = extracted(tmp_path, content)
    assert folder == str(cache / "flowers.tgz")  # as in Keras
    assert read(cache / "flowers.tgz/flowers/rose/1.jpg") == b"one"
    assert found_in(cache) == [
        "flowers.tgz/flowers/rose/1.jpg",
        "flowers.tgz/flowers/tulip/2.jpg",
        "flowers.tgz_archive",
    ]
    os.remove(cache / "flowers.tgz/flowers/rose/1.jpg")
    assert extracted(tmp_path, content, force_download=True) == folder
    assert len(found_in(cache)) == 3
    assert extracted(tmp_path, content, fname="named") == str(cache / "named")
    assert extracted(tmp_path, content, fname="a.tgz") == str(cache / "a_extracted")


def test_links_inside_of_the_archive(tmp_path, cache):
    links = (("flowers/first", "rose/1.jpg", tarfile.SYMTYPE),
             ("flowers/hard", "flowers/rose/1.jpg", tarfile.LNKTYPE))  # fmt: skip
    folder = extracted(tmp_path, tar(*FILES, *links))
    assert read(f"{folder}/flowers/first") == read(f"{folder}/flowers/hard") == b"one"


def test_last_member_of_a_name_counts(tmp_path, cache):
    link = ("flowers/first", "rose/1.jpg", tarfile.SYMTYPE)
    folder = extracted(tmp_path, tar(*FILES, link, link))
    assert read(f"{folder}/flowers/first") == b"one"
    folder = extracted(tmp_path, tar(*FILES, link, ("flowers/first", b"file")), "file.tgz")
    assert read(f"{folder}/flowers/first") == b"file"
    folder = extracted(tmp_path, tar(*FILES, ("flowers/first", b"file"), link), "link.tgz")
    assert read(f"{folder}/flowers/first") == b"one"


DAMAGED = {
    "checksum": bytearray(tar(*FILES)),
    "xz": bytearray(tar(("random", random.Random(1).randbytes(100_000)), mode="w:xz")),
    "file and folder": tar(("a", b"x"), ("a/b", b"x")),
    "folder and file": tar(("a/b", b"x"), ("a", b"x")),
    "folder and link": tar(("a/b", b"x"), ("a", "c", tarfile.SYMTYPE)),
    "zip file and folder": zipped(("a", b"x"), ("a/b", b"x")),
}
DAMAGED["checksum"][-8] ^= 1
DAMAGED["xz"][len(DAMAGED["xz"]) // 2] ^= 1


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_archives(tmp_path, cache, name):
    with pytest.raises(ValueError, match=r"archive_archive: .*(damaged|have the same path): ."):
        extracted(tmp_path, DAMAGED[name], "archive")
    assert found_in(cache) == ["archive_archive"]


HOSTILE = {
    "parent": tar(("../evil", b"x")),
    "deep parent": tar(("a/../../evil", b"x")),
    "absolute": tar(("/tmp/fastcnn-evil", b"x")),
    "link out": tar(("link", "../..", tarfile.SYMTYPE)),
    "absolute link": tar(("link", "/etc/passwd", tarfile.SYMTYPE)),
    "through a link": tar(("d", "..", tarfile.SYMTYPE), ("d/evil", b"x")),
    "link through a link": tar(("d", "../..", tarfile.SYMTYPE), ("d/evil", "x", tarfile.SYMTYPE)),
    "link of links": tar(
        ("a/b/up", "../..", tarfile.SYMTYPE), ("out", "a/b/up/../..", tarfile.SYMTYPE)
    ),
    "hard link": tar(("hard", "/etc/passwd", tarfile.LNKTYPE)),
    "device": tar(("null", "", tarfile.CHRTYPE)),
    "pipe": tar(("pipe", "", tarfile.FIFOTYPE)),
    "zip parent": zipped(("../evil", b"x")),
    "zip absolute": zipped(("/evil", b"x")),
    "truncated": tar(*FILES)[:-40],
    "truncated zip": zipped(*FILES)[:40] + zipped(*FILES)[60:],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(tmp_path, cache, name):
    before = found_in(tmp_path)
    with pytest.raises((ValueError, OSError), match=r"."):
        extracted(tmp_path, HOSTILE[name], "hostile")
    assert not (cache / "hostile").exists()
    assert set(found_in(tmp_path)) - set(before) == {"hostile", "keras/datasets/hostile_archive"}
    assert not os.path.exists("/tmp/fastcnn-evil")


def test_files_are_not_executable_and_other_files_are_no_archives(tmp_path, cache):
    folder = extracted(tmp_path, tar(*FILES))
    assert not os.stat(f"{folder}/flowers/rose/1.jpg").st_mode & stat.S_IXUSR
    with pytest.warns(UserWarning, match="it is not an archive of"):
        extracted(tmp_path, b"text", "text")
