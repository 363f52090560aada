"""Take the one database out of MaxMind's archive, trusting nothing in it."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Self

from toolkit.errors import GeoliteFetchError

LARGEST = 400_000_000
"""Bytes of a database at the most; GeoLite2-City has about 65 MB. A bomb has more."""

_MOST_MEMBERS = 100
_CHUNK = 1 << 20
_LARGEST_HEADER = 65_536
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)


class _Member(tarfile.TarInfo):
    """A member whose extended headers stay small: tarfile reads those into memory at once."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The member of a header block."""
        member = super().frombuf(buf, encoding, errors)
        if member.type not in _PLAIN and member.size > _LARGEST_HEADER:
            raise _bad("the archive unpacks to more than any database has")
        return member


def extract_database(archive: Path, edition: str, target: Path) -> None:
    """Write the archive's only .mmdb to `target`; nothing else of it touches the disk.

    Raises `GeoliteFetchError` for what is not a gzipped tar, for a member that points outside the
    archive, for none or several databases, and for one that unpacks to more than `LARGEST`.
    """
    try:
        with tarfile.open(archive, "r|gz", tarinfo=_Member) as tar:
            _extract(tar, edition, target)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _bad(f"the archive of {edition} is not a gzipped tar: {error}") from None


def _extract(tar: tarfile.TarFile, edition: str, target: Path) -> None:
    found = False
    seen = 0
    for count, member in enumerate(tar):
        path = PurePosixPath(member.name)
        seen += member.size
        if count >= _MOST_MEMBERS or seen > LARGEST:
            raise _bad(f"the archive of {edition} unpacks to more than any database has")
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise _bad(f"the archive of {edition} has a member that leads elsewhere: {path}")
        if path.suffix != ".mmdb":
            continue
        if found:
            raise _bad(f"the archive of {edition} holds more than one database")
        if path.name != f"{edition}.mmdb":
            raise _bad(f"the archive of {edition} holds {path.name}")
        source = tar.extractfile(member)
        if source is None:
            raise _bad(f"the archive of {edition} holds {path.name}, but not as a file")
        with source, target.open("wb") as stream:
            while chunk := source.read(_CHUNK):
                stream.write(chunk)
        found = True
    if not found:
        raise _bad(f"the archive of {edition} holds no database")


def _bad(message: str) -> GeoliteFetchError:
    return GeoliteFetchError(
        message,
        cause="something between here and MaxMind changed it, or MaxMind's format has changed",
        hint="./invoke geolite.fetch again, or download it by hand and use --geolite FILE",
    )
