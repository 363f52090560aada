"""Find an engine: DOCKER_HOST, the docker context, the default sockets, else the embedded one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.console import warn
from toolkit.engine import embedded
from toolkit.engine.api import get
from toolkit.errors import EngineMissingError, EngineUnfitError

MINIMUM = (25, 0)
"""The first release whose HEALTHCHECK has a start interval, which the images use."""

_PLUGIN_DIRECTORIES = (
    # Where docker looks for CLI plugins: cli-plugins/manager in docker/cli.
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
    "/opt/homebrew/lib/docker/cli-plugins",
)


class _PodmanError(EngineUnfitError):
    """Podman answers, which has no BuildKit."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers, and what the toolkit needs to know of it."""

    host: str
    origin: str
    identity: str
    version: str
    store: str
    root: Path | None
    limits: tuple[str, ...] = field(default=())
    """What it cannot do, a sentence each."""

    @property
    def containerd(self) -> bool:
        """Whether it has the containerd image store, whose digests are those of a registry."""
        return self.store == "containerd"

    @property
    def environment(self) -> dict[str, str]:
        """What a docker client needs to reach it."""
        return {"DOCKER_HOST": self.host, "DOCKER_CONTEXT": ""}


@dataclass(frozen=True)
class Place:
    """Somewhere an engine may be: its address, who named it, whether it must be there."""

    host: str
    origin: str
    explicit: bool


def find_engine(*, start: bool = True) -> Engine:
    """The first engine of the order above, embedded last and started with `start`.

    An engine that was named (DOCKER_HOST, a docker context) is used or is an error; it is never
    passed over for another one. Raises `EngineMissingError` and `EngineUnfitError`, which tell of
    every engine that was passed over, and why.
    """
    passed_over: list[str] = []
    for place in places():
        try:
            return describe(place)
        except OSError as error:
            if place.explicit:
                raise EngineMissingError(
                    f"no engine answers at {place.host}, named by {place.origin}",
                    cause=str(error),
                    hint="start it, or unset the name to let the toolkit find or start one",
                ) from None
            passed_over.append(f"{place.origin} {place.host}: {error.strerror or error}")
        except EngineUnfitError as error:
            # Two dockerds in one network share bridge and firewall chains, so none is started
            # beside an old one; Podman's are its own.
            if place.explicit or not isinstance(error, _PodmanError):
                raise
            passed_over.append(error.message)
    try:
        engine = _find_embedded(start=start)
        for reason in passed_over:
            warn(f"not used: {reason}")
        return engine
    except EngineMissingError as error:
        error.cause = "\n         ".join([error.cause, *passed_over])
        raise


def _find_embedded(*, start: bool) -> Engine:
    own = embedded.ensure_running() if start else embedded.locate()
    try:
        return describe(Place(own.host, "embedded", explicit=True))
    except OSError:
        raise EngineMissingError(
            "no engine runs",
            cause=f"neither a named engine, nor a default socket, nor {own.socket} answers",
            hint="./invoke engine.start",
        ) from None


def places() -> Iterator[Place]:
    """Where an engine may be, named ones first; default sockets only where they exist."""
    host = os.environ.get("DOCKER_HOST")
    if host:
        yield Place(host, "DOCKER_HOST", explicit=True)
        return
    context = _current_context()
    if context not in ("", "default"):
        yield Place(_context_host(context), f"docker context {context!r}", explicit=True)
        return
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for path, origin in (
        ("/var/run/docker.sock", "default socket"),
        (f"{runtime}/docker.sock", "rootless socket"),
        (os.path.expanduser("~/.docker/run/docker.sock"), "Docker Desktop's socket"),
        (f"{runtime}/podman/podman.sock", "Podman's rootless socket"),
        ("/run/podman/podman.sock", "Podman's socket"),
    ):
        if os.path.exists(path):
            yield Place(f"unix://{path}", origin, explicit=False)


