"""The server of the page on which one draws: for this computer only, and for small pictures.

A page in the browser can send requests to servers on the same computer, whichever site it is from.
So the server listens on 127.0.0.1 alone, answers only those who call it by this name (`Host`, which
a site that points its own name at 127.0.0.1 cannot forge), and classifies pictures only for its own
page (`Origin`). A path is looked up in a table, never in the file system. A request is small, is
read within a few seconds however slowly it arrives, and there are only so many at a time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import sys
import threading
import time
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING

from fastcnn.demo.answers import as_json, read_page
from fastcnn.demo.pictures import read_picture

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.demo.classifier import Classifier

HOST = "127.0.0.1"
BYTES = 1 << 20  # of a request's picture
PIXELS = 1 << 22  # of a picture; the page sends far smaller ones
SECONDS = 10  # from the beginning of a connection to the end of its only answer
CONNECTIONS = 32  # at a time
TEXT = "text/plain; charset=utf-8"
PICTURES = ("image/jpeg", "image/png", "image/webp")  # what can be sent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestError(Exception):
    """A request that is not answered: the HTTP status, and why in one sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 as soon as it exists, and answers while `run` runs.

    Args:
        port: 0 for one that is free.

    Attributes:
        classifier: looks at the pictures; to be set before `run`.
        url: the address of the page.

    Raises:
        OSError: the port is in use or not permitted.
    """

    classifier: Classifier
    daemon_threads = False  # `server_close` waits for them
    request_queue_size = CONNECTIONS

    def __init__(self, port: int) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._open: set[socket.socket] = set()
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            text = error.strerror or error
            raise OSError(f"cannot listen on port {port}: {text}. Try --port 0.") from None
        names = HOST, "localhost"
        self.hosts = {f"{name}:{self.server_port}" for name in names}
        if self.server_port == 80:
            self.hosts.update(names)
        self.origins = {f"http://{host}" for host in self.hosts}
        self.url = f"http://{HOST}:{self.server_port}/"
        self.page = read_page()

    def server_bind(self) -> None:
        """As the base class, which also asks the network for the name of this computer."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def run(self, opens_browser: bool = False) -> None:
        """Answer until Ctrl-C; optionally open the page in the browser first."""
        if opens_browser and _has_desktop():  # else a browser for terminals could start in this one
            threading.Thread(target=webbrowser.open, args=[self.url], daemon=True).start()
        # Not in this thread, where Ctrl-C could come between the start of an answer and its entry.
        loop = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        loop.start()
        with contextlib.suppress(KeyboardInterrupt):
            while loop.is_alive():
                loop.join(1)
        self.shutdown()
        loop.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.settimeout(0.1)
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n")
            self.shutdown_request(request)
            return
        self._open.add(request)
        try:
            super().process_request(request, client_address)
        except Exception:  # there is no thread for it
            self._forget(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def _forget(self, request):
        self._open.discard(request)
        self._free.release()

    def server_close(self) -> None:
        """Close all connections, then wait for their threads."""
        for request in list(self._open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are not errors; anything else is printed in one sentence."""
        error = sys.exception()
        if not isinstance(error, OSError):
            print(f"A request failed: {error!r}", file=sys.stderr)


class DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline, however many small parts arrive before it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self.deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(seconds_left(self.deadline))
        return self._connection.recv_into(buffer)


def seconds_left(deadline: float) -> float:
    """The seconds until a deadline; TimeoutError if it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the request took too long")
    return left


class Handler(BaseHTTPRequestHandler):
    """Answers one request, then closes the connection."""

    server: Server
    protocol_version = "HTTP/1.0"

    def setup(self) -> None:
        super().setup()
        self._deadline = time.monotonic() + SECONDS
        self._reader = DeadlineReader(self.connection, self._deadline)
        self.rfile = io.BufferedReader(self._reader)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, method):
        try:
            self._check_caller()
            body, kind = method()
            status = 200
        except RequestError as error:
            status, body, kind = error.status, str(error).encode("utf-8", "replace"), TEXT
        except Exception as error:
            print(f"A request failed: {error!r}", file=sys.stderr)
            status, body, kind = 500, b"The picture could not be processed.", TEXT
        self._send(status, body, kind)

    def _check_caller(self):
        """Refuse requests that other sites have the browser send."""
        if self._header("Host") not in self.server.hosts:
            raise RequestError(403, f"The address of this page is {self.server.url}")
        origin = self._header("Origin")
        if origin is None and self.command == "GET":  # browsers send it with every POST
            return
        if origin not in self.server.origins:
            raise RequestError(403, "Only the page of this server may send pictures.")

    def _header(self, name):
        """The value of a header, or None; several values are refused."""
        values = self.headers.get_all(name, [])
        if len(values) > 1:
            raise RequestError(400, f"There is more than one header {name}.")
        return values[0].strip() if values else None

    def _get(self):
        found = self.server.page.get(self.path)
        if found is None:
            raise RequestError(404, "There is nothing at this address.")
        return found

    def _post(self):
        if self.path != "/look":
            raise RequestError(404, "There is nothing at this address.")
        if self._header("Content-Type") not in PICTURES:
            raise RequestError(415, "Only pictures are accepted: JPEG, PNG or WebP.")
        picture = io.BytesIO(self._read_body())
        classifier = self.server.classifier
        try:
            image = read_picture(picture, classifier.size, PIXELS)
        except (OSError, ValueError) as error:
            raise RequestError(422, str(error)) from None
        look = classifier.look(image)
        return json.dumps(as_json(image, look)).encode(), "application/json"

    def _read_body(self):
        if self._header("Transfer-Encoding") is not None:
            raise RequestError(501, "The request must have a Content-Length.")
        length = self._header("Content-Length")
        if length is None:
            raise RequestError(411, "The request must have a Content-Length.")
        if not (length.isascii() and length.isdigit()):
            raise RequestError(400, "The header Content-Length must be a number.")
        if len(length) > 9 or int(length) > BYTES:
            raise RequestError(413, f"A picture may have at most {BYTES:,} bytes.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RequestError(400, "The request ended early.")
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses, such as other methods, like all else."""
        text = message or self.responses.get(code, ("Error",))[0]
        self._send(code, text.encode("utf-8", "replace"), TEXT)

    def _send(self, status, body, kind):
        self.close_connection = True
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.connection.settimeout(seconds_left(self._deadline))
        self.wfile.write(body)
        if status != 200:
            self._drain()

    def _drain(self):
        """Read what a refused client still sends: closing before that would discard the answer."""
        self.connection.shutdown(socket.SHUT_WR)
        self._reader.deadline = min(self._deadline, time.monotonic() + 1)
        left = 2 * BYTES
        while left > 0 and (part := self.rfile.read1(1 << 16)):
            left -= len(part)

    def version_string(self) -> str:
        return "fastcnn"

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def _has_desktop():
    """Whether there is a browser with windows, as far as is known."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
