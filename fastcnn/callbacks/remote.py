"""`RemoteMonitor`: sends the results of each epoch to a server."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.callbacks.base import Callback
from fastcnn.core import ranks
from fastcnn.core.arguments import warn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class RemoteMonitor(Callback):
    """Posts the logs of each epoch to a server, as JSON. Requires the package `requests`.

    Args:
        root: the server's address.
        path: where to post, appended to `root`.
        field: the form's field with the JSON, unless `send_as_json`.
        headers: dictionary of HTTP headers.
        send_as_json: whether to send "application/json" instead of a form.

    A server that cannot be reached is a warning, not an error.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = bool(send_as_json)

    def on_epoch_end(self, epoch, logs=None):
        if not ranks.is_main():
            return
        try:
            requests: Any = importlib.import_module("requests")
        except ImportError:
            raise ImportError(
                "RemoteMonitor requires the package `requests`: pip install requests."
            ) from None
        data = {"epoch": epoch}
        for name, value in (logs or {}).items():
            is_array = isinstance(value, (np.ndarray, np.generic))
            data[name] = value.tolist() if is_array else value
        content = {"json": data} if self.send_as_json else {"data": {self.field: json.dumps(data)}}
        try:
            requests.post(self.root + self.path, headers=self.headers, **content)
        except requests.exceptions.RequestException:
            warn(f"RemoteMonitor could not reach the server {self.root}.")
