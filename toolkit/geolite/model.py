"""What the toolkit knows of a database: its edition, its build date, where it lies. Pure."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec

from toolkit.errors import UsageError

EDITIONS = ("GeoLite2-City", "GeoLite2-Country", "GeoLite2-ASN")
"""The databases that MaxMind gives away."""

ATTRIBUTION = (
    "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com."
)
"""What the licence asks to be said wherever the data is used or passed on."""


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """A database that was checked. `built` is RFC 3339, UTC; `size` is in bytes."""

    edition: str
    built: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The name that applications look for."""
        return f"{self.edition}.mmdb"

    def age_days(self, now: datetime.datetime) -> float:
        """Days since MaxMind built it."""
        return (now - datetime.datetime.fromisoformat(self.built)) / datetime.timedelta(days=1)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A database and the file that holds it."""

    database: Database
    path: Path


def format_time(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def utc_now() -> datetime.datetime:
    """The time, with its zone."""
    return datetime.datetime.now(datetime.UTC)


def choose_editions(text: str) -> list[str]:
    """Editions from `city,asn` or their full names; City for no name at all."""
    short = {edition.removeprefix("GeoLite2-").lower(): edition for edition in EDITIONS}
    chosen = []
    for name in filter(None, (part.strip() for part in (text or "city").split(","))):
        key = name.lower().removeprefix("geolite2-")
        if key not in short:
            raise UsageError(
                f"there is no edition {name!r}", cause=f"--edition takes {', '.join(short)}"
            )
        chosen.append(short[key])
    if not chosen:
        raise UsageError(f"--edition {text!r} names none", cause=f"it takes {', '.join(short)}")
    return list(dict.fromkeys(chosen))
