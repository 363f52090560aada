"""`./invoke doctor`: what is good here, what is missing, what that costs and what to do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from toolkit import disk
from toolkit.app import read_app
from toolkit.ca import find_ca
from toolkit.catalog import read_catalog
from toolkit.console import format_bytes, paint
from toolkit.engine.find import Engine, find_engine, find_plugin
from toolkit.engine.packages import require_apt
from toolkit.errors import ToolkitError
from toolkit.geolite.cache import Cache
from toolkit.geolite.credentials import find_credentials
from toolkit.geolite.model import EDITIONS
from toolkit.paths import CATALOG, cache_home
from toolkit.process import run

_MARKS = {"good": ("✓", "green"), "limited": ("!", "yellow"), "missing": ("✗", "red")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it stands, what was seen, what it costs or what to do."""

    subject: str
    state: Literal["good", "limited", "missing"]
    seen: str
    advice: str = ""


def examine(app: Path) -> list[Finding]:
    """Look at everything that a build needs; an embedded engine is not started for it."""
    findings: list[Finding] = []
    engine = _examine_engine(findings)
    if engine:
        _try(findings, "buildx", _describe_buildx)
    _examine_disk(findings, engine)
    _examine_registry(findings, engine)
    _try(findings, "CA", _describe_ca)
    _examine_geolite(findings)
    _examine_app(findings, app)
    return findings


def show(findings: list[Finding], *, as_json: bool) -> None:
    """Print the findings: a line each, and a line of advice where there is some."""
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    for finding in findings:
        mark, style = _MARKS[finding.state]
        print(f"{paint(mark, style, sys.stdout)} {finding.subject:<9} {finding.seen}")
        if finding.advice:
            print(f"            {finding.advice}")


def _try(findings: list[Finding], subject: str, look: Callable[[], str]) -> None:
    try:
        findings.append(Finding(subject, "good", look()))
    except ToolkitError as error:
        findings.append(Finding(subject, "missing", error.message, error.hint))


def _examine_engine(findings: list[Finding]) -> Engine | None:
    try:
        engine = find_engine(start=False)
    except ToolkitError as error:
        findings.append(_without_engine(error))
        return None
    seen = f"{engine.origin}: Docker {engine.version} at {engine.host}"
    findings.append(Finding("engine", "good", seen))
    good = engine.store == "containerd"
    findings.append(
        Finding("store", "good" if good else "limited", engine.store, "; ".join(engine.limits))
    )
    return engine


def _without_engine(error: ToolkitError) -> Finding:
    """A named engine that is away stays away; else a build may start the embedded one."""
    if error.hint != "./invoke engine.start":
        return Finding("engine", "missing", f"{error.message}: {error.cause}", error.hint)
    try:
        require_apt("the embedded engine")
    except ToolkitError as missing:
        return Finding("engine", "missing", missing.message, missing.hint)
    return Finding("engine", "limited", "none runs", "a build starts one (95 MB, 15 s, once)")


def _examine_disk(findings: list[Finding], engine: Engine | None) -> None:
    path = (engine.root if engine else None) or cache_home()
    free, needed = disk.free_bytes(path), disk.BUILD_BYTES
    seen = f"{format_bytes(free)} free at {path}; a cold build takes {format_bytes(needed)}"
    advice = "" if free >= needed else "docker system prune, or VECTIS_HOME on another disk"
    findings.append(Finding("disk", "good" if free >= needed else "missing", seen, advice))


def _examine_registry(findings: list[Finding], engine: Engine | None) -> None:
    if engine is None:
        findings.append(Finding("registry", "limited", "not asked: no engine runs"))
        return
    from toolkit.engine.client import inspect_distribution

    reference = read_catalog(CATALOG).base["python"].reference
    try:
        inspect_distribution(engine.host, reference, timeout=5)
    except OSError as error:
        advice = (
            "stand-in bases are made from Debian packages (a minute, once; not for a release);"
            " VECTIS_MIRROR names a mirror"
        )
        seen = f"{reference} cannot be pulled: {error}"
        findings.append(Finding("registry", "limited", seen, advice))
    else:
        findings.append(Finding("registry", "good", f"{reference} can be pulled"))


def _describe_buildx() -> str:
    return run([find_plugin("docker-buildx"), "version"]).stdout.strip()


def _describe_ca() -> str:
    ca = find_ca("")
    return f"{ca.bundle} ({ca.origin})" if ca.bundle else "the public ones"


def _examine_geolite(findings: list[Finding]) -> None:
    try:
        credentials = find_credentials(os.environ, None)
    except ToolkitError as error:
        findings.append(Finding("GeoLite2", "missing", error.message, error.hint))
        return
    cached = Cache(cache_home()).find(EDITIONS[0])
    if cached or credentials:
        copy = f"of {cached.database.built[:10]} is cached" if cached else "is fetched by a build"
        findings.append(Finding("GeoLite2", "good", f"{EDITIONS[0]} {copy}"))
        return
    advice = "images are built without a database; MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY"
    findings.append(
        Finding("GeoLite2", "limited", "no credentials and no copy", f"{advice} (docs/geolite.md)")
    )


def _examine_app(findings: list[Finding], app: Path) -> None:
    try:
        read = read_app(app, read_catalog(CATALOG).image)
    except ToolkitError as error:
        findings.append(Finding("app", "missing", f"{error.message}: {error.cause}", error.hint))
        return
    state: Literal["good", "limited"] = "limited" if read.warnings else "good"
    seen = f"{read.root} {read.version}"
    findings.append(Finding("app", state, seen, "; ".join(read.warnings)))
