"""One HTTP download, with limits on its size and on the time it takes.

A timeout alone does not end a download: a server that sends a byte every few seconds never exceeds
it. Everything that arrives, headers too, therefore has to keep a minimum speed.
"""

import http.client
import io
import time
import urllib.request

MIN_SPEED = 1024  # bytes per second
PERIOD = 20  # seconds over which the speed is measured


def download(url, target, limit, timeout, progress):
    """Download `url` into the file `target`.

    Args:
        limit: maximum size in bytes.
        timeout: seconds to wait for a connection, and for more data.
        progress: a `rich.progress.Progress`.

    Raises:
        OSError: the server cannot be reached, is too slow, or the response is not complete.
        ValueError: the response is larger than `limit`.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "fastcnn"})
    opener = urllib.request.build_opener(HTTPHandler, HTTPSHandler)
    try:
        with opener.open(request, timeout=timeout) as reply, open(target, "wb") as out:
            expected = reply.length
            task = progress.add_task(target.name, total=expected)
            received = 0
            while chunk := reply.read1(1 << 16):
                received += len(chunk)
                if received > limit:
                    raise ValueError(f"{url}: expected at most {limit} bytes, found more.")
                out.write(chunk)
                progress.update(task, completed=received)
    except http.client.HTTPException as error:
        raise OSError(f"{url}: the response was truncated or not HTTP: {error!r}") from error
    except OSError as error:
        raise OSError(f"{url}: {error}") from error
    if expected is not None and received != expected:
        raise OSError(f"{url}: expected {expected} bytes, found {received}.")


class SteadyReader(io.RawIOBase):
    """The data of a socket; an OSError if it arrives too slowly."""

    def __init__(self, raw):
        self._raw = raw
        self._start, self._received = time.monotonic(), 0

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self._raw.readinto(buffer)
        self._received += count
        seconds = time.monotonic() - self._start
        if seconds >= PERIOD:
            if self._received < MIN_SPEED * seconds:
                raise OSError(
                    f"the server is too slow: {self._received} bytes in {seconds:.0f} seconds."
                )
            self._start, self._received = time.monotonic(), 0
        return count

    def close(self):
        self._raw.close()
        super().close()


class Response(http.client.HTTPResponse):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(SteadyReader(self.fp.detach()))


class HTTPConnection(http.client.HTTPConnection):
    response_class = Response


class HTTPSConnection(http.client.HTTPSConnection):
    response_class = Response


class HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, request):
        return self.do_open(HTTPConnection, request)


class HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, request):
        return self.do_open(HTTPSConnection, request)
