"""The built images, run: roles, health, signals, limits."""

import json
import time

import pytest

from tests.integration.conftest import API_ENVIRONMENT

HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "tmpfs": {"/tmp": ""},
    "mem_limit": "512m",
}


def wait_healthy(one, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        one.reload()
        state = one.attrs["State"]
        if state.get("Health", {}).get("Status") == "healthy":
            return
        assert state["Running"], one.logs().decode()
        assert time.monotonic() < deadline, state["Health"]
        time.sleep(0.1)


def workers_of(one):
    _, output = one.exec_run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
    words = output.decode().split()
    return int(words[words.index("--workers") + 1])


@pytest.mark.parametrize("name", ["backend", "storefront", "admin"])
def test_an_image_is_healthy_when_locked_down_and_ends_well(tags, container, name):
    one = container(tags[name], **HARDENED)
    wait_healthy(one)
    start = time.monotonic()
    one.stop(timeout=15)
    one.reload()
    assert time.monotonic() - start < 10
    assert one.attrs["State"]["ExitCode"] == 0, one.logs().decode()


def test_the_api_answers_health(tags, container):
    one = container(tags["backend"], **HARDENED)
    wait_healthy(one)
    query = """
import json, urllib.request
request = urllib.request.Request("http://127.0.0.1:8000/graphql",
    b'{"query": "{ health }"}', {"Content-Type": "application/json"})
print(urllib.request.urlopen(request).read().decode())
"""
    code, output = one.exec_run(["python", "-c", query])
    assert code == 0, output
    assert json.loads(output) == {"data": {"health": "Vectis Commerce API is healthy"}}


def test_workers_follow_the_quota_and_can_be_named(tags, container):
    half = container(tags["backend"], nano_cpus=500_000_000, **HARDENED)
    named = container(
        tags["backend"], environment={**API_ENVIRONMENT, "WEB_CONCURRENCY": "2"}, **HARDENED
    )
    wait_healthy(half)
    wait_healthy(named)
    assert workers_of(half) == 1
    assert workers_of(named) == 2


def test_wrong_settings_stop_the_api_with_one_line_that_names_the_variable(tags, container):
    one = container(tags["backend"], environment={**API_ENVIRONMENT, "SECRET_KEY": "short"})
    assert one.wait(timeout=20)["StatusCode"] == 78
    lines = one.logs().decode().strip().splitlines()
    assert len(lines) == 1
    assert "SECRET_KEY" in lines[0]
    assert "short" not in lines[0].replace("shorter", "")


@pytest.mark.parametrize("role", ["worker", "consumer"])
def test_a_role_starts_waits_for_its_service_and_ends_on_a_signal(tags, container, role):
    one = container(tags["backend"], role, init=True, **HARDENED)
    time.sleep(4)
    one.reload()
    assert one.attrs["State"]["Running"], one.logs().decode()
    one.stop(timeout=15)
    one.reload()
    assert one.attrs["State"]["ExitCode"] == 0, one.logs().decode()


@pytest.mark.parametrize("role", ["migrate", "seed"])
def test_a_role_that_needs_the_database_says_that_it_is_away(tags, container, role):
    one = container(tags["backend"], role, **HARDENED)
    assert one.wait(timeout=60)["StatusCode"] not in (0, 64, 127)
    assert "Traceback" not in one.logs().decode()


def test_an_unknown_role_explains_the_known_ones(tags, container):
    one = container(tags["backend"], "serve")
    assert one.wait(timeout=20)["StatusCode"] == 64
    assert "api worker consumer migrate seed" in one.logs().decode()


def test_every_stripped_extension_module_still_loads(tags, container):
    code = """
import importlib.util, pathlib, sys, sysconfig
root = pathlib.Path(sysconfig.get_path("purelib"))
loaded = 0
for path in sorted(root.rglob("*.so")):
    if ".libs" in str(path):
        continue
    name = ".".join(path.relative_to(root).parts).split(".cpython-")[0]
    name = name.removesuffix(".so").removesuffix(".abi3")
    if not importlib.util.find_spec(name.partition(".")[0]):
        continue
    importlib.import_module(name)
    loaded += 1
print(loaded)
"""
    one = container(tags["backend"], "python", "-c", code)
    assert one.wait(timeout=60)["StatusCode"] == 0, one.logs().decode()[-2000:]
    assert int(one.logs().split()[-1]) > 15


def test_nothing_that_builds_is_left_in_the_images(tags, container):
    tools = "uv gcc cc strip npm npx yarn corepack"
    for name in ("backend", "storefront", "admin"):
        script = f"for tool in {tools}; do command -v $tool; done; ls -A /app; ls /root 2>&1"
        one = container(tags[name], entrypoint=["sh", "-c", script])
        one.wait(timeout=20)
        listed = one.logs().decode().split()
        assert not set(tools.split()) & {path.rpartition("/")[2] for path in listed}
        assert not {".git", ".env", "tests", "node_modules", "src"} & set(listed)


def test_the_marker_of_the_gate_is_in_the_front_ends(tags, container):
    for name in ("storefront", "admin"):
        one = container(tags[name], entrypoint=["cat", "/app/checked"])
        one.wait(timeout=20)
        assert one.logs().decode() == "houdini generate and svelte-check passed\n"


def test_health_fails_when_the_page_does(tags, container):
    one = container(tags["storefront"], environment={"HEALTH_PATH": "/no-such-page"})
    time.sleep(3)
    code, output = one.exec_run(["node", "/app/health.mjs"])
    assert (code, output) == (1, b"/no-such-page answers 404\n")
