"""From the change of a line to its being visible: the development stack, and a rebuild as its peer.

usage: ./invoke bench --dev [--rounds 3]

The peer is what is done without a mounted source: build the image again, replace the container,
wait for the same line. Every figure is the median of the rounds; the table goes to
docs/performance.md. The third parties' images are those of docker-compose.yml, or what
POSTGRES_IMAGE and so on name.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.builds import write_section  # noqa: E402
from toolkit.console import render_markdown  # noqa: E402
from toolkit.engine.find import find_engine, find_plugin  # noqa: E402
from toolkit.paths import EXAMPLE_APP  # noqa: E402

PORTS = ("API_PORT", "STOREFRONT_PORT", "ADMIN_PORT", "POSTGRES_PORT")


@dataclass(frozen=True)
class Loop:
    """A line that is changed, and where it is seen."""

    title: str
    image: str
    service: str
    port: str
    file: str
    text: str
    path: str
    data: bytes | None


LOOPS = (
    Loop(
        title="a line of the backend",
        image="backend",
        service="api",
        port="8000",
        file="backend/app/schema.py",
        text="Vectis Commerce API is healthy",
        path="/graphql",
        data=b'{"query": "{ health }"}',
    ),
    Loop(
        title="a line of a Svelte page",
        image="storefront",
        service="storefront",
        port="5173",
        file="storefront/src/routes/about/+page.svelte",
        text="About this shop",
        path="/about",
        data=None,
    ),
)


class Dev:
    """The development stack on a copy of the example."""

    def __init__(self, app: Path) -> None:
        engine = find_engine()
        self.app = app
        self.environment = {
            **os.environ, **engine.environment, "COMPOSE_PROJECT_NAME": "vectis-bench",
            "COMPOSE_PROFILES": "none", "VECTIS_APP": str(app), **dict.fromkeys(PORTS, "0"),
        }  # fmt: skip
        self._compose = [find_plugin("docker-compose"), f"--file={ROOT / 'docker-compose.yml'}"]

    def invoke(self, *arguments: str) -> None:
        """Run a task of the toolkit."""
        subprocess.run([ROOT / "invoke", *arguments], env=self.environment, check=True)

    def compose(self, *arguments: str) -> str:
        """Run a compose command."""
        return subprocess.run(
            [*self._compose, *arguments], env=self.environment, check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ).stdout.strip()  # fmt: skip

    def fetch(self, service: str, port: str, path: str, data: bytes | None) -> str:
        """What a service answers now."""
        url = f"http://{self.compose('port', service, port)}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())


def until(text: str, ask: Callable[[], str], start: float) -> float:
    """Seconds since `start` until `ask` answers with `text`."""
    while True:
        try:
            if text in ask():
                return time.monotonic() - start
        except (OSError, subprocess.CalledProcessError):
            pass  # it is starting again
        if time.monotonic() - start > 120:
            raise SystemExit(f"{text} did not become visible")
        time.sleep(0.02)


def main(rounds: int) -> None:
    """Measure and write the table."""
    with tempfile.TemporaryDirectory(prefix="vectis-bench.") as name:
        app = Path(name, "shop")
        ignored = shutil.ignore_patterns("node_modules", ".svelte-kit", ".houdini")
        shutil.copytree(EXAMPLE_APP, app, ignore=ignored)
        dev = Dev(app)
        dev.invoke("up")
        try:
            rows = [measure(dev, rounds, loop) for loop in LOOPS]
        finally:
            dev.invoke("down", "--volumes")
    header = ("changed", "edit to visible", "rebuild and replace", "ratio")
    table = render_markdown(header, rows, {1, 2, 3})
    write_section("./invoke bench --dev", rounds, find_engine(), table)


def measure(dev: Dev, rounds: int, loop: Loop) -> tuple[str, ...]:
    """One row: the reload, and the rebuild beside it, each with a line of its own."""

    def ask() -> str:
        return dev.fetch(loop.service, loop.port, loop.path, loop.data)

    source = dev.app / loop.file
    original = source.read_text(encoding="utf-8")
    ask()  # what a first request compiles is not part of the loop
    times: dict[str, list[float]] = {"reload": [], "rebuild": []}
    for number in range(rounds):
        for way, taken in times.items():
            text = f"{way} {number}"
            start = time.monotonic()
            source.write_text(original.replace(loop.text, text), encoding="utf-8")
            if way == "rebuild":
                dev.invoke("build", "--image", loop.image, "--app", str(dev.app))
                dev.compose("up", "--detach", "--no-deps", "--force-recreate", loop.service)
            taken.append(until(text, ask, start))
    reload, rebuild = (statistics.median(taken) for taken in times.values())
    return loop.title, f"{reload:.2f} s", f"{rebuild:.1f} s", f"{reload / rebuild:.2f}x"


if __name__ == "__main__":
    main(int(sys.argv[1]))
