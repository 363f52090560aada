"""Fixtures of the fast tests: no engine, no network, nothing outside the temporary directory."""

from __future__ import annotations

import http.server
import json
import os
import re
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

MODERN = {"Version": "26.1.5", "ApiVersion": "1.45", "Components": [{"Name": "Engine"}]}
CONTAINERD = {
    "ID": "engine-1",
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    "DockerRootDir": "/var/lib/docker",
}


class EngineDouble:
    """Answers the Engine API's GETs from a table, on a Unix socket, as a daemon does."""

    def __init__(self, directory: Path) -> None:
        self.answers: dict[str, object] = {"/version": MODERN, "/info": CONTAINERD}
        self.asked: list[str] = []
        self.path = directory / "engine.sock"
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def address_string(self) -> str:
                return "unix"

            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                path = re.sub(r"^/v1\.\d+", "", self.path)  # the SDK asks for a version
                double.asked.append(path)
                answer = double.answers.get(path)
                status, body = (404, {"message": "not found"}) if answer is None else (200, answer)
                if isinstance(answer, int):
                    status, body = answer, {"message": "refused"}
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def engine_double(tmp_path: Path) -> Iterator[EngineDouble]:
    double = EngineDouble(tmp_path)
    yield double
    double.close()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What this machine is set to must not decide a test."""
    for name in list(os.environ):
        if name.startswith(("DOCKER_", "VECTIS_", "GITHUB_", "XDG_")) or name == "SSL_CERT_FILE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("VECTIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
