"""Open a database and look addresses up in it before it is accepted."""

from __future__ import annotations

import hashlib
from pathlib import Path

from toolkit.errors import GeoliteFetchError
from toolkit.geolite.model import EDITIONS, Database, format_time, utc_now

_PROBES = ("8.8.8.8", "1.1.1.1", "193.0.6.139", "2001:4860:4860::8888")
"""Addresses of public services that every real database knows; one of them has to be found."""


def check_database(path: Path, edition: str = "") -> Database:
    """Describe the database at `path`; raises `GeoliteFetchError` for what is none.

    `edition`: the edition that it must be; without it any of `EDITIONS`. Format: MaxMind DB File
    Format Specification, read by geoip2.
    """
    import geoip2.database
    import maxminddb

    try:
        with geoip2.database.Reader(path) as reader:
            metadata = reader.metadata()
            kind = metadata.database_type
            allowed = (edition,) if edition else EDITIONS
            if kind not in allowed:
                raise _bad(path, f"it is of the type {kind}, not {' or '.join(allowed)}")
            if metadata.build_epoch > utc_now().timestamp() + 86_400:
                built = format_time(metadata.build_epoch)
                raise _bad(path, f"it was built on {built}, which has not come yet")
            if not any(_knows(reader, kind, address) for address in _PROBES):
                raise _bad(path, f"it knows none of {', '.join(_PROBES)}")
    except maxminddb.InvalidDatabaseError as error:
        raise _bad(path, str(error)) from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise _bad(path, getattr(error, "strerror", None) or str(error)) from None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Database(
        edition=kind,
        built=format_time(metadata.build_epoch),
        sha256=digest,
        size=path.stat().st_size,
    )


def _knows(reader: object, kind: str, address: str) -> bool:
    """Whether a look-up of `address` gives what the edition is for."""
    import geoip2.errors

    look_up = getattr(reader, kind.removeprefix("GeoLite2-").lower())
    try:
        answer = look_up(address)
    except (geoip2.errors.AddressNotFoundError, ValueError):  # an IPv6 address, an IPv4 database
        return False
    if kind == "GeoLite2-ASN":
        return answer.autonomous_system_number is not None
    return bool(answer.country.iso_code or answer.registered_country.iso_code)


def _bad(path: Path, why: str) -> GeoliteFetchError:
    return GeoliteFetchError(
        f"{path.name.removesuffix('.part')} is not a GeoLite2 database that can be used: {why}",
        hint="./invoke geolite.fetch gets the newest",
    )
