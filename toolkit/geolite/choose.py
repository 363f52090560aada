"""Which databases a build bakes in: `--geolite required|auto|none|PATH`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.ca import Ca
from toolkit.console import warn
from toolkit.errors import (
    GeoliteCredentialsError,
    GeoliteMissingError,
    ToolkitError,
    UsageError,
)
from toolkit.geolite.cache import Cache, describe_copy
from toolkit.geolite.credentials import find_credentials
from toolkit.geolite.download import DEFAULT_URL, Service
from toolkit.geolite.model import Found, utc_now

_MODES = ("required", "auto", "none")
_FRESH = 86_400
"""Seconds for which a build takes the cached copy as it is. MaxMind publishes twice a week."""


@dataclass(frozen=True)
class Request:
    """What a build wants: a mode or a path, and the age in days that is too old."""

    mode: str
    max_age_days: float
    environment: Mapping[str, str]
    ca: Ca


@dataclass(frozen=True)
class Chosen:
    """The databases of a build, or why there is none."""

    databases: tuple[Found, ...] = ()
    missing: str = ""


def choose_databases(request: Request, editions: list[str], cache: Cache) -> Chosen:
    """Find the databases for `editions`; raises a `ToolkitError` where the mode needs one.

    `auto` is content without a database, but not with wrong credentials: who sets them wants one.
    """
    if not editions or request.mode == "none":
        return Chosen(missing="--geolite none" if editions else "")
    if request.mode not in _MODES:
        found = find_at(Path(request.mode), editions)
    else:
        try:
            found = _refresh(request, editions, cache)
        except _NothingError as nothing:
            if request.mode == "required":
                raise nothing.error from None
            if nothing.error.cause:  # who has credentials expects a database
                warn(f"{nothing.error.message}: {nothing.error.cause}")
            return Chosen(missing=nothing.error.message)
    for one in found:
        _check_age(one, request)
    return Chosen(tuple(found))


def make_service(
    environment: Mapping[str, str], ca: Ca, env_file: Path | None = None
) -> Service | None:
    """The download service with the credentials that are set, or None without any."""
    credentials = find_credentials(environment, env_file)
    url = environment.get("MAXMIND_DOWNLOAD_URL") or DEFAULT_URL
    return Service(credentials, url, ca.bundle) if credentials else None


def find_at(path: Path, editions: list[str]) -> list[Found]:
    """The databases in a directory, or the one in a file, checked as a download is."""
    from toolkit.geolite.database import check_database

    try:
        is_file, is_directory = path.is_file(), path.is_dir()
    except OSError as error:
        raise UsageError(f"--geolite {path}: {error.strerror}") from None
    if is_file:
        found = Found(database=check_database(path), path=path)
        if [found.database.edition] != editions:
            raise UsageError(
                f"--geolite {path} holds {found.database.edition}",
                cause=f"the catalog asks for {', '.join(editions)} (images/images.toml)",
            )
        return [found]
    if not is_directory:
        raise UsageError(
            f"--geolite {path} is neither a file nor a directory",
            cause=f"it takes {', '.join(_MODES)}, a .mmdb file, or a directory of them",
        )
    files = {edition: path / f"{edition}.mmdb" for edition in editions}
    for file in files.values():
        if not file.is_file():
            raise UsageError(f"--geolite {path}: there is no {file.name} in it")
    return [
        Found(database=check_database(file, edition), path=file) for edition, file in files.items()
    ]


class _NothingError(Exception):
    """There is no database, and `error` says why."""

    def __init__(self, error: ToolkitError) -> None:
        super().__init__(error.message)
        self.error = error


def _refresh(request: Request, editions: list[str], cache: Cache) -> list[Found]:
    service = make_service(request.environment, request.ca)
    found = []
    for edition in editions:
        cached = cache.find(edition)
        if service:
            try:
                cached = cache.refresh(edition, service, unless_checked_within=_FRESH)
            except ToolkitError as error:
                if cached is None and isinstance(error, GeoliteCredentialsError):
                    error.hint += "; --geolite none builds without the database"
                    raise
                if cached is None:
                    raise _NothingError(error) from None
                warn(f"{error.message} ({error.cause}); {describe_copy(cached)}")
        if cached is None:
            raise _NothingError(
                GeoliteMissingError(
                    f"there is no {edition}: no credentials, and none in the cache",
                    hint="export MAXMIND_ACCOUNT_ID=… MAXMIND_LICENSE_KEY=…, or --geolite PATH"
                    " (docs/geolite.md)",
                )
            )
        found.append(cached)
    return found


def _check_age(found: Found, request: Request) -> None:
    age = found.database.age_days(utc_now())
    if age > request.max_age_days:
        raise GeoliteMissingError(
            f"{found.database.edition} is {age:.0f} days old; the limit is"
            f" {request.max_age_days:g} (geolite.max_age_days in images/images.toml)",
            cause=f"{found.path} was built on {found.database.built[:10]}; addresses move, and the"
            " licence wants old databases destroyed within 30 days of an update",
            hint="./invoke geolite.fetch, or --geolite none, or --geolite-max-age DAYS",
        )
