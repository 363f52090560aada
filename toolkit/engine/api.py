"""A few read-only calls of the Engine API over its Unix socket, without loading the SDK.

Importing the docker SDK takes longer than a whole no-op build's other work, so what every build
asks before it starts goes this way; for everything else there is `toolkit.engine.client`.
Source: Docker Engine API v1.44.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(host: str, path: str, *, timeout: float = 10.0) -> Any:
    """GET `path` from the engine at `host` (`unix://…`, or anything DOCKER_HOST takes).

    Returns the decoded JSON, the text where it is none, or None for 404. Raises `OSError` when
    nothing answers within `timeout` seconds.
    """
    if host.startswith("unix://"):
        return _get_unix(host.removeprefix("unix://"), path, timeout)
    from toolkit.engine.client import get_remote

    return get_remote(host, path, timeout)


def _get_unix(socket_path: str, path: str, timeout: float) -> Any:
    connection = _UnixConnection(socket_path, timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"{socket_path}: {error}") from error
    finally:
        connection.close()
    if response.status == 404:
        return None
    if response.status != 200:
        raise OSError(f"{socket_path}: HTTP status {response.status}: {body.strip()}")
    return json.loads(body) if body[:1] in ("{", "[") else body
