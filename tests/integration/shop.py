"""Talk to the running product as a browser does, to names that no DNS knows."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import urllib.parse
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """One origin of the shop, behind the proxy's port on this machine."""

    def __init__(self, origin: str, port: int, context: ssl.SSLContext) -> None:
        self.origin = origin
        self.host = urllib.parse.urlsplit(origin).hostname or ""
        self._port, self._context = port, context

    def open(self, *, alpn: list[str] | None = None) -> ssl.SSLSocket:
        """A verified TLS connection to the proxy."""
        if alpn:
            self._context.set_alpn_protocols(alpn)
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        return self._context.wrap_socket(raw, server_hostname=self.host)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPSConnection(self.host, timeout=20)
        connection.sock = self.open(alpn=["http/1.1"])
        sent = {"Connection": "close", **(headers or {})}
        try:
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError, ssl.SSLError
            ):  # refused before the body was read
                connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = answer.headers
            return Answer(
                answer.status,
                {name.lower(): value for name, value in found.items()},
                answer.read(),
                found.get_all("Set-Cookie") or [],
            )
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def query(self, text: str, token: str = "", **extra: Any) -> Any:
        """Ask the API; returns the whole answer of GraphQL."""
        headers = {"Content-Type": "application/json", **extra.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = json.dumps({"query": text, "variables": extra}).encode()
        return self.ask("POST", "/graphql", body, headers).json

    def post_form(
        self, path: str, fields: dict[str, str], cookie: str = "", **headers: str
    ) -> Answer:
        """A form as a browser posts it, from a page of this very site."""
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.origin,
            "Accept": "text/html",
            **({"Cookie": cookie} if cookie else {}),
            **headers,
        }
        return self.ask("POST", path, urllib.parse.urlencode(fields).encode(), sent)

    def post_file(self, path: str, name: str, data: bytes, cookie: str) -> Answer:
        """A file as a browser uploads it."""
        mark = uuid.uuid4().hex
        body = (
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: text/plain\r\n\r\n"
        ).encode()
        body += data + f"\r\n--{mark}--\r\n".encode()
        sent = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Origin": self.origin,
            "Accept": "text/html",
            "Cookie": cookie,
        }
        return self.ask("POST", path, body, sent)
