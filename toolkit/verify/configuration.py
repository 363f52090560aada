"""Rules on an image's configuration, history and manifest record. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.console import format_bytes
from toolkit.manifest import ImageRecord
from toolkit.verify.model import Subject, Verdict

_LABELS = ("title", "version", "revision", "created", "base.name", "base.digest")
_SECRET_NAME = re.compile(
    r"\b\w*(?:SECRET|TOKEN|PASSWORD|PASSWD|_PASS\b|CREDENTIAL|_KEY\b|APIKEY)\w*"
    r"(?<!_FILE)(?<!_DIR)(?<!_PATH)=(?![\s\"']*(?:$|\s))[^\s]{3,}",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|dop_v1_[0-9a-f]{40,}|glpat-[\w-]{20,}"
    r"|xox[abprs]-[\w-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@"
)
"""Forms of well-known tokens, of private keys, and credentials in a URL."""


def check_configuration(subject: Subject) -> Iterator[Verdict]:
    """User, labels, health check, and secrets in what everybody can read of an image."""
    config = subject.details["Config"]
    user = str(config.get("User") or "")
    root = user.partition(":")[0] in ("", "0", "root")
    yield Verdict("user", user or "root", "USER 10001:10001 in the last stage" if root else "")
    yield _check_labels(config.get("Labels") or {})
    health = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    fix = "add HEALTHCHECK to the last stage" if health == ["NONE"] else ""
    yield Verdict("healthcheck", " ".join(health), fix)
    yield _check_secrets(subject)


def check_size(subject: Subject, against: ImageRecord | bool | None) -> Iterator[Verdict]:
    """The budget over the base, and the growth since the last release, databases not counted.

    `against`: the image in the last release, False where that does not have it, None without one.
    """
    ours = _own_size(subject.record)
    if ours is None:
        fix = "build with --load: the engine that has the image knows its size"
        yield Verdict("budget", "the manifest has no size", fix)
        return
    budget = subject.entry.budget_mb * 1e6
    seen = f"{format_bytes(ours)} over base, of {format_bytes(budget)}"
    over = "take something out, or raise budget_mb in images/images.toml" if ours > budget else ""
    yield Verdict("budget", seen, over)
    if against is None:
        yield Verdict("growth", "no last release to compare with (--against MANIFEST)")
        return
    now, before = _without_databases(subject.record), against and _without_databases(against)
    if not now or not before:
        fix = "name a manifest that has the image's size"
        yield Verdict("growth", "the last release has no size of it", fix)
        return
    grown = 100 * (now - before) / before
    seen = f"{grown:+.1f}% since {format_bytes(before)}, of {subject.limits.growth_percent:g}%"
    too_much = grown > subject.limits.growth_percent
    fix = "see what came in (docker history), or accept it: verify.growth_percent"
    yield Verdict("growth", seen, fix if too_much else "")


def _own_size(record: ImageRecord) -> int | None:
    if record.size_over_base is None:
        return None
    return record.size_over_base - sum(database.size for database in record.geolite or [])


def _without_databases(record: ImageRecord | bool) -> int:
    if not isinstance(record, ImageRecord) or not record.size:
        return 0
    return record.size - sum(database.size for database in record.geolite or [])


def _check_labels(labels: dict[str, str]) -> Verdict:
    missing = [name for name in _LABELS if not labels.get(f"org.opencontainers.image.{name}")]
    seen = f"missing: {', '.join(missing)}" if missing else f"{len(labels)} labels"
    return Verdict(
        "labels", seen, "build it with ./invoke build, in a git checkout" * bool(missing)
    )


def _check_secrets(subject: Subject) -> Verdict:
    """Only in what the image adds to its base: Python's own has a GPG_KEY, which is public."""
    base = set(subject.base["Config"].get("Env") or [])
    added = [line for line in subject.details["Config"].get("Env") or [] if line not in base]
    found = []
    for text in (*added, *subject.steps):
        found += [match[0].partition("=")[0] for match in _SECRET_NAME.finditer(text)]
        found += [_describe(match[0]) for match in _SECRET_VALUE.finditer(text)]
    if not found:
        return Verdict(
            "history", f"{len(subject.steps)} steps and {len(added)} variables, no secret"
        )
    seen = f"looks like a secret: {', '.join(dict.fromkeys(found))}"
    return Verdict("history", seen, "hand it in as a build secret (RUN --mount=type=secret)")


def _describe(secret: str) -> str:
    """What kind of secret it is, without saying it."""
    if secret.startswith("://"):
        return "credentials in a URL"
    return "a private key" if secret.startswith("-----") else f"{secret[:4]}…"
