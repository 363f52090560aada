"""Rules on the files that an image adds to its base, read from its layers."""

from __future__ import annotations

import fnmatch
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from toolkit.verify.model import Subject, Verdict

_KEY = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+(?:[\w -]+: [^\n]*\s+)*[\w+/=]{24}"
)
"""A private key with a body: libraries hold the mere marker."""

_MOST = 12
"""Findings that are named; a forgotten cache has thousands."""


@dataclass(frozen=True)
class Entry:
    """A file of a layer: its path without a leading slash, its mode, whether a key is in it."""

    path: str
    mode: int
    key: bool


def read_archive(archive: Path, skipped: int) -> Iterator[Entry]:
    """The files of a saved image's layers after the first `skipped`; later layers may repeat.

    Reads what `docker save` writes (its manifest.json names the layers in order), whatever the
    layers are packed with.
    """
    with tarfile.open(archive) as tar:
        manifest = json.load(_member(tar, "manifest.json"))
        for name in manifest[0]["Layers"][skipped:]:
            with _open_layer(_member(tar, name)) as layer:
                for item in layer:
                    yield Entry(item.name.removeprefix("./"), item.mode, _holds_key(layer, item))


def check_contents(subject: Subject, files: Iterable[Entry]) -> Iterator[Verdict]:
    """Set-uid files, forbidden paths (`verify.forbidden`) and private keys."""
    entries = list(files)
    setuid = [entry.path for entry in entries if entry.mode & 0o6000]
    yield _verdict("set-uid", setuid, "chmod ug-s it in the stage that lays it out", len(entries))
    forbidden = [entry.path for entry in entries if _matches(entry.path, subject.limits.forbidden)]
    fix = "leave it behind in a build stage, or name it in the .dockerignore file"
    yield _verdict("left-behind", forbidden, fix, len(entries))
    keys = [entry.path for entry in entries if entry.key]
    fix = "revoke the key, then take it out: whoever can pull the image has it"
    yield _verdict("private-keys", keys, fix, len(entries))


def _verdict(rule: str, found: list[str], fix: str, count: int) -> Verdict:
    if not found:
        return Verdict(rule, f"none in {count} files over the base")
    named = ", ".join(f"/{path}" for path in found[:_MOST])
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return Verdict(rule, named + more, fix)


def _matches(path: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(f"/{path}", pattern) for pattern in patterns)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = tar.extractfile(name)
    if stream is None:
        raise tarfile.ReadError(f"{name} is not a file")
    return stream


def _open_layer(stream: IO[bytes]) -> tarfile.TarFile:
    """A layer's tar, which zstd, gzip or nothing packs (OCI image specification, layers)."""
    magic = stream.read(4)
    stream.seek(0)
    if magic == b"\x28\xb5\x2f\xfd":
        import zstandard

        return tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(stream), mode="r|")
    return tarfile.open(fileobj=stream, mode="r|*")


def _holds_key(layer: tarfile.TarFile, item: tarfile.TarInfo) -> bool:
    source = layer.extractfile(item) if item.isfile() else None
    return bool(source and _KEY.search(source.read()))
