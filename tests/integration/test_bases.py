"""Bases: stand-ins that are real images, and a registry's, by way of a mirror on loopback.

Starts: a real docker-registry (Debian's, unpacked, not installed) on a free port of loopback.
"""

import json
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request

import pytest

from tests.integration.conftest import build, invoke
from toolkit.bases.resolve import resolve_bases
from toolkit.bases.stand_in import tag_of
from toolkit.ca import Ca
from toolkit.catalog import read_catalog
from toolkit.engine.packages import PrivateApt, host_release
from toolkit.paths import CATALOG

NAMES = {"debian": "bookworm-slim", "python": "3.12-slim", "node": "24-slim"}


@pytest.fixture(scope="module")
def stand_ins(engine):
    """All three, made if they are not there."""
    ran = invoke("build", "--prod", "--print", "--bases", "stand-in")
    assert ran.code == 0, ran.err[-3000:]
    return {name: tag_of(name) for name in NAMES}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry's address; plain HTTP, which engines accept on loopback."""
    work = tmp_path_factory.mktemp("registry")
    apt = PrivateApt(work / "apt", [host_release()[1]])
    apt.update()
    apt.unpack(apt.download([f"docker-registry/{host_release()[1]}"]), work / "root")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (work / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {work}/data}}}}\n"
        f"http: {{addr: '{address}'}}\nlog: {{level: error}}\n"
    )
    program = work / "root" / "usr" / "bin" / "docker-registry"
    process = subprocess.Popen(
        [program, "serve", work / "config.yml"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=1)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)
    shutil.rmtree(work)


def test_a_stand_in_says_what_it_is(stand_ins, client):
    for name, tag in stand_ins.items():
        labels = client.images.get(tag).labels
        assert labels["com.vectis.stand-in"] == name
        assert "stand-in for" in labels["org.opencontainers.image.title"]


def test_a_stand_in_has_the_real_programs(stand_ins, client):
    def run(name, command):
        return client.containers.run(stand_ins[name], ["sh", "-c", command], remove=True).decode()

    assert "bookworm" in run("debian", "cat /etc/os-release")
    assert run("python", "python --version").startswith("Python 3.12.")
    assert "/usr/local/lib/python3.12/site-packages/pip" in run("python", "pip --version")
    assert run(
        "python", "python -c 'import ssl, sqlite3, lzma, ctypes; print(ssl.OPENSSL_VERSION)'"
    )
    packages = run("python", "ls /usr/local/lib/python3.12/site-packages").split()
    assert all(name.startswith("pip") for name in packages), "something of the host came along"
    assert run("node", "node --version").startswith("v24.")
    assert run("node", "npm --version").strip()


@pytest.mark.parametrize("name", NAMES)
def test_a_stand_in_survives_save_and_export(stand_ins, client, tmp_path, name):
    image = client.images.get(stand_ins[name])
    archive = tmp_path / "image.tar"
    with archive.open("wb") as stream:
        for chunk in image.save(named=True):
            stream.write(chunk)
    with tarfile.open(archive) as saved:
        assert {"index.json", "manifest.json"} & set(saved.getnames())
    loaded = client.images.load(archive.read_bytes())
    assert stand_ins[name] in loaded[0].tags

    container = client.containers.create(stand_ins[name])
    try:
        exported = tmp_path / "root.tar"
        with exported.open("wb") as stream:
            for chunk in container.export():
                stream.write(chunk)
    finally:
        container.remove()
    with tarfile.open(exported) as root:
        names = set(root.getnames())
    assert {"etc/os-release", "usr/bin/dpkg"} <= names


MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json,"
    " application/vnd.docker.distribution.manifest.v2+json"
)


def read_manifest(registry, repository, tag):
    """The digest that a registry has for a tag, and the manifest."""
    request = urllib.request.Request(
        f"http://{registry}/v2/{repository}/manifests/{tag}",
        headers={"Accept": MANIFESTS},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Docker-Content-Digest"], json.load(answer)


@pytest.fixture(scope="module")
def mirror(registry, stand_ins, client):
    """The registry with the stand-ins as what they stand for: it does not know better."""
    for name, tag in stand_ins.items():
        copy = f"{registry}/library/{name}"
        client.images.get(tag).tag(copy, NAMES[name])
        for line in client.images.push(copy, tag=NAMES[name], stream=True, decode=True):
            assert "error" not in line, line
    return registry


def test_bases_of_a_mirror_are_used_by_digest(mirror, app):
    made = build("--app", str(app), "--image", "admin", "--bases", "mirror", VECTIS_MIRROR=mirror)
    (debian, node) = made["images"][0]["bases"]
    assert (debian["source"], node["source"]) == ("mirror", "mirror")
    assert debian["reference"] == "debian:bookworm-slim"
    assert debian["digest"] == read_manifest(mirror, "library/debian", "bookworm-slim")[0]
    assert made["images"][0]["size_over_base"] <= 5e6
    build()


def test_a_push_arrives_with_the_digest_of_the_manifest(registry, app):
    made = build(
        "--app", str(app), "--image", "backend", "--push", "--tag", "1.0", VECTIS_REGISTRY=registry
    )
    (image,) = made["images"]
    assert image["tags"] == [f"{registry}/vectis/backend:1.0"]
    digest, manifest = read_manifest(registry, "vectis/backend", "1.0")
    assert digest == image["digest"]
    assert manifest["layers"][-1]["mediaType"].endswith("tar+zstd")
    build()


def test_a_push_without_a_place_to_go_is_refused(release):
    ran = invoke("build", "--prod", "--push")
    assert ran.code == 2
    assert "VECTIS_REGISTRY" in ran.error


def test_a_closed_network_is_recognised_in_seconds(release, tmp_path):
    """Nothing is remembered in a fresh cache, so the registry is asked; here nobody answers."""
    start = time.monotonic()
    ran = invoke("build", "--prod", "--print", "--bases", "registry", VECTIS_HOME=str(tmp_path))
    assert time.monotonic() - start < 15
    if ran.code == 0:  # a machine that reaches Docker Hub
        assert "@sha256:" in ran.out
    else:
        assert ran.code == 23
        assert "--bases auto" in ran.error


def test_a_mirror_that_has_nothing(registry, tmp_path):
    ran = invoke(
        "build", "--prod", "--print", "--bases", "mirror",
        VECTIS_MIRROR=f"{registry}/nothing", VECTIS_HOME=str(tmp_path),
    )  # fmt: skip
    assert ran.code == 23
    assert f"{registry}/nothing does not have every base" in ran.error


def test_the_lock_of_bases_comes_first(mirror, engine, tmp_path):
    digest, _ = read_manifest(mirror, "library/python", "3.12-slim")
    lock = tmp_path / "bases.lock.toml"
    lock.write_text(f'[base.python]\ndigest = "{digest}"\n')
    (base,) = resolve_bases(
        {"python": read_catalog(CATALOG).base["python"]},
        engine=engine, mode="mirror", mirror=mirror, lock=lock, ca=Ca(None, ""),
    ).values()  # fmt: skip
    assert (base.source, base.digest) == ("lock", digest)
    assert base.image == f"{mirror}/library/python:3.12-slim@{digest}"
