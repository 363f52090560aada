"""Builds of the example beside two peers, in one run: naive Dockerfiles, and raw buildx bake.

usage: ./invoke bench [--rounds 3]

Every figure is the median of the rounds; the table goes to docs/performance.md. The application
is copied, so that its files can be changed; a change is a new one every time, so nobody profits
from the cache that another one filled.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit.ca import find_ca  # noqa: E402
from toolkit.console import format_bytes, render_markdown, say  # noqa: E402
from toolkit.engine.client import connect  # noqa: E402
from toolkit.engine.find import Engine, find_engine, find_plugin  # noqa: E402
from toolkit.manifest import read_release  # noqa: E402
from toolkit.paths import DIST, EXAMPLE_APP  # noqa: E402

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ("backend", "storefront", "admin")
BASES = {"python:3.12-slim": "stand-in-python", "node:24-slim": "stand-in-node"}
API_ENVIRONMENT = {
    "DATABASE_URL": "postgresql+asyncpg://nobody:nothing@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "benchmark-benchmark-benchmark-benchmark",
    "SECRETS_MASTER_KEY": "bm90aGluZ25vdGhpbmdub3RoaW5nbm90aGluZzEyMzQ=",
    "WEB_CONCURRENCY": "1",
}


class Contest:
    """The three ways to build, on one engine, from one copy of the application."""

    def __init__(self, engine: Engine, app: Path) -> None:
        self.engine = engine
        self.app = app
        self.buildx = find_plugin("docker-buildx")
        self.environment = {**os.environ, **engine.environment, "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
        self.changes = 0

    def run(self, *argv: str) -> None:
        """Run a command to its end; what it prints is shown only when it fails."""
        done = subprocess.run(
            argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(argv)} failed:\n{done.stdout}\n{done.stderr[-4000:]}")

    def toolkit(self) -> None:
        """`./invoke build --prod`, the whole command."""
        self.run("./invoke", "build", "--prod", f"--app={self.app}")

    def raw(self) -> None:
        """`docker buildx bake` of the definition that the toolkit prints."""
        self.run(self.buildx, "bake", "--progress=quiet", f"--file={self.app}/.git/bake.json")

    def naive(self) -> None:
        """A single-stage Dockerfile an image, one build after the other."""
        bundle = find_ca("").bundle
        for name in IMAGES:
            kind = "backend" if name == "backend" else "sveltekit"
            contexts = [
                f"--build-context={base}=docker-image://vectis-images/{stand_in}:{base.split(':')[1]}"
                for base, stand_in in BASES.items()
            ]
            self.run(
                self.buildx, "build", "--load", "--provenance=false", "--progress=quiet",
                f"--file=benchmarks/naive/{kind}.Dockerfile", f"--tag=naive/{name}", *contexts,
                *([f"--secret=id=ca,src={bundle}"] if bundle else []), str(self.app / name),
            )  # fmt: skip

    def write_definition(self) -> None:
        """Have the toolkit print its definition, for `raw`."""
        definition = subprocess.run(
            ["./invoke", "build", "--prod", "--print", f"--app={self.app}"],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        (self.app / ".git" / "bake.json").write_text(definition)

    def forget(self) -> None:
        """Empty the build cache and remove the images of all three; the bases stay."""
        self.run(self.buildx, "prune", "--all", "--force")
        client = connect(self.engine.host)
        for image in client.images.list():
            if any(tag.startswith(("vectis/", "naive/")) for tag in image.tags):
                client.images.remove(image.id, force=True)

    def append(self, *files: str) -> None:
        """Add a new line to files of the application."""
        self.changes += 1
        for name in files:
            path = self.app / name
            mark = f"<!-- {self.changes} -->" if path.suffix == ".svelte" else f"# {self.changes}"
            path.write_text(f"{path.read_text()}\n{mark}\n")

    def change_dependencies(self) -> None:
        """Change both kinds of lock, so that everything is installed anew."""
        self.append("backend/requirements.lock")
        for name in ("package.json", "package-lock.json"):
            path = self.app / "storefront" / name
            data = json.loads(path.read_text())
            data["version"] = f"1.0.{self.changes}"
            path.write_text(json.dumps(data, indent="\t"))

    def change_backend(self) -> None:
        """One line in the backend."""
        self.append("backend/app/main.py")

    def change_storefront(self) -> None:
        """One line in a page of the storefront."""
        self.append("storefront/src/routes/about/+page.svelte")

    def nothing(self) -> None:
        """No change at all."""


def measure(contest: Contest, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds by scenario and builder: the median of the rounds."""
    builders = {"naive": contest.naive, "raw bake": contest.raw, "toolkit": contest.toolkit}
    scenarios: dict[str, Callable[[], None]] = {
        "cold": contest.forget,
        "no-op": contest.nothing,
        "backend line": contest.change_backend,
        "front-end line": contest.change_storefront,
        "dependency change": contest.change_dependencies,
    }
    table: dict[str, dict[str, float]] = {}
    for scenario, change in scenarios.items():
        seconds: dict[str, list[float]] = {name: [] for name in builders}
        for number in range(rounds):
            for name, build in builders.items():
                if scenario == "no-op":
                    build()  # whatever came before, this one has nothing left to do
                change()
                start = time.monotonic()
                build()
                seconds[name].append(time.monotonic() - start)
                say(f"{scenario} {number + 1}/{rounds} {name}: {seconds[name][-1]:.2f} s")
        table[scenario] = {name: statistics.median(times) for name, times in seconds.items()}
    return table


