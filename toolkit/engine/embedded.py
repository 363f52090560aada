"""The embedded engine: Debian's own Docker packages, unpacked into the cache and run from there.

Private socket, data root, configuration and state; nothing is installed into the system, and
`remove` leaves no trace. See docs/decisions/002-embedded-engine.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from toolkit import disk
from toolkit.console import phase, say
from toolkit.engine.api import get
from toolkit.engine.packages import PrivateApt, host_release, require_apt
from toolkit.errors import EngineMissingError
from toolkit.files import locked, write_atomically
from toolkit.paths import cache_home, runtime_dir
from toolkit.process import run, start_daemon

PACKAGES_VERSION = "2"
"""Raised when the list of packages below changes, so that older trees are made again."""

_NEWER = {
    "debian": ("docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd"),
    "ubuntu": ("docker.io", "docker-buildx", "docker-compose-v2", "containerd"),
}
_NEWER_DEBIAN = "trixie"
_HOST = [
    "runc",
    "iptables",
    "libip4tc2",
    "libip6tc2",
    "libxtables12",
    "libnftnl11",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "tini",
]

UNPACKED_BYTES = 500_000_000
"""What the packages take on disk, archives and lists included; measured 470 MB."""

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Embedded:
    """The places of one embedded engine, all derived from the cache directory."""

    home: Path
    runtime: Path

    @property
    def root(self) -> Path:
        """Where the packages are unpacked."""
        return self.home / "engine" / "root"

    @property
    def apt(self) -> PrivateApt:
        """The private apt, with the host's release and the newer one that has Docker 26."""
        distribution, release = host_release()
        newer = [_NEWER_DEBIAN] if distribution == "debian" and release == "bookworm" else []
        return PrivateApt(self.home / "engine" / "apt", [release, *newer])

    @property
    def data(self) -> Path:
        """Docker's data root."""
        return self.home / "engine" / "data"

    @property
    def log(self) -> Path:
        """What dockerd printed since it was last started."""
        return self.home / "engine" / "dockerd.log"

    @property
    def socket(self) -> Path:
        """The engine's only listener."""
        return self.runtime / "docker.sock"

    @property
    def host(self) -> str:
        """The value of DOCKER_HOST that reaches it."""
        return f"unix://{self.socket}"

    @property
    def pidfile(self) -> Path:
        """Where dockerd writes its process id."""
        return self.runtime / "docker.pid"

    @property
    def plugins(self) -> Path:
        """Debian's directory of docker CLI plugins: buildx and compose."""
        return self.root / "usr" / "libexec" / "docker" / "cli-plugins"

    @property
    def clients(self) -> Path:
        """A directory for PATH: docker, docker-buildx and docker-compose, and nothing else."""
        return self.home / "engine" / "clients"

    @property
    def environment(self) -> dict[str, str]:
        """What the unpacked programs need to find each other and their libraries."""
        library = f"{platform.machine()}-linux-gnu"
        return {
            "PATH": f"{self.home}/engine/bin:{self.root}/usr/bin:{self.root}/usr/sbin:"
            f"{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{self.root}/usr/lib/{library}",
            "XTABLES_LIBDIR": f"{self.root}/usr/lib/{library}/xtables",
        }

    def pid(self) -> int | None:
        """The running engine's process id; a stale pid file counts for nothing."""
        try:
            pid = int(self.pidfile.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.socket).encode() in command else None


def locate() -> Embedded:
    """The embedded engine of this user's cache directory, whether or not it exists."""
    home = cache_home()
    return Embedded(home, runtime_dir(home))


def ensure_running() -> Embedded:
    """Start the embedded engine unless it runs; safe when several runs ask at once.

    Raises `EngineMissingError` without root or apt, `DiskError` without room for it.
    """
    engine = locate()
    if _answers(engine):
        return engine
    require_apt("the embedded engine")
    disk.require(engine.home, UNPACKED_BYTES + disk.BUILD_BYTES, "the embedded engine and a build")
    lock = engine.home / "engine.lock"
    with locked(lock, waiting=lambda pid: say(f"waiting for pid {pid}, which starts the engine")):
        if not _answers(engine):
            stop(engine)  # one that runs and does not answer would keep its data root locked
            fetch_packages(engine)
            _start(engine)
    return engine


