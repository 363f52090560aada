"""The application checkout: whether it keeps the app contract, and what version it is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolkit.catalog import Image
from toolkit.errors import AppError, ProgramError
from toolkit.process import run

PYTHON_LOCKS = ("uv.lock", "requirements.lock", "requirements.txt")
"""In the order in which the backend's Dockerfile looks for them."""


@dataclass(frozen=True)
class App:
    """A checkout: where it is, what version it is, and what a person should be warned of.

    `epoch`: seconds since 1970 of the commit, the SOURCE_DATE_EPOCH of its images.
    """

    root: Path
    version: str
    revision: str
    dirty: bool
    epoch: int
    source: str
    warnings: tuple[str, ...] = ()
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Bake `secret` entries by context: an .npmrc can hold a registry's token."""


def read_app(root: Path, images: dict[str, Image]) -> App:
    """Check the parts of the checkout that `images` are built from, and read its version.

    Raises `AppError` with every finding.
    """
    if not root.is_dir():
        raise AppError(
            f"there is no application at {root}",
            cause="--app (or VECTIS_APP) must name a checkout with backend/, storefront/, admin/",
            hint="./invoke build --prod (without --app: builds the example in examples/vectis)",
        )
    findings: list[str] = []
    warnings: list[str] = []
    for image in images.values():
        check = _check_python if image.kind == "python" else _check_sveltekit
        found, warned = check(root / image.context)
        findings += found
        warnings += warned
    if findings:
        raise AppError(
            f"{root} does not keep the app contract",
            cause="\n         ".join(findings),
            hint="docs/images.md describes what the toolkit expects of an application",
        )
    npmrcs = {image.context: root / image.context / ".npmrc" for image in images.values()}
    return replace(
        _read_git(root),
        warnings=tuple(warnings),
        secrets={
            context: (f"id=npmrc,src={path}",) for context, path in npmrcs.items() if path.is_file()
        },
    )


def derive_version(described: str, dirty: bool) -> str:
    """A version from `git describe --tags --long --always`: `1.4.2`, `1.4.2-3-gabc1234`.

    A checkout without a tag is `0.0.0-g…`. The result is a valid image tag, too.
    """
    match = re.fullmatch(r"v?(.+)-(\d+)-(g[0-9a-f]+)", described)
    if match is None:
        version = f"0.0.0-g{described}"
    elif match[2] == "0":
        version = match[1]
    else:
        version = "-".join(match.groups())
    return re.sub(r"[^A-Za-z0-9._-]", "-", version) + ("-dirty" if dirty else "")


def web_address(remote: str) -> str:
    """The page of a git remote: ssh forms become https, credentials are dropped."""
    if "://" not in remote:
        scp = re.fullmatch(r"(?:[^@/]*@)?([\w.-]+):(?!/)([^@]+)", remote)  # git@host:path
        remote = f"ssh://{scp[1]}/{scp[2]}" if scp else ""
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https", "ssh") or not parts.hostname or "@" in parts.path:
        return ""
    return f"https://{parts.hostname}/{parts.path.strip('/').removesuffix('.git')}"


def _read_git(root: Path) -> App:
    def git(*arguments: str) -> str:
        done = run(["git", "-C", str(root), *arguments], check=False, timeout=30)
        return done.stdout.strip() if done.code == 0 else ""

    command = ["git", "-C", str(root), "log", "-1", "--no-show-signature", "--format=%H %ct"]
    try:
        commit = run(command, check=False, timeout=30)
    except ProgramError:  # no git on this machine
        return App(root, "0.0.0-unversioned", "", True, 0, "")
    if commit.code != 0:
        if "dubious ownership" in commit.stderr:
            raise AppError(
                f"git does not read {root}, which belongs to another user",
                cause="safe.directory in git-config(1); usual in a container of a CI job",
                hint=f"git config --global --add safe.directory {root}",
            )
        return App(root, "0.0.0-unversioned", "", True, 0, "")
    revision, epoch = commit.stdout.split()
    dirty = bool(git("status", "--porcelain", "--", "."))
    described = git("describe", "--tags", "--long", "--always", "--match", "v[0-9]*")
    source = web_address(git("config", "--get", "remote.origin.url"))
    return App(root, derive_version(described, dirty), revision, dirty, int(epoch), source)


def _check_python(directory: Path) -> tuple[list[str], list[str]]:
    project, findings = _read(directory / "pyproject.toml", tomllib.loads)
    if project is not None and not isinstance(project.get("project"), dict):
        findings.append(f"{directory / 'pyproject.toml'}: has no [project] table")
    for name in PYTHON_LOCKS:
        path = directory / name
        if path.is_file() and (name == "uv.lock" or b"--hash=" in path.read_bytes()):
            return findings, []
    return findings, [
        f"{directory.name} is not locked: it has neither uv.lock nor a requirements.lock with"
        " hashes, so that two builds can install different packages (uv lock makes one)"
    ]


def _check_sveltekit(directory: Path) -> tuple[list[str], list[str]]:
    path = directory / "package.json"
    package, findings = _read(path, json.loads)
    if package is not None:
        findings += [f"{path}: {finding}" for finding in _check_package(package)]
    if not (directory / "package-lock.json").is_file():
        findings.append(f"{directory}/package-lock.json: missing (make it with: npm install)")
    return findings, []


def _check_package(package: dict[str, Any]) -> Iterator[str]:
    scripts = package.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    if "build" not in scripts:
        yield 'no script "build" (usually: "vite build")'
    check = str(scripts.get("check", ""))
    missing = [word for word in ("houdini generate", "svelte-check") if word not in check]
    if missing:
        # An app whose check does neither would pass the gate unseen.
        yield f'the script "check" does not run {" and ".join(missing)}, which the gate needs'
    groups = (package.get("dependencies"), package.get("devDependencies"))
    if not any("@sveltejs/adapter-node" in group for group in groups if isinstance(group, dict)):
        yield "@sveltejs/adapter-node is not a dependency; the image serves its build/"


def _read(path: Path, parse: Any) -> tuple[dict[str, Any] | None, list[str]]:
    try:
        data = parse(path.read_text(encoding="utf-8"))
    except OSError:
        return None, [f"{path}: missing"]
    except ValueError as error:
        return None, [f"{path}: {error}"]
    if not isinstance(data, dict):
        return None, [f"{path}: must be a table of keys and values"]
    return data, []
