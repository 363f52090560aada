"""Run bake definitions through buildx on an engine."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from toolkit.bake import render
from toolkit.engine.find import Engine, find_plugin
from toolkit.paths import cache_home
from toolkit.process import Completed, stream

_TIMEOUT = 3600.0


def run_bake(
    definition: dict[str, Any], engine: Engine, *, builder: str = "", quiet: bool = False
) -> tuple[Completed, dict[str, Any]]:
    """Run a bake definition; returns how buildx ended and its metadata by target.

    `builder`: a builder of buildx's own instead of the engine's. `quiet`: show no progress.
    """
    with tempfile.TemporaryDirectory(prefix="vectis-bake.") as name:
        path = Path(name, "bake.json")
        path.write_text(render(definition), encoding="utf-8")
        metadata = Path(name, "metadata.json")
        argv = [find_plugin("docker-buildx"), "bake", f"--file={path}"]
        argv += [f"--metadata-file={metadata}", *([f"--builder={builder}"] if builder else [])]
        environment = client_environment(engine, builder)
        done = stream(argv, env=environment, timeout=_TIMEOUT, echo=not quiet, quiet=quiet)
        text = metadata.read_text(encoding="utf-8") if metadata.is_file() else ""
    return done, json.loads(text or "{}")


def client_environment(engine: Engine, builder: str = "") -> dict[str, str]:
    """What buildx needs to use this engine, or the named builder, and no other."""
    # Newer releases of bake ask before they read outside the working directory; the definition is
    # the toolkit's own and names only the app, our Dockerfiles and the CA.
    environment = {**engine.environment, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
    if not builder:
        # Else BUILDX_BUILDER, or whatever `docker buildx use` was last told, would decide.
        environment["BUILDX_BUILDER"] = "default"
        if engine.origin == "embedded":
            environment["BUILDX_CONFIG"] = str(cache_home() / "engine" / "buildx")
    return environment
