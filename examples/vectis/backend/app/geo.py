"""Where an address is, from a GeoLite2 database that may be absent, come later or change."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app import config

if TYPE_CHECKING:
    from maxminddb import Reader

log = logging.getLogger("app.geo")
_NAMES = ("GeoLite2-City.mmdb", "GeoLite2-Country.mmdb")


class Place(NamedTuple):
    """The country of an address, as far as the database knows it."""

    available: bool
    country_code: str | None = None
    country_name: str | None = None
    database_date: datetime | None = None


class Database:
    """The newest reader of the first database file found in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._reader: Reader | None = None
        self._stamp: tuple[object, ...] | None = None

    def _current(self) -> "Reader | None":
        stamp, path = None, None
        for name in _NAMES:
            path = self._directory / name
            try:
                found = path.stat()
            except OSError:
                continue
            stamp = (name, found.st_ino, found.st_mtime_ns, found.st_size)
            break
        if stamp == self._stamp:
            return self._reader
        self._stamp, self._reader = stamp, None
        if stamp and path:
            self._reader = self._open(path)
        return self._reader

    @staticmethod
    def _open(path: Path) -> "Reader | None":
        import maxminddb

        try:
            return maxminddb.open_database(path)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            log.warning("%s is not usable: %s", path.name, type(error).__name__)
            return None

    def look_up(self, address: str) -> Place:
        """Look an address up; available is false without a usable database."""
        reader = self._current()
        if reader is None:
            return Place(available=False)
        date = datetime.fromtimestamp(reader.metadata().build_epoch, UTC)
        try:
            record: Any = reader.get(address) or {}
        except ValueError:  # Not an address, or an IPv6 one in an IPv4 database.
            record = {}
        country = record.get("country") or record.get("registered_country") or {}
        name = country.get("names", {}).get("en")
        return Place(True, country.get("iso_code"), name, date)


_database: Database | None = None


def look_up(address: str) -> Place:
    """Look an address up in the database in GEOLITE_DIR."""
    global _database
    if _database is None:
        _database = Database(config.current().geolite_dir)
    return _database.look_up(address)
