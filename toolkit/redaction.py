"""No secret in anything that the toolkit prints."""

from __future__ import annotations

import functools
import os
import re

_NAMES = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE)
_SHORTEST = 6
"""A shorter value would blot out ordinary words, and protects nothing."""

_USERINFO = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_added: set[str] = set()


def add_secret(value: str) -> None:
    """Have `value` masked in everything printed from here on."""
    if len(value) >= _SHORTEST:
        _added.add(value)


@functools.cache
def _environment() -> tuple[str, ...]:
    return tuple(
        value
        for name, value in os.environ.items()
        if _NAMES.search(name) and len(value) >= _SHORTEST and not os.path.exists(value)
    )


def redact(text: str) -> str:
    """`text` with known secrets, secret-like environment values and URL credentials masked."""
    for secret in sorted({*_environment(), *_added}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _USERINFO.sub("***", text)
