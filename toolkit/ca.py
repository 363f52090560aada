"""A custom certificate authority, for networks whose TLS is inspected.

It reaches RUN steps as a BuildKit secret, so it is in no layer and no cache key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import UsageError

_HOST_ADDED = Path("/usr/local/share/ca-certificates")
_HOST_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Ca:
    """The bundle of certificate authorities for build steps, if one is needed."""

    bundle: Path | None
    origin: str

    def bake_secrets(self) -> list[str]:
        """The bake definition's `secret` entries; the Dockerfiles mount `id=ca`."""
        return [f"id=ca,src={self.bundle}"] if self.bundle else []


def find_ca(named: str | None) -> Ca:
    """`--ca-bundle`, else SSL_CERT_FILE, else the host's bundle when the host adds its own to it.

    Debian and Ubuntu keep local authorities in /usr/local/share/ca-certificates
    (update-ca-certificates(8)). Raises `UsageError` when the named bundle is no PEM file.
    """
    if named:
        return Ca(_checked(Path(named), "--ca-bundle"), "--ca-bundle")
    variable = os.environ.get("SSL_CERT_FILE")
    if variable:
        return Ca(_checked(Path(variable), "SSL_CERT_FILE"), "SSL_CERT_FILE")
    if _HOST_BUNDLE.is_file() and any(_HOST_ADDED.glob("**/*.crt")):
        return Ca(_HOST_BUNDLE, "this host adds its own to /usr/local/share/ca-certificates")
    return Ca(None, "none needed")


def _checked(path: Path, name: str) -> Path:
    try:
        good = b"-----BEGIN CERTIFICATE-----" in path.read_bytes()
    except OSError as error:
        raise UsageError(f"{name} names {path}, which cannot be read: {error.strerror}") from None
    if not good:
        raise UsageError(f"{name} names {path}, which holds no PEM certificate")
    return path.resolve()
