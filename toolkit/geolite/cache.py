"""The cache of databases: one copy an edition, checked, replaced whole, shared by all builds."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from toolkit import disk
from toolkit.console import say
from toolkit.errors import DiskError, GeoliteFetchError
from toolkit.files import locked, write_atomically
from toolkit.geolite.archive import extract_database
from toolkit.geolite.database import check_database
from toolkit.geolite.download import Service
from toolkit.geolite.model import Database, Found, utc_now

_ROOM = 300_000_000
"""Bytes that an archive and what is in it take, with some to spare."""

_STAGED = 7 * 86_400
"""Seconds that a superseded build context is kept; the licence gives an old database 30 days."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an edition. `checked` and `downloads` are seconds since 1970."""

    database: Database | None = None
    mtime_ns: int = 0
    archive_sha256: str = ""
    last_modified: str = ""
    checked: float = 0.0
    downloads: list[float] = []


class Cache:
    """The databases below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home / "geolite"

    def read(self, edition: str) -> Entry:
        """What the cache has; an entry without a database where its file is not what it was."""
        try:
            entry = msgspec.json.decode(self._state(edition).read_bytes(), type=Entry)
            if entry.database:
                entry.database.age_days(utc_now())
        except (OSError, msgspec.DecodeError, ValueError, TypeError):  # edited, or half a disk
            return Entry()
        now = time.time()
        if entry.checked > now:  # a clock that was ahead must not keep MaxMind from being asked
            entry = msgspec.structs.replace(entry, checked=0.0)
        try:
            stat = self.path(edition).stat()
        except OSError:
            stat = None
        database = entry.database
        if (
            database
            and stat
            and (stat.st_size, stat.st_mtime_ns) == (database.size, entry.mtime_ns)
        ):
            return entry
        return msgspec.structs.replace(entry, database=None, archive_sha256="", last_modified="")

    def find(self, edition: str) -> Found | None:
        """The cached database of an edition."""
        database = self.read(edition).database
        return Found(database=database, path=self.path(edition)) if database else None

    def path(self, edition: str) -> Path:
        """Where the database of an edition lies."""
        return self.home / f"{edition}.mmdb"

    def refresh(self, edition: str, service: Service, *, unless_checked_within: float = 0) -> Found:
        """Bring an edition up to date, and return it.

        MaxMind is not asked when that was done within so many seconds, nor when another process
        did it while this one waited. Raises a `ToolkitError` and keeps the good copy.
        """
        wanted = time.time() - unless_checked_within
        with (
            _disk_errors(self.home),
            locked(self.home / f"{edition}.lock", waiting=_say_waiting),
        ):
            entry = self.read(edition)
            if entry.database is None or entry.checked < wanted:
                entry = self._update(edition, entry, service)
            elif not unless_checked_within:
                say(f"{edition} is the newest: another run has just asked")
        if entry.database is None:
            raise GeoliteFetchError(f"{edition} was not kept")
        return Found(database=entry.database, path=self.path(edition))

    def stage(self, databases: list[Found]) -> Path:
        """A directory with just these databases, to be a build context; it does not change.

        Its name comes from what is in it, so a refresh never changes what a build is reading.
        """
        names = "".join(sorted(found.database.sha256 for found in databases))
        contexts = self.home / "contexts"
        directory = contexts / hashlib.sha256(names.encode()).hexdigest()[:16]
        with _disk_errors(self.home):
            contexts.mkdir(parents=True, exist_ok=True)
            if not directory.is_dir():
                work = Path(tempfile.mkdtemp(dir=contexts))
                try:
                    work.chmod(0o755)
                    for found in databases:
                        _copy(found, work / found.database.file_name)
                    with contextlib.suppress(OSError):  # another build was first
                        work.rename(directory)
                finally:
                    shutil.rmtree(work, ignore_errors=True)
            os.utime(directory)
            for other in contexts.iterdir():
                with contextlib.suppress(FileNotFoundError):  # another build was first
                    if other.stat().st_mtime < time.time() - _STAGED:
                        shutil.rmtree(other, ignore_errors=True)
        return directory

    def _update(self, edition: str, entry: Entry, service: Service) -> Entry:
        answer = service.fetch_digest(edition, entry.last_modified)
        if answer is None or (entry.database and answer[0] == entry.archive_sha256):
            say(f"{edition} is the newest")
            return self._write(edition, msgspec.structs.replace(entry, checked=time.time()))
        digest, last_modified = answer
        disk.require(self.home, _ROOM, f"downloading {edition}")
        now = time.time()
        downloads = [moment for moment in entry.downloads if moment > now - 86_400]

        def count() -> None:
            downloads.append(time.time())
            self._write(edition, msgspec.structs.replace(entry, downloads=downloads))

        archive, unpacked = (self.home / f"{edition}.{kind}.part" for kind in ("tar.gz", "mmdb"))
        try:
            service.fetch_archive(edition, digest, archive, count)
            extract_database(archive, edition, unpacked)
            database = check_database(unpacked, edition)
            unpacked.chmod(0o644)
            os.replace(unpacked, self.path(edition))
        finally:
            archive.unlink(missing_ok=True)
            unpacked.unlink(missing_ok=True)
        say(f"{edition} of {database.built[:10]} is in {self.path(edition)}", "green")
        return self._write(
            edition,
            Entry(
                database=database,
                mtime_ns=self.path(edition).stat().st_mtime_ns,
                archive_sha256=digest,
                last_modified=last_modified,
                checked=time.time(),
                downloads=downloads,
            ),
        )

    def _write(self, edition: str, entry: Entry) -> Entry:
        write_atomically(self._state(edition), msgspec.json.encode(entry))
        return entry

    def _state(self, edition: str) -> Path:
        return self.home / f"{edition}.json"


def describe_copy(found: Found | None) -> str:
    """A sentence on the copy that stays in use, for what is said of a failed refresh."""
    if found is None:
        return "there is no earlier copy"
    age = found.database.age_days(utc_now())
    return f"the copy of {found.database.built[:10]} stays in use; it is {age:.0f} days old"


def _say_waiting(holder: str) -> None:
    say(f"another run (pid {holder}) is fetching GeoLite2; waiting for it", "dim")


def _copy(found: Found, target: Path) -> None:
    """Copy what was checked, and nothing that has taken its place since.

    A link would do for the cache's own files, but not for a user's, who may write into them.
    """
    digest = hashlib.sha256()
    with found.path.open("rb") as source, target.open("wb") as stream:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            stream.write(chunk)
    if digest.hexdigest() != found.database.sha256:
        raise GeoliteFetchError(
            f"{found.path} has changed since it was checked", hint="run the same command again"
        )


@contextlib.contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise GeoliteFetchError(
                f"the cache {directory} cannot be used: {error.strerror or error}",
                hint="VECTIS_HOME names another directory",
            ) from None
        raise DiskError(
            f"the disk is full: GeoLite2 did not fit into {directory}",
            cause=error.strerror or "",
            hint="free some, or set VECTIS_HOME to a directory on another disk",
        ) from None
