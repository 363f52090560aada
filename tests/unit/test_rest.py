"""Small rooms: manifest, disk, package sources, CA, exit codes, the command line itself."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from tests.unit.conftest import ROOT
from toolkit import disk, errors
from toolkit.ca import find_ca
from toolkit.engine.packages import derive_sources
from toolkit.errors import CatalogError, DiskError, ToolkitError, UsageError
from toolkit.manifest import (
    BaseRecord,
    EngineRecord,
    ImageRecord,
    Release,
    describe_schema,
    encode_release,
    read_release,
    write_release,
)
from toolkit.summary import show_release, table_of

RELEASE = Release(
    schema=1, version="1.4.2", revision="abc", dirty=False, source="", production=True,
    created="2026-01-01T00:00:00+00:00", seconds=12.5,
    engine=EngineRecord(origin="embedded", version="26.1.5", store="containerd"),
    images=[
        ImageRecord(
            name="backend", tags=["vectis/backend:1.4.2"], digest="sha256:0123456789abcdef",
            platforms=[], size=300_000_000, size_over_base=88_000_000, over="python:3.12-slim",
            bases=[
                BaseRecord(
                    name="python", reference="python:3.12-slim", digest="sha256:1", source="lock"
                )
            ],
            seconds=41.2, cached=False, gates={"budget": "passed", "check": "failed"},
        )
    ],
)  # fmt: skip


def test_a_manifest_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "dist" / "release.json"
    write_release(RELEASE, path)
    assert read_release(path) == RELEASE
    assert read_release(path).image("backend").size == 300_000_000
    assert read_release(path).image("other") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', '{"schema": "one"}'])
def test_what_is_no_manifest_is_an_error_that_says_what_to_do(tmp_path, text):
    path = tmp_path / "release.json"
    path.write_text(text)
    with pytest.raises(CatalogError, match="is not a release manifest") as caught:
        read_release(path)
    assert "./invoke build --prod" in caught.value.hint


def test_the_schema_in_the_docs_is_the_manifests():
    import jsonschema

    schema = (ROOT / "docs" / "release.schema.json").read_bytes()
    assert schema == describe_schema(), "write it anew: see docs/manifest.md"
    jsonschema.validate(json.loads(encode_release(RELEASE)), json.loads(schema))


def test_the_table_and_the_step_summary(capsys, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    show_release(RELEASE, as_json=False)
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == table_of(RELEASE).splitlines()[0].split()
    assert row.split("  ")[0] == "backend"
    for cell in ("1.4.2", "0123456789ab", "300.0 MB", "88.0 MB", "41.2", "built", "check ✗"):
        assert cell in row
    assert "| backend | 1.4.2 |" in summary.read_text()
    show_release(RELEASE, as_json=True)
    assert json.loads(capsys.readouterr().out)["version"] == "1.4.2"


def test_a_full_disk_is_found_before_with_the_figures(tmp_path):
    disk.require(tmp_path / "not" / "yet" / "made", 1, "a test")
    with pytest.raises(DiskError, match=r"a test needs 1000000.0 GB of free disk; .* has "):
        disk.require(tmp_path, 10**15, "a test")


def test_sources_of_another_release():
    text = (
        "Suites: bookworm bookworm-updates\nSuites: bookworm-security\n"
        "Signed-By: /usr/share/keyrings/debian-archive-bookworm-stable.gpg\n"
        "deb http://mirror/debian bookworm main\n"
    )
    assert derive_sources(text, "bookworm", "trixie") == (
        "Suites: trixie trixie-updates\nSuites: trixie-security\n"
        "Signed-By: /usr/share/keyrings/debian-archive-bookworm-stable.gpg\n"
        "deb http://mirror/debian trixie main\n"
    )


def test_the_ca_is_the_one_named(tmp_path, monkeypatch):
    path = tmp_path / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    assert find_ca(str(path)).bake_secrets() == [f"id=ca,src={path}"]
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert find_ca(None).origin == "SSL_CERT_FILE"
    path.write_text("nothing")
    with pytest.raises(UsageError, match="holds no PEM certificate"):
        find_ca(str(path))
    with pytest.raises(UsageError, match="No such file"):
        find_ca(str(tmp_path / "absent"))


def test_every_class_of_error_has_its_own_documented_exit_code():
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    codes = {c.code: c.__name__ for c in classes if issubclass(c, ToolkitError)}
    assert len(codes) == len(classes)
    table = (ROOT / "docs" / "exit-codes.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, flags=re.M)}
    assert documented == set(codes) | {0, 3}


def invoke(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "invoke", "--search-root", ROOT, *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment}, cwd="/",
    )  # fmt: skip


def run_code(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )


def test_the_list_of_tasks_reads_well_and_loads_nothing():
    done = invoke("--list")
    assert done.returncode == 0
    for task in ("build", "doctor", "test", "lint", "bench", "engine.start", "engine.remove"):
        assert f"  {task} " in done.stdout
    code = "import sys, tasks; print(sorted(m for m in sys.modules if m.startswith('toolkit')))"
    loaded = run_code(code)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["build", "--prod", "--app", "/nowhere"], 10, "no application at /nowhere"),
        (["build", "--prod", "--image", "shop"], 12, "there is no image 'shop'"),
        (["build", "--prod", "--output", "tar"], 2, "--output takes load, push, oci"),
        (["engine.status"], 20, "no engine answers at unix:///nowhere"),
    ],
)
def test_bad_input_ends_in_one_error_without_a_traceback(arguments, code, message):
    done = invoke(*arguments, DOCKER_HOST="unix:///nowhere")
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "  next:  " in done.stderr or code == 2


def test_doctor_shows_what_is_missing_and_ends_with_1():
    done = invoke("doctor", DOCKER_HOST="unix:///nowhere", NO_COLOR="1")
    assert done.returncode == 1
    assert "✗ engine    no engine answers at unix:///nowhere" in done.stdout
    assert "error:" not in done.stderr


@pytest.mark.parametrize("option", ["--app", "--tag"])
def test_an_empty_option_is_refused_rather_than_forgotten(option):
    done = invoke("build", "--prod", option, "", DOCKER_HOST="unix:///nowhere")
    assert done.returncode == 2
    assert f"{option} is empty" in done.stderr


def test_a_dist_that_cannot_be_used_is_named_before_the_build(tmp_path):
    from toolkit.build import Request, build
    from toolkit.plan import Options

    (tmp_path / "dist").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        build(Request(tmp_path, [], Options(), dist=tmp_path / "dist"))
    (tmp_path / "other" / "release.json").mkdir(parents=True)
    with pytest.raises(UsageError, match="is a directory"):
        build(Request(tmp_path, [], Options(), dist=tmp_path / "other"))


def test_start_up_stays_light():
    """The modules that would slow every command down are not imported by a build's first steps."""
    code = (
        "import sys, toolkit.build; print([m for m in ('docker', 'requests') if m in sys.modules])"
    )
    start = time.monotonic()
    done = run_code(code)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - start < 10
