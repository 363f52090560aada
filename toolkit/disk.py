"""Free disk, checked before work starts rather than found out half-way."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolkit.console import format_bytes
from toolkit.errors import DiskError

BUILD_BYTES = 3_000_000_000
"""A cold build of all images with stand-in bases and its cache; measured, see performance.md."""


def free_bytes(path: Path) -> int:
    """Free bytes for this user where `path` is, or would be once it is made."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def require(path: Path, needed: int, purpose: str) -> None:
    """Raise `DiskError` unless `needed` bytes are free at `path`."""
    free = free_bytes(path)
    if free < needed:
        raise DiskError(
            f"{purpose} needs {format_bytes(needed)} of free disk; {path} has {format_bytes(free)}",
            cause="the disk is nearly full",
            hint="free some (docker system prune), or set VECTIS_HOME to a directory on another"
            " disk",
        )
