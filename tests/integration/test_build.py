"""The build itself: manifest, cache, labels, outputs, the Dockerfiles alone."""

import json
import tarfile
import uuid

import jsonschema
import pytest

from tests.integration.conftest import ROOT, build, invoke

TITLES = ["backend", "storefront", "admin"]


def test_a_build_leaves_a_manifest_that_keeps_its_schema(release):
    path = ROOT / "dist" / "release.json"
    assert json.loads(path.read_text())["images"]
    schema = json.loads((ROOT / "docs" / "release.schema.json").read_text())
    jsonschema.validate(release, schema)
    assert [image["name"] for image in release["images"]] == TITLES


def test_sizes_stay_within_the_budgets(release):
    over = {image["name"]: image["size_over_base"] / 1e6 for image in release["images"]}
    assert over["backend"] <= 90
    assert over["storefront"] <= 5
    assert over["admin"] <= 5
    assert all(image["gates"]["budget"] == "passed" for image in release["images"])


def test_the_digest_of_the_manifest_is_the_engines(release, client, engine):
    for image in release["images"]:
        found = client.images.get(image["tags"][0])
        if engine.containerd:
            assert found.id == image["digest"]
        assert found.attrs["Config"]["User"] == "10001:10001"


def test_labels_say_what_an_image_is(release, client):
    for image in release["images"]:
        labels = client.images.get(image["tags"][0]).labels
        key = "org.opencontainers.image."
        assert labels[f"{key}title"] == f"vectis {image['name']}"
        assert labels[f"{key}version"] == release["version"]
        assert labels[f"{key}revision"] == release["revision"]
        assert labels[f"{key}base.name"] == image["bases"][0]["reference"]
        assert labels[f"{key}base.digest"] == image["bases"][0]["digest"]
        assert labels[f"{key}created"].endswith("Z")


def test_a_second_build_is_cached_and_has_the_same_digests(release):
    again = build()
    assert all(image["cached"] for image in again["images"])
    assert [i["digest"] for i in again["images"]] == [i["digest"] for i in release["images"]]


def test_the_table_is_what_a_person_sees(release):
    ran = invoke("build", "--prod")
    header, *rows = ran.out.splitlines()
    assert header.split()[:3] == ["IMAGE", "TAG", "DIGEST"]
    assert [row.split()[0] for row in rows] == TITLES
    assert "check ✓" in rows[1]
    assert "\033[" not in ran.out + ran.err


def test_the_version_is_the_applications(app):
    made = build("--app", str(app), "--image", "backend")
    assert made["version"] == "1.4.2"
    assert made["images"][0]["tags"] == ["vectis/backend:1.4.2"]
    # A line that no run before wrote: the engine's cache outlives this one.
    (app / "backend" / "app" / "main.py").open("a").write(f"\n# {uuid.uuid4()}\n")
    changed = build("--app", str(app), "--image", "backend", "--tag", "mine")
    assert changed["dirty"]
    assert changed["version"] == "1.4.2-dirty"
    assert changed["images"][0]["tags"] == ["vectis/backend:mine"]
    assert not changed["images"][0]["cached"]


def test_the_definition_runs_without_the_toolkit(definition, buildx):
    text = json.dumps(definition)
    printed = buildx("bake", "--file=-", "--print", input=text).stdout
    assert set(json.loads(printed)["target"]) == set(TITLES)
    buildx("bake", "--file=-", "--progress=plain", input=text)


@pytest.mark.parametrize(
    ("dockerfile", "target", "context"),
    [
        ("images/backend/Dockerfile.prod", "", "backend"),
        ("images/sveltekit/Dockerfile", "prod", "storefront"),
    ],
)
def test_a_dockerfile_builds_alone(definition, buildx, dockerfile, target, context):
    """With nothing of ours but the bases, which a user's engine pulls, and this network's CA."""
    ours = definition["target"][context]
    buildx(
        "build", f"--file={ROOT / dockerfile}", *([f"--target={target}"] if target else []),
        *(f"--build-context={name}={place}" for name, place in ours["contexts"].items()),
        *(f"--secret={secret}" for secret in ours.get("secret", [])),
        "--output=type=cacheonly", str(ROOT / "examples" / "vectis" / context),
    )  # fmt: skip


def test_the_libraries_sources_can_be_kept(definition, buildx, client):
    ours = definition["target"]["backend"]
    buildx(
        "build", f"--file={ROOT}/images/backend/Dockerfile.prod", "--load", "--provenance=false",
        "--build-arg=LIBRARY_SOURCE=keep", "--tag=vectis-test/sources",
        *(f"--build-context={name}={place}" for name, place in ours["contexts"].items()),
        *(f"--secret={secret}" for secret in ours.get("secret", [])),
        str(ROOT / "examples" / "vectis" / "backend"),
    )  # fmt: skip
    code = "import inspect, fastapi; print(inspect.getsource(fastapi.FastAPI)[:14])"
    printed = client.containers.run("vectis-test/sources", ["python", "-c", code], remove=True)
    assert printed == b"class FastAPI(\n"
    client.images.remove("vectis-test/sources")


