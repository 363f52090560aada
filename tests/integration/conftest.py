"""Fixtures of the tests that run for real: an engine, the built images, copies of the example.

They start: the embedded engine where none is found (left running, as a build leaves it), and one
production build of the example. Everything else is started by the test that needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from toolkit.engine.client import connect  # noqa: E402
from toolkit.engine.find import Engine, find_engine, find_plugin  # noqa: E402
from toolkit.paths import EXAMPLE_APP  # noqa: E402

API_ENVIRONMENT = {
    "DATABASE_URL": "postgresql+asyncpg://nobody:nothing@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "integration-tests-integration-tests",
    "SECRETS_MASTER_KEY": "bm90aGluZ25vdGhpbmdub3RoaW5nbm90aGluZzEyMzQ=",
    "TEMPORAL_HOST": "127.0.0.1:1",
    "REDPANDA_BROKER": "127.0.0.1:1",
}


STACK = Path(__file__).parent / "stack"
PARTIES = {
    "proxy": "CADDY", "postgres": "POSTGRES", "redis": "REDIS", "temporal": "TEMPORAL",
    "redpanda": "REDPANDA", "meilisearch": "MEILISEARCH", "typesense": "TYPESENSE",
    "minio": "MINIO",
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """How a command of the toolkit ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """What a person is told at the end: from the line that starts with `error:`."""
        _, found, rest = self.err.rpartition("\nerror: ")
        return f"error: {rest}" if found else rest


def invoke(*arguments: str, **environment: str) -> Ran:
    """Run `./invoke` as a person does, from another directory."""
    done = subprocess.run(
        [str(ROOT / "invoke"), *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, **environment}, cwd="/", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def build(*arguments: str, **environment: str) -> dict[str, Any]:
    """Build, and return the manifest; a build that fails fails the test with its own words."""
    ran = invoke("build", "--prod", "--json", *arguments, **environment)
    assert ran.code == 0, ran.err[-3000:]
    return json.loads(ran.out)


@pytest.fixture(scope="session", autouse=True)
def engine() -> Engine:
    """The engine that a build would use; started when none runs."""
    found = find_engine()
    os.environ["DOCKER_HOST"] = found.host
    return found


@pytest.fixture(scope="session")
def client(engine: Engine) -> Any:
    """A docker SDK client of that engine."""
    return connect(engine.host)


@pytest.fixture(scope="session")
def buildx(engine: Engine) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run buildx itself, as somebody without the toolkit would."""
    program = find_plugin("docker-buildx")

    def run(
        *arguments: str, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **engine.environment}
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, env=environment,
            **options,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done

    return run


@pytest.fixture(scope="session")
def release(engine: Engine) -> dict[str, Any]:
    """The manifest of a production build of the example."""
    return build()


@pytest.fixture(scope="session")
def tags(release: dict[str, Any]) -> dict[str, str]:
    """The tag of each image of that build."""
    return {image["name"]: image["tags"][0] for image in release["images"]}


@pytest.fixture(scope="session")
def definition(release: dict[str, Any]) -> dict[str, Any]:
    """The bake definition of that build."""
    return json.loads(invoke("build", "--prod", "--print").out)


@pytest.fixture(scope="session")
def parties(
    definition: dict[str, Any], buildx: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The images of the third parties and of the browser, by their names in the compose file."""
    backend = definition["target"]["backend"]
    contexts = {**backend["contexts"], **definition["target"]["storefront"]["contexts"]}
    targets = {
        name: {
            "context": str(STACK),
            "dockerfile": "services.Dockerfile",
            "target": name,
            "contexts": contexts,
            "secret": backend.get("secret", []),
            "tags": [f"vectis-test/{name}"],
            "output": ["type=docker"],
            "attest": ["type=provenance,disabled=true"],
        }
        for name in (*PARTIES, "browser")
    }
    file = tmp_path_factory.mktemp("parties") / "bake.json"
    file.write_text(
        json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
    )
    buildx("bake", f"--file={file}", "--progress=plain")
    return {f"{variable}_IMAGE": f"vectis-test/{name}" for name, variable in PARTIES.items()}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the example, in git, to be changed."""
    root = tmp_path / "shop"
    shutil.copytree(EXAMPLE_APP, root, ignore=shutil.ignore_patterns("node_modules", ".svelte-kit"))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v1.4.2"]):
        author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", str(root), *author, *command], check=True)
    return root


@pytest.fixture
def container(client: Any) -> Iterator[Callable[..., Any]]:
    """Start containers that are removed when the test ends."""
    started = []

    def start(image: str, *command: str, **options: Any) -> Any:
        options.setdefault("environment", API_ENVIRONMENT)
        started.append(client.containers.run(image, list(command) or None, detach=True, **options))
        return started[-1]

    yield start
    for one in started:
        one.remove(force=True, v=True)
