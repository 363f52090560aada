"""`geolite.fetch` and `geolite.status`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from toolkit.ca import find_ca
from toolkit.console import format_bytes, render_table, say
from toolkit.errors import GeoliteCredentialsError, ToolkitError
from toolkit.geolite.cache import Cache, describe_copy
from toolkit.geolite.choose import make_service
from toolkit.geolite.credentials import find_credentials
from toolkit.geolite.model import EDITIONS, choose_editions, format_time, utc_now
from toolkit.paths import cache_home

LIMIT = 30
"""Downloads of a database that MaxMind allows an account in a day."""


def fetch(editions: str, env_file: Path | None, ca_bundle: str) -> None:
    """Bring the named editions up to date; a failed one keeps its good copy, and says its age."""
    chosen = choose_editions(editions)
    service = make_service(os.environ, find_ca(ca_bundle), env_file)
    if service is None:
        where = f"{env_file} has" if env_file else "the environment has"
        raise GeoliteCredentialsError(
            f"{where} neither MAXMIND_ACCOUNT_ID nor MAXMIND_LICENSE_KEY",
            hint="export MAXMIND_ACCOUNT_ID=… MAXMIND_LICENSE_KEY=…, or --env-file FILE"
            " (docs/geolite.md says where to get them)",
        )
    cache = Cache(cache_home())
    for edition in chosen:
        try:
            cache.refresh(edition, service)
        except ToolkitError as error:
            kept = describe_copy(cache.find(edition))
            error.cause = "\n         ".join(filter(None, (error.cause, kept)))
            raise


def status(*, as_json: bool) -> None:
    """Show what is cached, how old it is, and what this machine has used of MaxMind's limit."""
    cache = Cache(cache_home())
    rows = [_describe(cache, edition) for edition in EDITIONS]
    if as_json:
        print(json.dumps({"home": str(cache.home), "editions": rows}, indent=2))
        return
    header = ("EDITION", "BUILT", "AGE", "SIZE", "CHECKED", "DOWNLOADS IN 24 H")
    print(render_table(header, [_row(row) for row in rows], {2, 3, 5}))
    say(f"cache: {cache.home}")
    try:
        credentials = find_credentials(os.environ, None)
    except ToolkitError as error:
        say(f"credentials: {error.message}", "yellow")
    else:
        account = f"of account {credentials.account}" if credentials else "none are set"
        say(f"credentials: {account}")


def _describe(cache: Cache, edition: str) -> dict[str, Any]:
    entry = cache.read(edition)
    database = entry.database
    recent = [moment for moment in entry.downloads if moment > time.time() - 86_400]
    return {
        "edition": edition,
        "built": database.built if database else None,
        "age_days": round(database.age_days(utc_now()), 1) if database else None,
        "size": database.size if database else None,
        "sha256": database.sha256 if database else None,
        "checked": format_time(entry.checked) if entry.checked else None,
        "downloads": len(recent),
        "limit": LIMIT,
    }


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    used = f"{row['downloads']} of {row['limit']}"
    if row["built"] is None:
        return row["edition"], "-", "-", "-", row["checked"] or "-", used
    age = f"{row['age_days']:.0f} days"
    return (
        row["edition"],
        row["built"][:10],
        age,
        format_bytes(row["size"]),
        row["checked"] or "-",
        used,
    )
