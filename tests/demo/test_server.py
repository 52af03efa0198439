"""The server of the page: what it answers, and whom it does not answer."""

import base64
import contextlib
import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastcnn import fashion
from fastcnn.datasets.fashion_mnist import CLASS_NAMES
from fastcnn.demo import server as server_module
from fastcnn.demo.server import BYTES, HEADERS, Server

Image = pytest.importorskip("PIL.Image")

PATHS = ("/", "/style.css", "/drawing.js", "/layers.js", "/looking.js", "/pictures.js")


def encoded(image, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def ask(server, method="GET", path="/", body=None, **headers):
    """(status, headers, content) of an answer; the own page's headers unless others are given."""
    own = {"Host": f"127.0.0.1:{server.server_port}"}
    if method == "POST":
        own |= {"Origin": f"http://127.0.0.1:{server.server_port}", "Content-Type": "image/png"}
        own |= {"Content-Length": str(len(body or b""))}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in own.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    connection.putheader(name, one)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def send(server, data, timeout=20):
    """The bytes that a server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


# ------------------------------------------------------------------------------------- the page


@pytest.mark.parametrize("path", PATHS)
def test_page(server, path):
    status, headers, content = ask(server, path=path)
    assert status == 200
    kind = {"/": "text/html"}.get(path, "text/css" if path.endswith("css") else "text/javascript")
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert int(headers["Content-Length"]) == len(content)
    for name, value in HEADERS.items():
        assert headers[name] == value
    assert headers["Server"] == "fastcnn"
    assert "Access-Control-Allow-Origin" not in headers


def test_page_fetches_only_its_own_files(server):
    """No script or style inside of the document, and no other address in any file."""
    found = {}
    for path in PATHS:
        found[path] = ask(server, path=path)[2].decode()
        addresses = set(re.findall(r"""https?://[^\s"'`]*""", found[path]))
        assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, which nobody fetches
    page = found["/"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    used = set(re.findall(r'(?:src|href)="(/[^"]*)"', page))
    for text in found.values():
        used |= set(re.findall(r'from "(/[^"]*)"', text))
    assert used | {"/"} == set(PATHS)
    assert [name for name in CLASS_NAMES if name.replace("'", "&#x27;") not in page] == []
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


# ------------------------------------------------------------------------------------ looking


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture(server, classifier, shoe, kind):
    picture = encoded(shoe) if kind == "PNG" else encoded(np.pad(shoe, 9), kind)
    status, headers, content = ask(
        server, "POST", "/look", picture, Content_Type=f"image/{kind.lower()}"
    )
    assert (status, headers["Content-Type"]) == (200, "application/json")
    answer = json.loads(content)
    assert answer["names"] == list(CLASS_NAMES)
    assert answer["image"]["shape"] == [28, 28]
    image = np.frombuffer(base64.b64decode(answer["image"]["bytes"]), np.uint8).reshape(28, 28)
    if kind == "PNG":
        np.testing.assert_array_equal(image, shoe)
    look = classifier.look(image)
    assert answer["probabilities"] == look.probabilities.tolist()
    assert answer["microseconds"] > 0
    assert [layer["name"] for layer in answer["layers"]] == [s.name for s in look.stages]
    for layer, stage in zip(answer["layers"], look.stages, strict=True):
        assert (layer["kind"], tuple(layer["shape"])) == (stage.kind, stage.values.shape)
        assert layer["microseconds"] > 0
        values = np.frombuffer(base64.b64decode(layer["bytes"]), np.uint8)
        expected = stage.values if stage.values.ndim == 1 else np.moveaxis(stage.values, -1, 0)
        low, high = expected.min(), expected.max()
        scaled = 255 * (expected - low) / max(high - low, 1e-30)
        np.testing.assert_allclose(values.reshape(expected.shape), scaled, atol=0.51)


def test_the_page_under_its_other_name(server, shoe):
    name = f"localhost:{server.server_port}"
    assert ask(server, Host=name)[0] == 200
    assert ask(server, "POST", "/look", encoded(shoe), Host=name, Origin=f"http://{name}")[0] == 200


def test_a_class_of_ten(server, classifier):
    """Ten pages at once get what each of them would get alone."""
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
    images[:, :2] = images[:, -2:] = 0  # a black background, which is not inverted

    def look(image):
        status, _, content = ask(server, "POST", "/look", encoded(image))
        return status, json.loads(content)["probabilities"]

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(look, images))
    for image, (status, probabilities) in zip(images, found, strict=True):
        assert status == 200
        assert probabilities == classifier.probabilities(image).tolist()


# --------------------------------------------------------------------------- hostile requests


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1",
     "127.0.0.2:{port}", "127.0.0.1:{port}.evil.example", "127.0.0.1:{port}@evil.example",
     "[::1]:{port}", ["127.0.0.1:{port}", "evil.example"]],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_hosts(server, shoe, host, method):
    """As when a site's own name is made to point at this computer."""
    values = host if isinstance(host, list) else [host]
    values = [value and value.format(port=server.server_port) for value in values]
    path, body = ("/", None) if method == "GET" else ("/look", encoded(shoe))
    status, headers, content = ask(server, method, path, body, Host=values)
    assert status == (403 if len(values) == 1 else 400)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert content.count(b".") >= 1


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1",
     "https://127.0.0.1:{port}", "http://127.0.0.1:{port}.evil.example", "file://"],
)  # fmt: skip
def test_other_origins(server, shoe, origin):
    """As when the page of another site sends a picture."""
    origin = origin and origin.format(port=server.server_port)
    status, headers, _ = ask(server, "POST", "/look", encoded(shoe), Origin=origin)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in headers
    if origin:
        assert ask(server, Origin=origin)[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/look", "/index.html", "/server.py", "/page/style.css", "/../server.py", "/%2e%2e/server.py",
     "/..%2fserver.py", "/etc/passwd", "//etc/passwd", "/style.css/", "/style.css?x", "/?x=1", "*",
     "/./style.css", "/style.css%00", "/\\..\\server.py", "http://evil.example/", "file:///etc/passwd",
     "/" + "x" * 5000],
)  # fmt: skip
def test_there_are_no_other_paths(server, path):
    status, _, content = ask(server, path=path)
    assert status == 404
    assert content == b"There is nothing at this address."