def stop(engine: Embedded) -> bool:
    """End the engine and everything that it runs; images stay. False when it did not run."""
    pid = engine.pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while engine.pid() is not None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    _clear_runtime(engine)
    return True


def remove(engine: Embedded) -> None:
    """Stop the engine and delete its packages, images and state, and all else in the cache."""
    if not engine.home.is_dir():
        return
    lock = engine.home / "engine.lock"
    with locked(lock, waiting=lambda pid: say(f"waiting for pid {pid}, which starts the engine")):
        stop(engine)
        _clear_runtime(engine)
        _unmount_below(engine.home / "engine")
        for path in (engine.home / "engine", *engine.home.glob("stand-ins*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (engine.home / "bases.json").unlink(missing_ok=True)


def fetch_packages(engine: Embedded) -> None:
    """Fetch and unpack the engine's packages, unless they are there already."""
    stamp = engine.home / "engine" / "packages"
    releases = engine.apt.releases
    wanted = f"{PACKAGES_VERSION} {' '.join(releases)}"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    with phase("fetch the embedded engine's packages (about 95 MB)"):
        apt = engine.apt
        apt.update()
        shutil.rmtree(engine.root, ignore_errors=True)
        newer = _NEWER.get(host_release()[0], _NEWER["debian"])
        names = [f"{name}/{releases[-1]}" for name in newer]
        names += [f"{name}/{releases[0]}" for name in _HOST]
        apt.unpack(apt.download(names), engine.root)
        programs = engine.home / "engine" / "bin"
        shutil.rmtree(programs, ignore_errors=True)
        programs.mkdir(parents=True)
        # dockerd calls these names; Debian makes them in maintainer scripts, which do not run here.
        # The legacy variant needs no nf_tables in the kernel.
        sbin = engine.root / "usr" / "sbin"
        for name in ("iptables", "ip6tables"):
            (programs / name).symlink_to(sbin / f"{name}-legacy")
        (programs / "docker-init").symlink_to(engine.root / "usr" / "bin" / "tini-static")
        clients = engine.clients
        shutil.rmtree(clients, ignore_errors=True)
        clients.mkdir()
        (clients / "docker").symlink_to(engine.root / "usr" / "bin" / "docker")
        for name in ("docker-buildx", "docker-compose"):
            (clients / name).symlink_to(engine.plugins / name)
        write_atomically(stamp, wanted.encode())


def _start(engine: Embedded) -> None:
    _clear_runtime(engine)
    engine.runtime.mkdir(parents=True, mode=0o700)
    engine.data.mkdir(parents=True, exist_ok=True)
    config = engine.home / "engine" / "daemon.json"
    # The containerd image store is what gives attestations, OCI output and reproducible digests.
    settings = {"features": {"containerd-snapshotter": True}, "log-level": "warn"}
    write_atomically(config, json.dumps(settings).encode())
    argv = [
        str(engine.root / "usr" / "sbin" / "dockerd"),
        f"--config-file={config}",
        f"--host={engine.host}",
        f"--data-root={engine.data}",
        f"--exec-root={engine.runtime}/exec",
        f"--pidfile={engine.pidfile}",
    ]
    with phase("start the embedded engine"):
        daemon = start_daemon(argv, env=engine.environment, log=engine.log)
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(engine):
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise _not_started(engine)
            time.sleep(0.1)


def _answers(engine: Embedded) -> bool:
    try:
        get(engine.host, "/_ping")
    except OSError:
        return False
    return True


def _not_started(engine: Embedded) -> EngineMissingError:
    with contextlib.suppress(ProcessLookupError):
        pid = engine.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    lines = engine.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return EngineMissingError(
        "the embedded engine did not start",
        cause=lines[-1] if lines else "dockerd printed nothing",
        hint=f"read {engine.log}; a container without --privileged cannot run an engine",
    )


def _clear_runtime(engine: Embedded) -> None:
    """Remove whatever a crash left: stale pid and socket, network namespaces of build steps."""
    _unmount_below(engine.runtime)
    if engine.runtime.exists():
        shutil.rmtree(engine.runtime)


def _unmount_below(directory: Path) -> None:
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        # Blanks and their like are written in octal: proc(5), fstab(5).
        paths = [line.split()[1].encode().decode("unicode_escape") for line in stream]
    for path in sorted((path for path in paths if path.startswith(f"{directory}/")), reverse=True):
        run(["umount", "-l", path], check=False)
