"""The Debian stand-in's root file system: mmdebstrap's minbase from the host's own mirrors."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.engine.embedded import Embedded
from toolkit.engine.packages import PrivateApt, host_release, require_apt
from toolkit.errors import BaseError
from toolkit.process import run

RELEASE = "bookworm"

_DPKG_OPTIONS = (
    "force-unsafe-io",
    # What the slim variants of Docker's official images leave out, copyright files kept.
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
)


def make_root(archive: Path, engine: Embedded) -> None:
    """Write Debian's minimal root file system as a tar to `archive`; takes about 20 s.

    Raises `BaseError` on a host whose package sources are not Debian's.
    """
    require_apt("a stand-in base")
    distribution, release = host_release()
    if distribution != "debian":
        raise BaseError(
            f"no stand-in for debian:{RELEASE}-slim can be made on {distribution}",
            cause="stand-ins are made from the host's own package sources, which must be Debian's",
            hint="reach a registry, name a mirror with VECTIS_MIRROR, or build on Debian",
        )
    releases = [release, *({RELEASE} - {release})]
    apt = PrivateApt(engine.home / "stand-ins" / "apt", releases)
    apt.update()
    tools = engine.home / "stand-ins" / "tools"
    apt.unpack(apt.download([f"mmdebstrap/{release}"]), tools)
    sources = sorted((apt.directory / "sources").glob(f"{RELEASE}-*"))
    run(
        [
            str(tools / "usr" / "bin" / "mmdebstrap"),
            "--variant=minbase",
            "--mode=root",
            '--aptopt=APT::Sandbox::User "root"',
            *(f"--dpkgopt={option}" for option in _DPKG_OPTIONS),
            RELEASE,
            str(archive),
            *map(str, sources),
        ],
        env={"PATH": f"{tools}/usr/bin:{os.environ['PATH']}"},  # for its helper, mmtarfilter
        timeout=600,
        echo=True,
    )