def measure_start(contest: Contest, image: str, rounds: int) -> float:
    """Seconds from asking the engine to run the API until its health check says healthy."""
    client = connect(contest.engine.host)
    times = []
    for _ in range(rounds):
        start = time.monotonic()
        container = client.containers.run(
            image, detach=True, environment=API_ENVIRONMENT, network_mode="none", read_only=True
        )
        try:
            while True:
                health = client.api.inspect_container(container.id)["State"].get("Health", {})
                if health.get("Status") == "healthy":
                    break
                if time.monotonic() - start > 30:
                    sys.exit(f"not healthy after 30 s:\n{container.logs().decode()}")
                time.sleep(0.01)
            times.append(time.monotonic() - start)
        finally:
            container.remove(force=True)
    return statistics.median(times)


def main() -> None:
    """Run everything and write the page."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    engine = find_engine()
    with tempfile.TemporaryDirectory(prefix="vectis-bench.") as name:
        app = Path(name, "app")
        shutil.copytree(EXAMPLE_APP, app, ignore=shutil.ignore_patterns("node_modules", ".venv"))
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "benchmark"]):
            subprocess.run(["git", "-C", str(app), *command], check=True)
        contest = Contest(engine, app)
        contest.toolkit()  # starts the engine and makes the bases
        contest.write_definition()
        seconds = measure(contest, rounds)
        release = read_release(DIST / "release.json")
        start = measure_start(contest, release.images[0].tags[0], max(rounds, 5))
    header = ("scenario", "naive", "raw bake", "toolkit", "toolkit / naive", "toolkit - raw bake")
    rows = [
        (
            scenario,
            *(f"{row[name]:.2f} s" for name in ("naive", "raw bake", "toolkit")),
            f"{row['toolkit'] / row['naive']:.2f}",
            f"{row['toolkit'] - row['raw bake']:+.2f} s",
        )
        for scenario, row in seconds.items()
    ]
    sizes = [
        (
            image.name,
            format_bytes(image.size or 0),
            format_bytes(image.size_over_base or 0),
            image.over,
        )
        for image in release.images
    ]
    body = [
        render_markdown(header, rows, {1, 2, 3, 4, 5}),
        render_markdown(("image", "size", "over base", "base"), sizes, {1, 2}),
        f"From `docker run` of the API to healthy: **{start:.2f} s**.",
    ]
    write_section("./invoke bench", rounds, engine, "\n\n".join(body))


def write_section(title: str, rounds: int, engine: Engine, body: str) -> None:
    """Replace the part of docs/performance.md between the marks that have this title."""
    page = PAGE.read_text()
    begin, end = f"<!-- begin: {title} -->", f"<!-- end: {title} -->"
    before, after = page.split(begin)[0], page.split(end)[1]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Docker {engine.version}"
    day = f"{time.strftime('%Y-%m-%d')}, {machine}, store {engine.store}, median of {rounds}."
    PAGE.write_text(f"{before}{begin}\n{day}\n\n{body}\n{end}{after}")
    say(f"written to {PAGE.relative_to(ROOT)}", "green")
    print(body)


if __name__ == "__main__":
    main()
