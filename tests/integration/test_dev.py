"""The development stack: a line is changed, and the running product shows it.

Starts docker-compose.yml on a copy of the example: API, worker, storefront, admin, PostgreSQL,
Redis and a Temporal server, as tests/integration/stack/ makes them.
"""

import os
import shutil
import subprocess
import time
import urllib.request

import pytest

from tests.integration.conftest import ROOT, invoke
from toolkit.engine.find import find_plugin
from toolkit.paths import EXAMPLE_APP

PORTS = ("API_PORT", "STOREFRONT_PORT", "ADMIN_PORT", "POSTGRES_PORT", "TEMPORAL_UI_PORT")


@pytest.fixture(scope="module")
def dev(parties, tmp_path_factory):
    """The application's copy, and the addresses of what runs on it."""
    app = tmp_path_factory.mktemp("dev") / "shop"
    ignored = shutil.ignore_patterns("node_modules", ".svelte-kit", ".houdini")
    shutil.copytree(EXAMPLE_APP, app, ignore=ignored)
    project = f"vectis-dev-{os.getpid()}"
    environment = {
        **parties, "COMPOSE_PROJECT_NAME": project, "COMPOSE_PROFILES": "temporal",
        "VECTIS_APP": str(app), "API_ORIGIN": "",
        **dict.fromkeys(PORTS, "0"),
        **{f"{name}_IMAGE": "" for name in ("BACKEND", "STOREFRONT", "ADMIN")},
    }  # fmt: skip
    ran = invoke("up", **environment)
    assert ran.code == 0, ran.err[-3000:]
    compose = [find_plugin("docker-compose"), f"--file={ROOT / 'docker-compose.yml'}"]

    def run(*command):
        shell = {**os.environ, **environment}
        return subprocess.run(
            [*compose, *command], env=shell, capture_output=True, text=True, check=True
        ).stdout

    run.app = app
    run.api = f"http://{run('port', 'api', '8000').strip()}"
    run.storefront = f"http://{run('port', 'storefront', '5173').strip()}"
    yield run
    assert invoke("down", "--volumes", **environment).code == 0


def fetch(url, data=None):
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def wait_for(text, ask, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            if text in ask():
                return
        except OSError:
            pass  # it is starting again
        assert time.monotonic() < deadline, f"{text} did not come"
        time.sleep(0.1)


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def health(dev):
    return fetch(f"{dev.api}/graphql", b'{"query": "{ health }"}')


def test_a_line_of_the_backend_is_seen_in_the_running_api(dev):
    assert "Vectis Commerce API is healthy" in health(dev)
    change(dev.app / "backend/app/schema.py", "Vectis Commerce API is healthy", "API is edited")
    wait_for("API is edited", lambda: health(dev))


def test_a_line_of_a_page_is_seen_in_the_running_storefront(dev):
    page = dev.app / "storefront/src/routes/about/+page.svelte"
    assert "A page that was edited" not in fetch(f"{dev.storefront}/about")
    change(page, "<h1>", "<h1>A page that was edited: ")
    wait_for("A page that was edited", lambda: fetch(f"{dev.storefront}/about"))


def test_the_storefront_shows_products_and_the_worker_starts_again(dev):
    assert "Ash Desk Lamp" in fetch(f"{dev.storefront}/")
    wait_for("worker started", lambda: dev("logs", "worker"))
    change(dev.app / "backend/app/worker.py", "worker started on", "worker edited on")
    wait_for("worker edited", lambda: dev("logs", "worker"))
