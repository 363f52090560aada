"""Containers of an image under verification: locked down, reachable, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

_POLL = 0.05

LABEL = "com.vectis.verify"
"""Marks the containers of a run; its value is the run's process id."""


class Container:
    """One running container; its address is where the engine publishes the image's port."""

    def __init__(self, container: Any, host: str) -> None:
        self._container = container
        self._host = host
        self.started = time.monotonic()

    @property
    def state(self) -> dict[str, Any]:
        """`State` of `docker inspect`, now."""
        self._container.reload()
        state: dict[str, Any] = self._container.attrs["State"]
        return state

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the first published port."""
        self._container.reload()
        ports = self._container.attrs["NetworkSettings"]["Ports"]
        bound = next(binding for binding in ports.values() if binding)
        return self._host, int(bound[0]["HostPort"])

    def wait_health(self, wanted: str, seconds: float) -> float | None:
        """Seconds since the start until its health is `wanted`; None when that took too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.state
            if state.get("Health", {}).get("Status") == wanted:
                return time.monotonic() - self.started
            if not state["Running"]:
                return None
            time.sleep(_POLL)
        return None

    def wait_end(self, seconds: float) -> int | None:
        """Its exit status, or None when it still runs after so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.state
            if not state["Running"] and state["Status"] != "created":
                return int(state["ExitCode"])
            time.sleep(_POLL)
        return None

    def wait_logs(self, seconds: float) -> None:
        """Wait until it has printed something, ended, or so many seconds have passed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.state["Running"] and not self.logs():
            time.sleep(_POLL)

    def run(self, *command: str) -> str:
        """What a command inside prints."""
        _, output = self._container.exec_run(list(command))
        return str(output.decode(errors="replace"))

    def signal(self, name: str) -> None:
        """Send a signal to PID 1, as `docker kill` does."""
        self._container.kill(name)

    def logs(self) -> str:
        """What it has printed so far."""
        return str(self._container.logs().decode(errors="replace"))

    def connect(self) -> socket.socket:
        """A connection to its port."""
        return socket.create_connection(self.address, timeout=15)


class Runner:
    """Starts containers of one image, locked down as production runs them."""

    def __init__(
        self, client: Any, host: str, image: str, port: int, memory_mb: float,
        environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._client, self._image, self._port = client, image, port
        self._host = urlsplit(host).hostname or "127.0.0.1"
        self._memory = int(memory_mb * 1e6)
        self._environment = dict(environment)
        self.cpus = int(client.info()["NCPU"])

    @contextlib.contextmanager
    def start(
        self, *command: str, cpus: float = 0, without: str = "", health_interval: float = 0,
        changed: Mapping[str, str] | None = None,
    ) -> Iterator[Container]:  # fmt: skip
        """Run the image with a read-only root, no capabilities, no new privileges, little memory.

        `changed`: variables to set, `without`: one to leave out. `health_interval`: seconds,
        instead of the image's own.
        """
        environment = {**self._environment, **(changed or {})}
        environment.pop(without, None)
        nanoseconds = int(health_interval * 1e9)
        health = {"interval": nanoseconds, "timeout": nanoseconds, "retries": 2}
        container = self._client.containers.run(
            self._image,
            list(command) or None,
            detach=True,
            environment=environment,
            read_only=True,
            tmpfs={"/tmp": ""},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=self._memory,
            nano_cpus=int(cpus * 1e9) or None,
            ports={f"{self._port}/tcp": (self._host, 0)},
            labels={LABEL: str(os.getpid())},
            healthcheck=health if nanoseconds else None,
        )
        try:
            yield Container(container, self._host)
        finally:
            container.remove(force=True, v=True)


def remove_all(client: Any) -> None:
    """Remove every container that this run has started and not removed yet."""
    filters = {"label": f"{LABEL}={os.getpid()}"}
    for container in client.containers.list(all=True, filters=filters):
        with contextlib.suppress(Exception):  # it may be on its way out already
            container.remove(force=True, v=True)
