"""Stand-ins: bases that the toolkit builds itself where no registry can be reached.

Real systems, not shells: Debian's minimal root file system, with CPython 3.12 or Node 24 and npm
at the paths where Docker's official images have them. Built once and kept in the engine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolkit.bakery import client_environment
from toolkit.bases import cpython, debian, nodejs
from toolkit.ca import Ca
from toolkit.console import phase, say
from toolkit.engine import embedded
from toolkit.engine.api import get
from toolkit.engine.find import Engine, find_plugin
from toolkit.errors import BaseError
from toolkit.files import locked
from toolkit.paths import ROOT
from toolkit.process import run

RECIPE = "com.vectis.stand-in.recipe"
"""The label that tells which recipe made a stand-in; another recipe makes it again."""

_SOURCES = ROOT / "images" / "bases"
STANDS_FOR = {
    "debian": "debian:bookworm-slim",
    "python": "python:3.12-slim",
    "node": "node:24-slim",
}
"""What there is a stand-in for, by the name of its stage."""


def tag_of(name: str) -> str:
    """The local name of the stand-in for the base `name`."""
    return f"vectis-images/stand-in-{STANDS_FOR[name]}"


def recipe() -> str:
    """A digest of everything that decides what a stand-in is."""
    parts = [(_SOURCES / name).read_bytes() for name in ("Dockerfile", "requirements.lock")]
    modules = ("debian.py", "cpython.py", "nodejs.py")
    parts += [Path(__file__).with_name(name).read_bytes() for name in modules]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def find_stand_in(name: str, engine: Engine) -> str | None:
    """The digest of the present stand-in for `name` in the engine, or None."""
    found = get(engine.host, f"/images/{tag_of(name)}/json")
    if found and (found["Config"].get("Labels") or {}).get(RECIPE) == recipe():
        return str(found["Id"])
    return None


def make_stand_ins(engine: Engine, ca: Ca) -> None:
    """Build all three stand-ins into the engine; about a minute, once.

    Raises `BaseError` where the host has not what they are made of.
    """
    places = embedded.locate()
    lock = places.home / "stand-ins.lock"
    with locked(lock, waiting=lambda pid: say(f"waiting for pid {pid}, which makes the bases")):
        if all(find_stand_in(name, engine) for name in STANDS_FOR):
            return  # the run that we waited for made them
        with (
            phase("make stand-in bases (about a minute, once)"),
            tempfile.TemporaryDirectory(dir=places.home, prefix="stand-ins.") as name,
        ):
            context = Path(name)
            packages = _gather(context, places)
            definition = context / "bake.json"
            definition.write_text(json.dumps(_definition(context, packages, ca)))
            run(
                [find_plugin("docker-buildx"), "bake", "--progress=plain", f"--file={definition}"],
                env=client_environment(engine),
                timeout=900,
                echo=True,
            )
    missing = [name for name in STANDS_FOR if find_stand_in(name, engine) is None]
    if missing:
        raise BaseError(f"the engine did not keep the stand-ins: {', '.join(missing)}")


def _gather(context: Path, places: embedded.Embedded) -> list[str]:
    """Lay out the build context; returns the Debian packages that CPython needs."""
    prefix = cpython.find_prefix()
    downloads = context / "downloads"
    downloads.mkdir()
    with ThreadPoolExecutor() as pool:  # apt and pip wait for the network, so side by side
        waiting = [
            pool.submit(debian.make_root, context / "debian.tar", places),
            pool.submit(nodejs.unpack_node, context / "node", downloads),
        ]
        packages = cpython.copy_prefix(prefix, context / "python")
        for future in waiting:
            future.result()
    shutil.rmtree(downloads)
    return packages


def _definition(context: Path, packages: list[str], ca: Ca) -> dict[str, object]:
    def target(name: str) -> dict[str, object]:
        return {
            "context": str(context),
            "dockerfile": str(_SOURCES / "Dockerfile"),
            "target": name,
            "args": {"PYTHON_PACKAGES": " ".join(packages)} if name == "python" else {},
            "labels": {
                "org.opencontainers.image.title": f"stand-in for {STANDS_FOR[name]}",
                "com.vectis.stand-in": name,
                RECIPE: recipe(),
            },
            "secret": ca.bake_secrets(),
            "attest": ["type=provenance,disabled=true"],
            "tags": [tag_of(name)],
            "output": ["type=docker"],
        }

    return {
        "group": {"default": {"targets": list(STANDS_FOR)}},
        "target": {name: target(name) for name in STANDS_FOR},
    }
