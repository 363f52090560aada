"""Where each base comes from: lock file, registry, mirror, else a stand-in."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from toolkit.bases.model import ResolvedBase, Source
from toolkit.bases.stand_in import STANDS_FOR, find_stand_in, make_stand_ins, tag_of
from toolkit.ca import Ca
from toolkit.catalog import Base
from toolkit.engine.find import Engine
from toolkit.errors import BaseError, CatalogError, UsageError
from toolkit.files import write_atomically
from toolkit.paths import cache_home

Mode = Literal["auto", "registry", "mirror", "stand-in"]

_PATIENCE = 5.0
"""Seconds that a registry has to answer. A closed network is recognised by the first base."""

_REMEMBERED = 3600.0
"""Seconds for which what a registry said, or that it did not answer, is not asked again."""


def resolve_bases(
    bases: dict[str, Base],
    *,
    engine: Engine,
    mode: str,
    mirror: str,
    lock: Path,
    ca: Ca,
) -> dict[str, ResolvedBase]:
    """Decide where each of `bases` comes from; makes stand-ins when it comes to that.

    `mirror`: a registry host (and path) that serves Docker Hub's images, or nothing. `lock`: the
    file with the locked digests, which need not exist. Raises `BaseError` when the one source
    that `mode` names does not have a base.
    """
    if mode == "mirror" and not mirror:
        raise UsageError("--bases mirror needs a mirror", hint="set VECTIS_MIRROR=HOST[/PATH]")
    if mode == "stand-in":
        return _use_stand_ins(bases, engine, ca)
    digests = read_lock(lock) if lock.is_file() else {}
    memory = _Memory(engine, mode, mirror)
    places: list[tuple[Source, Callable[[str], str]]] = []
    if mode in ("auto", "registry"):
        places.append(("registry", lambda reference: reference))
    if mirror and mode in ("auto", "mirror"):
        places.append(("mirror", lambda reference: f"{mirror}/{_hub_path(reference)}"))
    for source, name_at in places:
        found = {}
        for name, base in bases.items():
            image = name_at(base.reference)
            digest = digests.get(name) or memory.digest_of(image)
            if not digest or (name in digests and not memory.digest_of(image)):
                break
            pinned = f"{image}@{digest}"
            kind: Source = "lock" if name in digests else source
            found[name] = ResolvedBase(name, base.reference, kind, pinned, digest)
        else:
            return found
    if mode == "auto":
        return _use_stand_ins(bases, engine, ca)
    asked = mirror if mode == "mirror" else "the registry"
    raise BaseError(
        f"{asked} does not have every base: {memory.last_error or 'not found'}",
        cause=f"--bases {mode} allows no other source",
        hint="check it with: docker pull python:3.12-slim; or use --bases auto",
    )


def read_lock(path: Path) -> dict[str, str]:
    """The locked digest of each base: `[base.NAME] digest = "sha256:…"`."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("base", {})
        return {name: str(table["digest"]) for name, table in tables.items()}
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError) as error:
        raise CatalogError(f"{path} is not a lock of bases: {error}") from None


def _use_stand_ins(bases: dict[str, Base], engine: Engine, ca: Ca) -> dict[str, ResolvedBase]:
    for name, base in bases.items():
        if base.reference != STANDS_FOR.get(name):
            raise BaseError(
                f"there is no stand-in for {base.reference}",
                cause=f"stand-ins are made for {', '.join(STANDS_FOR.values())}",
                hint="reach a registry, or name a mirror with VECTIS_MIRROR",
            )
    digests = {name: find_stand_in(name, engine) for name in bases}
    if not all(digests.values()):
        make_stand_ins(engine, ca)
        digests = {name: find_stand_in(name, engine) for name in bases}
    return {
        name: ResolvedBase(name, base.reference, "stand-in", tag_of(name), digests[name] or "")
        for name, base in bases.items()
    }


def _hub_path(reference: str) -> str:
    """Docker Hub's official images live below `library/`, which a mirror wants said."""
    return reference if "/" in reference else f"library/{reference}"


class _Memory:
    """What registries answered lately, kept between runs for one engine and one way of asking."""

    def __init__(self, engine: Engine, mode: str, mirror: str) -> None:
        self._engine = engine
        self._path = cache_home() / "bases.json"
        self._key = f"{engine.identity} {mode} {mirror}"
        self._silent: set[str] = set()
        self.last_error = ""
        try:
            self._known: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def digest_of(self, image: str) -> str:
        """The digest that `image` has in its registry now; empty when it cannot be had."""
        answers = self._known.setdefault(self._key, {})
        known = answers.get(image)
        if known and time.time() - known["at"] < _REMEMBERED:
            self.last_error = known.get("error", "")
            return str(known["digest"])
        registry = image.rpartition("/")[0]
        digest = "" if registry in self._silent else self._ask(image)
        if not digest:
            self._silent.add(registry)
        answers[image] = {"digest": digest, "at": time.time(), "error": self.last_error}
        write_atomically(self._path, json.dumps(self._known).encode())
        return digest

    def _ask(self, image: str) -> str:
        """Have the engine ask, so that its mirrors and proxies count, with docker's own logins."""
        from toolkit.engine.client import inspect_distribution

        try:
            return inspect_distribution(self._engine.host, image, timeout=_PATIENCE)
        except OSError as error:
            self.last_error = str(error)
            return ""
