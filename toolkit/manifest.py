"""The release manifest `dist/release.json`: what a build made, and the evidence of every gate.

Everything after the build reads it or adds to it. Its schema is docs/release.schema.json, which
is derived from the types below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from toolkit.errors import CatalogError
from toolkit.files import write_atomically
from toolkit.geolite.model import Database

SCHEMA = 1


class BaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A base that an image was built from."""

    name: str
    reference: str
    digest: str
    source: Literal["lock", "registry", "mirror", "stand-in"]


class ImageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One image. Sizes are bytes, unpacked; `seconds` adds up the steps that ran for it.

    `geolite`: the databases baked in; null for an image that asks for none.
    """

    name: str
    tags: list[str]
    digest: str
    platforms: list[str]
    size: int | None
    size_over_base: int | None
    over: str
    bases: list[BaseRecord]
    seconds: float
    cached: bool
    gates: dict[str, str]
    geolite: list[Database] | None = None
    evidence: dict[str, Any] = {}


class EngineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that built it."""

    origin: str
    version: str
    store: str


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The whole manifest. `created` is RFC 3339, UTC; `seconds` the build's wall-clock time."""

    schema: int
    version: str
    revision: str
    dirty: bool
    source: str
    created: str
    production: bool
    seconds: float
    engine: EngineRecord
    images: list[ImageRecord]

    def image(self, name: str) -> ImageRecord | None:
        """The record of an image, if it is in the manifest."""
        return next((image for image in self.images if image.name == name), None)


def read_release(path: Path) -> Release:
    """Read a manifest; raises `CatalogError` when it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Release)
    except OSError as error:
        raise CatalogError(
            f"{path}: {error.strerror}", hint="./invoke build --prod writes it"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{path} is not a release manifest: {error}",
            cause="it was edited by hand, or written by another version of the toolkit",
            hint=f"rm {path}, then ./invoke build --prod",
        ) from None


def write_release(release: Release, path: Path) -> None:
    """Write a manifest whole or not at all."""
    write_atomically(path, encode_release(release))


def encode_release(release: Release) -> bytes:
    """The manifest as JSON, indented, with a final newline."""
    return msgspec.json.format(msgspec.json.encode(release), indent=2) + b"\n"


def describe_schema() -> bytes:
    """The JSON Schema of the manifest."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Release)), indent=2) + b"\n"