@pytest.mark.parametrize("path", ["/", "/style.css", "/looking", "/look/", "/look?x", "/../look"])
def test_pictures_are_sent_to_one_path(server, shoe, path):
    assert ask(server, "POST", path, encoded(shoe))[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X"])
def test_other_methods(server, method):
    assert ask(server, method, "/look")[0] == 501


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": None}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Type": "application/json"}, 415),
        ({"Content_Type": "image/gif"}, 415),
        ({"Content_Type": "image/svg+xml"}, 415),
        ({"Content_Type": ["image/png", "text/plain"]}, 400),
        ({"Content_Length": None}, 411),
        ({"Content_Length": "-1"}, 400),
        ({"Content_Length": "+100"}, 400),
        ({"Content_Length": "1_0"}, 400),
        ({"Content_Length": "0x10"}, 400),
        ({"Content_Length": "\u0661".encode()}, 400),
        ({"Content_Length": ["100", "200"]}, 400),
        ({"Content_Length": str(BYTES + 1)}, 413),
        ({"Content_Length": "9" * 5000}, 413),
        ({"Content_Length": "0"}, 422),
        ({"Content_Length": None, "Transfer_Encoding": "chunked"}, 501),
        ({"Transfer_Encoding": "chunked"}, 501),
    ],
)
def test_unusual_headers(server, shoe, headers, status):
    answer = ask(server, "POST", "/look", encoded(shoe), **headers)
    assert answer[0] == status
    assert answer[2].endswith(b".")


@pytest.mark.parametrize(
    "content",
    [
        b"not a picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EOF\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded(np.eye(28, dtype=np.uint8) * 255)[:-30],
        encoded(np.eye(28, dtype=np.uint8) * 255, "GIF"),
        encoded(np.zeros((28, 28), np.uint8)),
        encoded(np.zeros((2000, 3000), np.uint8)),  # few bytes, but six million pixels
    ],
)
def test_bad_pictures(server, content):
    status, headers, text = ask(server, "POST", "/look", content)
    assert status == 422
    assert headers["Content-Type"].startswith("text/plain")
    assert text.startswith(b"the image: ")


def test_a_large_picture_is_refused_and_the_answer_arrives(server):
    """Although the client sends all of it before it reads."""
    status, _, text = ask(server, "POST", "/look", bytes(BYTES + 100_000))
    assert (status, text) == (413, b"A picture may have at most 1,048,576 bytes.")


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
     b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 500 + b"\r\n",
     b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000,
     b"GET /\r\n\r\n", b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_other_protocols(server, data):
    answer = send(server, data)
    assert b"200 OK" not in answer
    assert b"<html" not in answer.lower()
    assert ask(server)[0] == 200


def test_a_picture_that_ends_early(server):
    head = f"POST /look HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    head += f"Origin: http://127.0.0.1:{server.server_port}\r\n"
    head += "Content-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as connection:
        connection.sendall(head.encode() + b"few bytes")
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert answer.endswith(b"The request ended early.")


def test_slow_requests_are_cut_off(server, monkeypatch):
    """Also those that send a byte from time to time, in the head or in the picture."""
    monkeypatch.setattr(server_module, "SECONDS", 0.5)
    own = f"127.0.0.1:{server.server_port}"
    heads = ["GET / HTTP/1.1\r\nx: ", f"POST /look HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n"
             "Content-Type: image/png\r\nContent-Length: 100000\r\n\r\n", ""]  # fmt: skip
    for head in heads:
        with socket.create_connection(("127.0.0.1", server.server_port), 20) as connection:
            connection.sendall(head.encode())
            begin = time.monotonic()
            with contextlib.suppress(OSError):  # a reset or a broken pipe
                while time.monotonic() - begin < 15:
                    connection.sendall(b"x")
                    time.sleep(0.05)
            assert time.monotonic() - begin < 10


