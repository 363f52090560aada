"""Docker Compose on the engine that a build would use."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.build import Request, build
from toolkit.catalog import read_catalog
from toolkit.engine.find import Engine, find_engine, find_plugin
from toolkit.errors import UsageError
from toolkit.manifest import read_release
from toolkit.paths import CATALOG, DIST, ROOT
from toolkit.plan import Options
from toolkit.process import Completed, attend, run, stream
from toolkit.stack.model import find_missing, name_images

_NOT_NEEDED = "not-needed-for-this"
"""Stands for variables that compose wants to see even to stop something."""


@dataclass(frozen=True)
class Stack:
    """One of the two stacks: its file, the engine, and the variables that it is started with."""

    engine: Engine
    arguments: tuple[str, ...]
    environment: dict[str, str]
    flags: str
    """The options that name it again, for hints."""

    def run(self, *command: str, timeout: float = 120) -> Completed:
        """Run a compose command for what it prints."""
        argv = [*self.arguments, *command]
        return run(argv, env=self.environment, timeout=timeout, check=False)

    def stream(self, *command: str) -> Completed:
        """Run a compose command that a person watches."""
        return stream([*self.arguments, *command], env=self.environment)

    def attend(self, *command: str) -> int:
        """Run a compose command on this terminal."""
        return attend([*self.arguments, *command], cwd=ROOT, env=self.environment)

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """What `docker compose ps` knows of the services, ended ones too."""
        text = self.run("ps", "--all", "--format=json", *services).stdout
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def open_stack(
    *, production: bool, env_file: str, profiles: list[str], app: Path, starting: bool
) -> Stack:
    """The stack as options name it.

    `starting`: images and variables must be there; else what is missing is made up, as compose
    wants it even to stop the stack. Raises `UsageError` with every variable that is not set.
    """
    engine = find_engine()
    file = ROOT / ("docker-compose.prod.yml" if production else "docker-compose.yml")
    environment = {**engine.environment, "VECTIS_APP": str(app)}
    given = {**_read_env_file(env_file), **os.environ}  # as compose has it
    if starting:
        images = _name_images(engine, production, app)
        environment |= {name: image for name, image in images.items() if not given.get(name)}
    missing = find_missing(file.read_text(encoding="utf-8"), {**given, **environment})
    if missing and starting:
        raise UsageError(
            f"{len(missing)} variables are not set",
            cause="\n         ".join(missing),
            hint="--env-file FILE, with what docs/running.md lists",
        )
    environment |= {line.partition(":")[0]: _NOT_NEEDED for line in missing}
    arguments = [find_plugin("docker-compose"), f"--file={file}", f"--project-directory={ROOT}"]
    arguments += [f"--env-file={Path(env_file).resolve()}"] if env_file else []
    if profiles or not given.get("COMPOSE_PROFILES"):
        _check_profiles(profiles, file.read_text(encoding="utf-8"))
        arguments += [f"--profile={name}" for name in profiles or ["services"]]
    flags = "--prod " if production else ""
    return Stack(engine, tuple(arguments), environment, flags)


def _check_profiles(names: list[str], compose: str) -> None:
    """A profile that does not exist would quietly start nothing."""
    known = {
        name for line in re.findall(r"profiles: \[(.*)\]", compose) for name in line.split(", ")
    }
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no profile {name!r}", cause=f"--profile takes {', '.join(sorted(known))}"
            )


def _name_images(engine: Engine, production: bool, app: Path) -> Mapping[str, str]:
    """The images of the manifest; development images are built here, mostly out of the cache."""
    if not production:
        options = Options(production=False)
        build(Request(app=app, images=[], options=options, dist=DIST / "development"))
        return {}
    release = read_release(DIST / "release.json")
    absent = [name for name in read_catalog(CATALOG).image if not release.image(name)]
    if absent or not release.production:
        raise UsageError(
            f"dist/release.json lacks the production image of {', '.join(absent) or 'any'}",
            hint="./invoke build --prod, without --image",
        )
    return name_images(release, by_digest=engine.containerd)


def _read_env_file(name: str) -> dict[str, str]:
    if not name:
        return {}
    from dotenv import dotenv_values

    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--env-file {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--env-file {name} is no text") from None
    values = dotenv_values(stream=io.StringIO(text))
    return {key: value or "" for key, value in values.items()}
