"""Where things are: the toolkit's own files, and the directory that it caches in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from toolkit.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout of the toolkit."""

CATALOG = ROOT / "images" / "images.toml"
EXAMPLE_APP = ROOT / "examples" / "vectis"
DIST = ROOT / "dist"
"""Where builds leave the manifest, reports and archives."""


def cache_home() -> Path:
    """The toolkit's cache: `VECTIS_HOME`, else `vectis-images` in the user's cache directory.

    Follows the XDG Base Directory Specification. Everything in it can be deleted at any time
    while no embedded engine runs (`./invoke engine.remove` does both).
    """
    named = os.environ.get("VECTIS_HOME")
    if named:
        return Path(named).resolve()
    parent = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent) / "vectis-images"


def given(option: str, value: str | None) -> str:
    """The value of an option; empty when it was not given, `UsageError` when it was given empty.

    A script's unset variable must not quietly mean the default.
    """
    if value == "":
        raise UsageError(f"{option} is empty", cause="a variable that is not set?")
    return value or ""


def runtime_dir(home: Path) -> Path:
    """The directory of sockets that belongs to `home`, in `/run`.

    A socket's path may have 107 bytes at the most (sun_path in unix(7)); a home directory can be
    deeper than that, so its name is hashed.
    """
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return Path("/run") / f"vectis-images-{digest}"


def find_app(named: str | None) -> Path:
    """The application's checkout: `--app`, else `VECTIS_APP`, else the embedded example."""
    return Path(given("--app", named) or os.environ.get("VECTIS_APP") or EXAMPLE_APP).resolve()