def test_an_oci_archive_holds_the_same_image(release, tmp_path):
    made = build("--image", "admin", "--output", "oci")
    with tarfile.open(ROOT / "dist" / "oci" / "admin.tar") as archive:
        index = json.load(archive.extractfile("index.json"))
        manifest = json.load(
            archive.extractfile(f"blobs/{index['manifests'][0]['digest'].replace(':', '/')}")
        )
    assert index["manifests"][0]["digest"] == made["images"][0]["digest"]
    assert made["images"][0]["digest"] == release["images"][2]["digest"]
    assert all(layer["mediaType"].startswith("application/vnd.oci") for layer in manifest["layers"])
    build()  # leaves the manifest of the whole example again


def test_two_builds_without_cache_have_the_same_digests(release, engine):
    if not engine.containerd:
        assert engine.limits  # and the person was told so
        return
    again = build("--no-cache")
    assert not any(image["cached"] for image in again["images"])
    assert [i["digest"] for i in again["images"]] == [i["digest"] for i in release["images"]]


def test_development_images_reload(client):
    ran = invoke("build", "--json")
    assert ran.code == 0, ran.err[-2000:]
    made = json.loads(ran.out)
    assert not made["production"]
    commands = {
        image["name"]: client.images.get(image["tags"][0]).attrs["Config"]["Cmd"]
        for image in made["images"]
    }
    assert "--reload" in commands["backend"]
    assert commands["storefront"] == commands["admin"] == ["npm", "run", "dev"]
    build()


def test_the_examples_own_tests_pass_in_its_development_image(definition, client):
    """With its schema: the front ends' copies must be what the backend exports."""
    assert invoke("build", "--image", "backend").code == 0
    volumes = {str(ROOT / "examples" / "vectis"): {"bind": "/shop", "mode": "ro"}}
    environment = {
        "PYTHONPATH": "/tmp/tools", "PYTHONDONTWRITEBYTECODE": "1", "ENVIRONMENT": "production",
    }  # fmt: skip
    for secret in definition["target"]["backend"].get("secret", []):
        volumes[secret.partition("src=")[2]] = {"bind": "/ca.pem", "mode": "ro"}
        environment |= {"SSL_CERT_FILE": "/ca.pem"}
    script = (
        "uv pip install -q --cache-dir /tmp/uv --target /tmp/tools 'httpx<1' 'pytest<10'"
        " && cd /shop/backend && python -m pytest -q -p no:cacheprovider"
        " && for app in storefront admin; do cmp ../schema.graphql ../$app/schema.graphql; done"
    )
    printed = client.containers.run(
        "vectis/backend:dev", ["sh", "-euc", script],
        volumes=volumes, environment=environment, remove=True,
    ).decode()  # fmt: skip
    assert " passed" in printed
    build()


def test_a_uv_lock_is_used_and_a_stale_one_is_refused(app, definition, client):
    """The example has hash-pinned requirements; an application with a uv.lock is as good."""
    backend = app / "backend"
    (backend / "requirements.lock").unlink()
    base = definition["target"]["backend"]["contexts"]["python:3.12-slim"]
    volumes = {str(backend): {"bind": "/app", "mode": "rw"}}
    environment = {}
    for secret in definition["target"]["backend"].get("secret", []):
        volumes[secret.partition("src=")[2]] = {"bind": "/ca.pem", "mode": "ro"}
        environment = {"PIP_CERT": "/ca.pem", "SSL_CERT_FILE": "/ca.pem"}
    client.containers.run(
        base.removeprefix("docker-image://"),
        ["sh", "-c", "pip install -q uv==0.13.9 && uv lock -q --project /app"],
        volumes=volumes, environment=environment, remove=True,
    )  # fmt: skip
    made = build("--app", str(app), "--image", "backend")
    assert made["images"][0]["size_over_base"] > 50e6

    project = backend / "pyproject.toml"
    project.write_text(project.read_text().replace('"pyjwt>=2.15,<3"', '"pyjwt>=2.0,<2.5"'))
    ran = invoke("build", "--prod", "--app", str(app), "--image", "backend")
    assert ran.code == 32
    assert "uv.lock" in ran.error
    build()


def test_an_unlocked_backend_is_built_with_a_warning(app):
    backend = app / "backend"
    (backend / "requirements.lock").unlink()
    ran = invoke("build", "--prod", "--app", str(app), "--image", "backend")
    assert ran.code == 0, ran.err[-2000:]
    assert "warning: backend is not locked" in ran.err
    build()


def test_github_gets_a_step_summary_and_folded_groups(tmp_path):
    summary = tmp_path / "summary.md"
    ran = invoke("build", "--prod", GITHUB_STEP_SUMMARY=str(summary), GITHUB_ACTIONS="true")
    assert ran.code == 0
    assert "| backend |" in summary.read_text()
    lines = ran.err.splitlines()
    assert lines.index("::group::build backend, storefront, admin") < lines.index("::endgroup::")