def describe(place: Place) -> Engine:
    """Ask the engine at `place` what it is; `OSError` when nothing answers."""
    if place.host.startswith("ssh://"):
        raise EngineUnfitError(
            f"{place.origin} names an engine over SSH, which the toolkit does not speak",
            hint="forward its socket: ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST &"
            " export DOCKER_HOST=unix:///tmp/docker.sock",
        )
    version = get(place.host, "/version", timeout=5)
    info = get(place.host, "/info", timeout=10)
    if not isinstance(version, dict) or "Version" not in version or not isinstance(info, dict):
        raise OSError("what answers is no Docker Engine")
    status = dict(pair[:2] for pair in info.get("DriverStatus") or [])
    containerd = "containerd" in status.get("driver-type", "")
    local = place.host.startswith("unix://")
    engine = Engine(
        host=place.host,
        origin=place.origin,
        identity=info.get("ID", ""),
        version=version["Version"],
        store="containerd" if containerd else info.get("Driver", "unknown"),
        root=Path(info["DockerRootDir"]) if local and info.get("DockerRootDir") else None,
        limits=tuple(_limits(info, containerd)),
    )
    _require_fit(engine, version)
    return engine


def find_plugin(name: str) -> str:
    """The path of a docker CLI plugin (`docker-buildx`, `docker-compose`), run as a program.

    Run so, it starts faster than through `docker`, and works where there is no docker client.
    Raises `EngineUnfitError` when it is not installed.
    """
    own = embedded.locate().plugins
    for directory in [*map(os.path.expanduser, _PLUGIN_DIRECTORIES), str(own)]:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    on_path = shutil.which(name)
    if on_path:
        return on_path
    package = f"{name}-plugin"
    raise EngineUnfitError(
        f"the docker plugin {name} is not installed",
        cause="an engine answers, but the client side that drives its builds is missing",
        hint=f"install the package {package} (Debian and Ubuntu: {name}), or unset DOCKER_HOST and"
        " run as root for the embedded engine, which brings its own",
    )


def _limits(info: dict[str, Any], containerd: bool) -> Iterator[str]:
    if not containerd:
        yield (
            f"image store {info.get('Driver')}: no attestations and no OCI archives"
            ' (switch on "containerd-snapshotter" in daemon.json)'
        )
    if any("rootless" in option for option in info.get("SecurityOptions") or []):
        yield "rootless: no limits of CPU and memory without cgroup delegation, ports from 1024 up"


def _require_fit(engine: Engine, version: dict[str, Any]) -> None:
    names = [part.get("Name", "") for part in version.get("Components") or []]
    if any("Podman" in name for name in names):
        raise _PodmanError(
            f"{engine.origin} is Podman {engine.version}, which has no BuildKit",
            cause="named build contexts, build secrets and bake need BuildKit; Podman has Buildah",
            hint="set DOCKER_HOST to a Docker Engine, or run as root on Debian or Ubuntu for the"
            " embedded engine after: systemctl stop podman.socket",
        )
    numbers = tuple(int(part) for part in engine.version.split(".")[:2] if part.isdigit())
    if numbers < MINIMUM:
        needed = ".".join(map(str, MINIMUM))
        raise EngineUnfitError(
            f"{engine.origin} leads to Docker {engine.version}, which is older than {needed}",
            cause="older engines lack the health check's start interval and today's BuildKit",
            hint="update Docker Engine, or set DOCKER_HOST to a newer one",
        )


def _current_context() -> str:
    name = os.environ.get("DOCKER_CONTEXT")
    if name is not None:
        return name
    directory = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    try:
        text = Path(directory, "config.json").read_text(encoding="utf-8")
        return str(json.loads(text).get("currentContext", ""))
    except (OSError, ValueError):
        return ""


def _context_host(name: str) -> str:
    from docker.context import ContextAPI  # type: ignore[import-untyped]

    context = ContextAPI.get_context(name)
    if context is None:
        raise EngineMissingError(
            f"there is no docker context {name!r}",
            cause="DOCKER_CONTEXT or docker's config.json names it",
            hint="docker context ls; then docker context use NAME",
        )
    if context.TLSConfig and context.TLSConfig.ca_cert:
        # The clients that are started later read the certificates from these variables.
        os.environ["DOCKER_TLS_VERIFY"] = "1"
        os.environ["DOCKER_CERT_PATH"] = str(Path(context.TLSConfig.ca_cert).parent)
    return str(context.Host)
