"""Debian packages without installing them: a private apt that leaves the system as it is.

The host's own sources are copied, so the host's mirrors, keys and proxies are used, and the next
release's are derived from them by its code name. `apt-get download` and `dpkg -x` do the rest.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import EngineMissingError
from toolkit.process import run

_HOST_SOURCES = Path("/etc/apt/sources.list.d")
_HOST_LIST = Path("/etc/apt/sources.list")


def host_release() -> tuple[str, str]:
    """The host's distribution and code name, from os-release(5): `("debian", "bookworm")`."""
    fields: dict[str, str] = {}
    with open("/etc/os-release", encoding="utf-8") as stream:
        for line in stream:
            name, _, value = line.strip().partition("=")
            fields[name] = value.strip('"')
    return fields.get("ID", "unknown"), fields.get("VERSION_CODENAME", "unknown")


def derive_sources(text: str, release: str, other: str) -> str:
    """The same sources for another release: its code name in the place of the host's.

    Only the suite names change (`bookworm`, `bookworm-updates`); a path that holds the code name,
    such as that of a keyring, stays.
    """
    return re.sub(rf"(?<![/\w-]){release}(?=[\s/-]|$)", other, text, flags=re.MULTILINE)


class PrivateApt:
    """apt with its lists, caches and sources in a directory of ours.

    `directory`: where they go. `releases`: code names; the first is the host's own.
    """

    def __init__(self, directory: Path, releases: Sequence[str]) -> None:
        self.directory = directory
        self.releases = releases
        self._options = [
            f"-oDir::Etc::sourceparts={directory}/sources",
            "-oDir::Etc::sourcelist=/dev/null",
            f"-oDir::State::lists={directory}/lists",
            f"-oDir::Cache={directory}/cache",
            f"-oDir::Cache::archives={directory}/cache/archives",
            "-oAcquire::Languages=none",
            "-oAcquire::Retries=2",
            "-oAcquire::http::Timeout=20",
            "-oAPT::Sandbox::User=root",
        ]

    def update(self) -> None:
        """Write the sources of every release and fetch their lists."""
        for name in ("sources", "lists/partial", "cache/archives/partial"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        host = self.releases[0]
        found = sorted([*_HOST_SOURCES.glob("*.sources"), *_HOST_SOURCES.glob("*.list")])
        for source in [*found, _HOST_LIST]:
            if not source.is_file():
                continue
            text = source.read_text(encoding="utf-8")
            if not re.search(rf"\b{host}\b", text):
                continue  # a vendor's own repository has nothing of what is needed here
            for release in self.releases:
                target = self.directory / "sources" / f"{release}-{source.name}"
                target.write_text(derive_sources(text, host, release), encoding="utf-8")
        run(["apt-get", *self._options, "update"], timeout=180, echo=True)

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Fetch packages named `NAME/RELEASE`, checked by apt against the signed lists.

        Returns the archives.
        """
        archives = self.directory / "debs"
        shutil.rmtree(archives, ignore_errors=True)  # an older version would be unpacked, too
        archives.mkdir()
        run(
            ["apt-get", *self._options, "download", *packages],
            cwd=archives,
            timeout=600,
            echo=True,
            hint="check the package sources with: apt-get update",
        )
        return sorted(archives.glob("*.deb"))

    def unpack(self, archives: Sequence[Path], root: Path) -> None:
        """Unpack archives below `root`; nothing in them is run."""
        root.mkdir(parents=True, exist_ok=True)
        for archive in archives:
            run(["dpkg", "-x", str(archive), str(root)])


def require_apt(purpose: str) -> None:
    """Check that packages can be unpacked here: root, apt and dpkg; says what to install if not."""
    missing = [name for name in ("apt-get", "dpkg") if shutil.which(name) is None]
    if not missing and os.geteuid() == 0:
        return
    why = f"{' and '.join(missing)} missing" if missing else "not root"
    raise EngineMissingError(
        f"no engine answers, and {purpose} cannot be set up here ({why})",
        cause="the embedded engine needs root on Debian or Ubuntu",
        hint="install Docker Engine 25 or newer with buildx (packages docker-ce and"
        " docker-buildx-plugin), or set DOCKER_HOST, or run this as root",
    )
