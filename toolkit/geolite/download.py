"""MaxMind's download service: ask for the hash, then for the archive.

Source: MaxMind, "Download and Update Databases" (basic authentication, redirect to storage).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from toolkit.console import Meter, say
from toolkit.errors import (
    GeoliteCredentialsError,
    GeoliteFetchError,
    GeoliteQuotaError,
    ToolkitError,
    UsageError,
)
from toolkit.geolite.credentials import ACCOUNT, KEY, Credentials

if TYPE_CHECKING:
    import requests

DEFAULT_URL = "https://download.maxmind.com"
LARGEST_ARCHIVE = 200_000_000
"""Bytes; GeoLite2-City has about 35 MB packed."""

_ATTEMPTS = 4
_CHUNK = 1 << 18
_PAGE = "https://www.maxmind.com/en/accounts/current/license-key"
_T = TypeVar("_T")


class _TemporaryError(Exception):
    """A failure that another attempt may not have; holds the error to end with."""

    def __init__(self, error: ToolkitError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class Service:
    """The service and how to reach it. Times are in seconds; `bundle` is a PEM file."""

    credentials: Credentials
    url: str = DEFAULT_URL
    bundle: Path | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    backoff: float = 1.0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https://[\w.-]+(:\d{1,5})?(/[^\s?]*)?", self.url):
            raise UsageError(
                f"MAXMIND_DOWNLOAD_URL={self.url} cannot be used",
                cause="it is https://HOST[/PATH]: a licence key must not travel in the clear",
            )

    def fetch_digest(self, edition: str, since: str = "") -> tuple[str, str] | None:
        """The SHA-256 of the newest archive and its Last-Modified; None when it is still `since`.

        `since`: the Last-Modified of the answer before (RFC 9110, If-Modified-Since).
        """

        def ask() -> tuple[str, str] | None:
            with self._get(edition, "tar.gz.sha256", since) as response:
                if response.status_code == 304:
                    return None
                text = next(response.iter_content(1024), b"").decode("ascii", "replace")
                match = re.match(r"([0-9a-f]{64})\s", text)
                if match is None:
                    raise _TemporaryError(_fetch_error(edition, "the answer is no SHA-256"))
                return match[1], response.headers.get("Last-Modified", "")

        return self._try(ask)

    def fetch_archive(
        self, edition: str, digest: str, target: Path, count: Callable[[], None]
    ) -> None:
        """Stream the archive to `target` and check that its SHA-256 is `digest`.

        `count` is called before each request: they count against MaxMind's limit.
        """

        def ask() -> None:
            count()
            with self._get(edition, "tar.gz") as response:
                seen = _write(response, edition, target)
            if seen != digest:
                raise _TemporaryError(
                    _fetch_error(edition, f"the archive's SHA-256 is {seen}, not {digest}")
                )

        self._try(ask)

    def _try(self, ask: Callable[[], _T]) -> _T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return ask()
            except _TemporaryError as failed:
                if attempt == _ATTEMPTS:
                    raise failed.error from None
                pause = self.backoff * 2 ** (attempt - 1)
                say(f"{failed.error.cause}; trying again in {pause:g} s", "dim")
                time.sleep(pause)
        raise AssertionError("unreachable")

    @contextmanager
    def _get(self, edition: str, suffix: str, since: str = "") -> Iterator[requests.Response]:
        import requests
        from urllib3.exceptions import HTTPError

        url = f"{self.url.rstrip('/')}/geoip/databases/{edition}/download"
        try:
            # requests drops the Authorization header when the redirect leads to another host,
            # whose presigned address would refuse it. No netrc: it would replace what was given.
            with requests.Session() as session:
                session.trust_env = False
                session.proxies = requests.utils.get_environ_proxies(url)
                with session.get(
                    url,
                    params={"suffix": suffix},
                    auth=(self.credentials.account, self.credentials.key),
                    headers={"If-Modified-Since": since} if since else {},
                    verify=str(self.bundle) if self.bundle else True,
                    timeout=(self.connect_timeout, self.read_timeout),
                    stream=True,
                ) as response:
                    _check(response, edition)
                    yield response
        except (requests.RequestException, HTTPError) as error:
            raise _TemporaryError(_fetch_error(edition, _describe(error, self))) from None


def _write(response: requests.Response, edition: str, target: Path) -> str:
    """Write the body to `target`; returns its SHA-256."""
    length = int(response.headers.get("Content-Length") or 0)
    digest, seen = hashlib.sha256(), 0
    with target.open("wb") as stream, Meter(f"download {edition}", length) as meter:
        for chunk in response.iter_content(_CHUNK):
            seen += len(chunk)
            if max(seen, length) > LARGEST_ARCHIVE:
                raise _fetch_error(edition, "the archive is larger than any that MaxMind makes")
            digest.update(chunk)
            stream.write(chunk)
            meter.advance(len(chunk))
    return digest.hexdigest()


def _check(response: requests.Response, edition: str) -> None:
    """Raise the error that fits the status; statuses from 500 on are worth another attempt."""
    status = response.status_code
    if any(not answer.url.startswith("https://") for answer in (*response.history, response)):
        raise _fetch_error(edition, "MaxMind's redirect leaves TLS")
    if status in (200, 304):
        return
    text = next(response.iter_content(500), b"").decode("utf-8", "replace")
    said = " ".join(text.split())[:200] if "<" not in text else ""
    if status in (401, 403):
        raise _refused(status, said, edition)
    if status == 429:
        raise GeoliteQuotaError(
            f"MaxMind's limit of downloads is used up ({edition})",
            cause=said or "an account may download each database 30 times a day",
            hint=f"try again {_when(response.headers.get('Retry-After', ''))}; ./invoke"
            " geolite.status shows what this machine has used",
        )
    error = _fetch_error(edition, f"HTTP {status} {said}".strip())
    if status >= 500:
        raise _TemporaryError(error)
    raise error


def _refused(status: int, said: str, edition: str) -> GeoliteCredentialsError:
    lower = said.lower()
    if status == 403:
        return GeoliteCredentialsError(
            f"MaxMind does not let this account download {edition} (403)",
            cause=said or "GeoLite2's licence was not accepted, or the account is suspended",
            hint=f"look at the account that {ACCOUNT} names",
        )
    account = "account" in lower or "user" in lower
    name = ACCOUNT if account and "license" not in lower else KEY
    return GeoliteCredentialsError(
        f"MaxMind refused the credentials: look at {name} (401)",
        cause=said
        or f"the key does not belong to the account that {ACCOUNT} names, was deleted,"
        " or is younger than five minutes",
        hint=f"licence keys are made and listed at {_PAGE}",
    )


def _when(retry_after: str) -> str:
    """RFC 9110, Retry-After: seconds or a date."""
    if retry_after.isdigit():
        moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time.time() + int(retry_after)))
        return f"after {moment}"
    return f"after {retry_after}" if retry_after else "in 24 hours"


def _describe(error: Exception, service: Service) -> str:
    """The kind of failure. Not its own text: that has the presigned address in it."""
    import requests

    text = repr(error)
    if isinstance(error, requests.exceptions.SSLError) or "CERTIFICATE_VERIFY" in text:
        return "the certificate is not trusted (behind a TLS proxy set SSL_CERT_FILE)"
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return f"no answer within {service.read_timeout:g} s"
    if isinstance(error, requests.exceptions.InvalidSchema | requests.TooManyRedirects):
        return "the redirect leads nowhere"
    if "IncompleteRead" in text:
        return "the answer was cut off"
    if "NameResolution" in text or "getaddrinfo" in text:
        return f"the host of {service.url} is not known"
    return "the connection failed or was cut"


def _fetch_error(edition: str, cause: str) -> GeoliteFetchError:
    return GeoliteFetchError(
        f"{edition} could not be downloaded",
        cause=cause,
        hint="./invoke geolite.fetch again later; an own mirror: MAXMIND_DOWNLOAD_URL",
    )
