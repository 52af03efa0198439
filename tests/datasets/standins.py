"""Stand-ins for the sources of data sets, and a small set to put there."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np

from fastcnn.datasets import fashion_mnist, fetch
from fastcnn.datasets.idx import idx_header

NAMES = [file.name for file in fashion_mnist.DATASET.files]
SHAPES = [(60, 28, 28), (60,), (20, 28, 28), (20,)]
CONTENTS = {
    name: idx_header(array) + array.tobytes()
    for name, array in (
        (name, np.random.default_rng(size).integers(0, 10, shape, np.uint8))
        for size, (name, shape) in enumerate(zip(NAMES, SHAPES, strict=True))
    )
}
ZIPPED = {name + ".gz": gzip.compress(content) for name, content in CONTENTS.items()}


def data_file(name, content, **others):
    return fetch.DataFile(name, len(content), hashlib.sha256(content).hexdigest(), **others)


def fill(folder, files=CONTENTS):
    """Write the set, or the given files, to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def damage(folder, name=NAMES[0]):
    """Truncate one file."""
    path = folder / name
    path.write_bytes(path.read_bytes()[:-100])
    return path


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def load(dataset, path=None):
    """Load the set, compare it with what was written, and return the folder it was read from."""
    folders = set()

    def read(path, file):
        array = dataset.read(path, file)
        folders.add(path.parent)
        return array

    arrays = fetch.load(dataclasses.replace(dataset, read=read), path)
    assert list(arrays) == NAMES
    for array, shape, content in zip(arrays.values(), SHAPES, CONTENTS.values(), strict=True):
        assert array.shape == shape
        assert idx_header(array) + array.tobytes() == content
    assert len(folders) == 1
    return folders.pop()


class Mirror:
    """A web server on 127.0.0.1 that serves `files` and records the requests."""

    def __init__(self):
        self.files, self.asked, self.promise = {}, [], {}
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rpartition("/")[2]
                mirror.asked.append(name)
                if name not in mirror.files:
                    self.send_error(404)
                    return
                content = mirror.files[name]
                self.send_response(200)
                self.send_header("Content-Length", mirror.promise.get(name, len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # a client may close the connection early

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/data/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


APT_GET = """#!{python}
import pathlib, shutil, sys
here = pathlib.Path(__file__).parent
with open(here / "log", "a") as log:
    print(*sys.argv, pathlib.Path.cwd(), sep="\\t", file=log)
command = "download" if "download" in sys.argv else "update"
if (here / (command + ".fails")).exists():
    pathlib.Path(sys.argv[-1] + "_1.0_all.deb").write_text("partial")
    print("E: " + (here / (command + ".fails")).read_text())
    sys.exit(100)
if command == "download":
    shutil.copy(here / "package", sys.argv[-1] + "_1.0_all.deb")
"""
DPKG_DEB = """#!{python}
import pathlib, sys, tarfile
option, archive, folder = sys.argv[1:]
assert option == "-x"
with tarfile.open(archive) as package:
    if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
        package.extractall(folder, filter="data")
    else:
        package.extractall(folder)
"""


def pack(tmp_path, files):
    with tarfile.open(tmp_path / "bin" / "package", "w") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./usr/share/datasets/fashion-mnist/{name}")
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