def test_a_client_that_does_not_read(server, monkeypatch):
    monkeypatch.setattr(server_module, "SECONDS", 0.5)
    monkeypatch.setitem(server.page, "/", (bytes(1 << 26), "text/html"))
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as connection:
        connection.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n".encode()
        )
        begin = time.monotonic()
        while server._open and time.monotonic() - begin < 15:
            time.sleep(0.02)
        assert not server._open


def test_too_many_connections(server):
    """Those beyond the limit are told so at once; the place of one that is closed is free again."""
    waiting = []
    try:
        while len(waiting) < server_module.CONNECTIONS:
            waiting.append(socket.create_connection(("127.0.0.1", server.server_port), 20))
        answer = b""
        while b" 503 " not in answer:  # until all of them are accepted
            answer = send(server, b"")
        assert answer.startswith(b"HTTP/1.0 503 Service Unavailable\r\n")
    finally:
        for connection in waiting:
            connection.close()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # closed before the request was read
            if ask(server)[0] == 200:
                return
        time.sleep(0.05)
    pytest.fail("no connection is free again")


def test_an_error_of_the_model_is_no_end(server, shoe, monkeypatch, capsys):
    def fail(image):
        raise RuntimeError("out of order")

    monkeypatch.setattr(server.classifier, "look", fail)
    status, _, text = ask(server, "POST", "/look", encoded(shoe))
    assert (status, text) == (500, b"The picture could not be processed.")
    assert capsys.readouterr().err == "A request failed: RuntimeError('out of order')\n"
    monkeypatch.undo()
    assert ask(server, "POST", "/look", encoded(shoe))[0] == 200


# --------------------------------------------------------------------------------- the command


def test_only_this_computer_is_served(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_a_port_in_use(server, capsys):
    assert fashion.main(["serve", "--no-browser", f"--port={server.server_port}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{fashion.PROGRAM}: cannot listen on port {server.server_port}: ")
    assert error.endswith(". Try --port 0.\n")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_invalid_port(port, capsys):
    with pytest.raises(SystemExit) as caught:
        fashion.main(["serve", f"--port={port}"])
    assert caught.value.code == 2
    assert f"must be an integer from 0 to 65535, not '{port}'" in capsys.readouterr().err


def test_browser_is_opened_unless_told_otherwise(classifier, monkeypatch):
    opened = threading.Event()
    addresses = []

    def open_page(url):
        addresses.append(url)
        opened.set()

    monkeypatch.setattr(server_module.webbrowser, "open", open_page)
    monkeypatch.setenv("DISPLAY", ":0")
    with Server(0) as server:
        monkeypatch.setattr(server, "serve_forever", lambda interval: None)
        monkeypatch.setattr(server, "shutdown", lambda: None)
        server.run()
        server.run(opens_browser=True)
        assert opened.wait(10)
        assert addresses == [server.url]
        monkeypatch.setattr(sys, "platform", "linux")
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        opened.clear()
        server.run(opens_browser=True)  # no desktop: a text browser would take the terminal
        assert not opened.wait(0.05)


def test_ctrl_c_while_connections_arrive():
    """No thread fails, which pytest would report, and the program ends."""
    for delay in np.linspace(0.01, 0.03, 6):
        with Server(0) as server:
            address, stop = ("127.0.0.1", server.server_port), threading.Event()

            def connect(address=address, stop=stop):
                with contextlib.suppress(OSError):
                    while not stop.is_set():
                        socket.create_connection(address, 1).close()

            clients = [threading.Thread(target=connect) for _ in range(2)]
            timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
            for thread in (*clients, timer):
                thread.start()
            server.run()
            stop.set()
        for thread in (*clients, timer):
            thread.join()


def test_ctrl_c_ends_the_program(model_file, shoe):
    """With a connection open that has sent nothing, and another that waits for its answer."""
    command = [sys.executable, "-um", "fastcnn.fashion", "serve", "--no-browser", "--port=0"]
    process = subprocess.Popen(
        [*command, f"--model={model_file}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert process.stdout.readline() == "Ctrl-C ends the program.\n"
        url = re.fullmatch(r"Draw clothes on (http://127\.0\.0\.1:(\d+)/)\n", line)
        with urllib.request.urlopen(url[1], timeout=60) as answer:
            assert b"Draw something to wear" in answer.read()
        with socket.create_connection(("127.0.0.1", int(url[2]))) as idle:
            idle.sendall(b"GET / HTTP/1.1\r\n")
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            assert time.monotonic() - begin < server_module.SECONDS
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert output == ""
    assert errors == "\nStopped.\n"
