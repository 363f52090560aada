"""What goes wrong in a build, each with one clear error and its own exit code."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.integration.conftest import ROOT, invoke

MANIFEST = ROOT / "dist" / "release.json"


@pytest.fixture
def unchanged(release):
    """The manifest must come out of the test as it went in."""
    before = MANIFEST.read_bytes()
    yield
    assert MANIFEST.read_bytes() == before


def test_a_type_error_closes_the_gate(app, unchanged):
    (app / "storefront/src/lib/broken.ts").write_text('export const broken: number = "text";\n')
    ran = invoke("build", "--prod", "--app", str(app), "--image", "storefront")
    assert ran.code == 31
    assert "the gate of storefront is closed" in ran.error
    assert "src/lib/broken.ts:1:14" in ran.error
    assert "Type 'string' is not assignable to type 'number'" in ran.error
    assert "npm run check" in ran.error
    assert len(ran.error.splitlines()) < 15


def test_an_unknown_graphql_field_closes_the_gate_whoever_fails_first(app, unchanged):
    query = app / "storefront/src/queries/Products.gql"
    query.write_text(query.read_text().replace("priceCents", "priceCents\n\t\tcolour"))
    ran = invoke("build", "--prod", "--app", str(app))
    assert ran.code == 31
    assert "'colour' does not exist on Product" in ran.error
    assert "src/queries/Products.gql" in ran.error
    assert "dockerfile" not in ran.error.lower()


def test_a_field_that_is_used_but_not_queried_closes_the_gate(app, unchanged):
    """Bundling alone would let it pass."""
    query = app / "storefront/src/queries/Products.gql"
    assert "stock" in query.read_text()
    query.write_text(query.read_text().replace("\t\tstock\n", ""))
    ran = invoke("build", "--prod", "--app", str(app), "--image", "storefront")
    assert ran.code == 31
    assert "stock" in ran.error


def test_a_python_dependency_that_does_not_exist(app, unchanged):
    with (app / "backend/requirements.lock").open("a") as lock:
        lock.write(f"no-such-package-vectis==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    ran = invoke("build", "--prod", "--app", str(app), "--image", "backend")
    assert ran.code == 32
    assert "the dependencies of backend could not be installed" in ran.error
    assert "no-such-package-vectis" in ran.error


def test_an_npm_dependency_that_is_not_in_the_lock(app, unchanged):
    package = app / "admin/package.json"
    data = json.loads(package.read_text())
    data["devDependencies"]["no-such-package-vectis"] = "1.0.0"
    package.write_text(json.dumps(data))
    ran = invoke("build", "--prod", "--app", str(app), "--image", "admin")
    assert ran.code == 32
    assert "no-such-package-vectis" in ran.error


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        ("backend/pyproject.toml", "[project\n", "pyproject.toml"),
        ("storefront/package-lock.json", None, "package-lock.json: missing"),
        ("admin/package.json", '{"scripts": {}}', 'no script "build"'),
        ("backend", None, "backend/pyproject.toml: missing"),
    ],
)
def test_an_application_that_breaks_the_contract(app, unchanged, path, text, named):
    if text is None:
        (app / path).rename(app / "elsewhere")
    else:
        (app / path).write_text(text)
    ran = invoke("build", "--prod", "--app", str(app))
    assert ran.code == 10
    assert named in ran.error


def test_a_nearly_full_disk_is_seen_before_anything_is_written(tmp_path, unchanged):
    """A real file system that is too small: 64 MB of memory, mounted for this test."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=True)
    try:
        environment = {name: v for name, v in os.environ.items() if name != "DOCKER_HOST"}
        ran = subprocess.run(
            [ROOT / "invoke", "engine.start"], capture_output=True, text=True, check=False,
            env={**environment, "VECTIS_HOME": f"{disk}/home"},
        )  # fmt: skip
        assert ran.returncode == 22
        assert "needs 3.5 GB of free disk" in ran.stderr
        assert "VECTIS_HOME" in ran.stderr
        assert not any(disk.iterdir())
    finally:
        subprocess.run(["umount", disk], check=True)


def running_build(*arguments):
    """A build that has come to its first real step."""
    process = subprocess.Popen(
        [ROOT / "invoke", "build", "--prod", "--no-cache", "--image", "backend", *arguments],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    for line in process.stderr:
        if "Get:" in line or "apt-get" in line:
            return process
    raise AssertionError("the build ended early")


@pytest.mark.parametrize("how", ["terminal", "SIGINT", "SIGTERM"])
def test_an_interrupt_leaves_engine_and_manifest_clean(unchanged, how):
    process = running_build()
    if how == "terminal":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(getattr(signal, how))
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 130, error
    assert "Traceback" not in error
    deadline = time.monotonic() + 10
    # Of the toolkit's own process group, and of the step that BuildKit had begun.
    for left in (["-g", str(process.pid)], ["-f", "no-install-recommends binutils"]):
        while subprocess.run(["pgrep", *left], check=False).returncode == 0:
            assert time.monotonic() < deadline, f"a process of the build is left: {left}"
            time.sleep(0.1)
    assert invoke("build", "--prod", "--print").code == 0


def test_a_second_build_at_the_same_time_is_told_who_is_at_work(unchanged):
    first = running_build()
    try:
        second = invoke("build", "--prod")
        assert second.code == 40
        assert "is at work here" in second.error
    finally:
        os.killpg(first.pid, signal.SIGINT)
        first.communicate(timeout=30)


def test_no_buildx(release, tmp_path):
    """An engine that answers, on a machine without the client side."""
    hidden = {"HOME": str(tmp_path), "VECTIS_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    ran = invoke("build", "--prod", "--bases", "stand-in", **hidden)
    installed = [
        directory
        for directory in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
        if os.path.exists(f"{directory}/docker/cli-plugins/docker-buildx")
    ]
    if installed:
        assert ran.code == 0
        return
    assert ran.code == 21
    assert "docker-buildx is not installed" in ran.error
