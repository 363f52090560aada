"""GeoLite2 from MaxMind's service to the answer of a running API.

Starts a double of the service, with TLS, where containers reach it: on the engine's bridge.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, build, invoke
from tests.integration.test_images import HARDENED, wait_healthy
from tests.maxmind import CITY, KEY, MaxMind, make_database, pack_database
from toolkit.engine import embedded
from toolkit.engine.find import find_plugin

BACKEND = ["--image", "backend", "--tag", "geolite"]
LONDON = "81.2.69.142"  # in the databases of tests/maxmind.py


@pytest.fixture(scope="module")
def maxmind(client, tmp_path_factory):
    bridge = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    address = bridge.get("Gateway") or bridge["Subnet"].replace("0.0/16", "0.1")
    double = MaxMind(tmp_path_factory.mktemp("maxmind"), address=address)
    yield double
    double.close()


@pytest.fixture(scope="module")
def environment(maxmind, tmp_path_factory):
    """A cache of its own, and every client where the embedded engine has it."""
    path = [str(Path(find_plugin("docker-buildx")).parent), str(embedded.locate().clients)]
    bundle = tmp_path_factory.mktemp("ca") / "bundle.pem"
    host = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    with contextlib.suppress(OSError):
        shutil.copyfile(host, bundle)
    with bundle.open("ab") as stream:
        stream.write(maxmind.ca.read_bytes())
    return {
        **maxmind.environment,
        "SSL_CERT_FILE": str(bundle),
        "VECTIS_HOME": str(tmp_path_factory.mktemp("home")),
        "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
    }


@pytest.fixture(scope="module")
def baked(environment, release):
    """The manifest's entry of a backend with a database."""
    (image,) = build(*BACKEND, "--geolite", "required", **environment)["images"]
    return image


def ask_where(one, address):
    """What the API says of a client that its proxy says comes from `address`."""
    query = f"""
import urllib.request
request = urllib.request.Request("http://127.0.0.1:8000/graphql",
    b'{{"query": "{{ geo {{ ip countryCode countryName available }} }}"}}',
    {{"Content-Type": "application/json", "X-Forwarded-For": "{address}"}})
print(urllib.request.urlopen(request).read().decode())
"""
    code, output = one.exec_run(["python", "-c", query])
    assert code == 0, output
    return json.loads(output)["data"]["geo"]


def test_the_running_api_answers_from_the_baked_database(client, container, baked):
    (database,) = baked["geolite"]
    assert database["edition"] == CITY
    labels = client.images.get(baked["tags"][0]).labels
    assert labels["com.vectis.geolite.type"] == CITY
    assert labels["com.vectis.geolite.built"] == database["built"]
    one = container(baked["tags"][0], **HARDENED)
    wait_healthy(one)
    assert ask_where(one, LONDON) == {
        "ip": LONDON, "countryCode": "GB", "countryName": "United Kingdom", "available": True,
    }  # fmt: skip
    assert ask_where(one, "198.51.100.7")["countryCode"] is None
    _, notice = one.exec_run(["cat", "/usr/share/doc/vectis/NOTICE"])
    assert b"This product includes GeoLite Data created by MaxMind" in notice


def test_a_second_build_asks_maxmind_nothing_and_the_table_names_the_database(
    maxmind, environment, baked
):
    asked = len(maxmind.asked)
    ran = invoke("build", "--prod", *BACKEND, **environment)
    assert f"City {baked['geolite'][0]['built'][:10]}" in ran.out
    assert len(maxmind.asked) == asked
    assert KEY not in ran.out + ran.err


def test_without_a_database_the_table_says_so(environment):
    ran = invoke("build", "--prod", *BACKEND, "--geolite", "none", **environment)
    assert " none " in ran.out
    assert "no GeoLite2 database is baked in: --geolite none" in ran.err


def test_a_database_does_not_come_back_from_the_build_cache(environment, baked, client):
    """BuildKit gave a copy from an empty stage the result of an earlier build's context."""
    (none,) = build(*BACKEND, "--geolite", "none", **environment)["images"]
    (again,) = build(*BACKEND, "--geolite", "required", **environment)["images"]
    assert none["geolite"] == []
    assert again["digest"] == baked["digest"]
    for image, files in ((none, b""), (again, f"{CITY}.mmdb\n".encode())):
        named = image["tags"][0].replace(":geolite", f"@{image['digest']}")
        assert client.containers.run(named, ["ls", "-A", "/geolite"], remove=True) == files


def test_no_key_is_near_the_build(environment, baked):
    ran = invoke("build", "--prod", *BACKEND, "--print", **environment)
    target = json.loads(ran.out)["target"]["backend"]
    (file,) = Path(target["contexts"]["geolite"]).iterdir()
    assert file.name == f"{CITY}.mmdb"
    assert KEY not in ran.out
    assert not any("maxmind" in secret for secret in target.get("secret", []))


def test_a_push_is_refused_before_anything_is_built(environment, baked):
    push = ["build", "--prod", *BACKEND, "--push"]
    ran = invoke(*push, VECTIS_REGISTRY="127.0.0.1:1", **environment)
    assert ran.code == 2
    assert "--geolite-redistribute" in ran.error
    allowed = invoke(*push, "--geolite-redistribute", VECTIS_REGISTRY="127.0.0.1:1", **environment)
    assert allowed.code == 30
    assert "not pushed" in allowed.error


def test_a_database_that_is_too_old_is_refused(environment, tmp_path):
    path = tmp_path / f"{CITY}.mmdb"
    path.write_bytes(make_database(days_old=45))
    arguments = ["build", "--prod", *BACKEND, "--geolite", str(path)]
    ran = invoke(*arguments, **environment)
    assert ran.code == 63
    assert "45 days old" in ran.error
    told = invoke(*arguments, "--geolite-max-age", "60", "--print", **environment)
    assert told.code == 0
    assert invoke(*arguments, "--geolite-max-age", "soon", **environment).code == 2


def blobs(archive):
    """Every blob of an OCI archive, layers unpacked."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.isfile():
                continue
            data = tar.extractfile(member).read()
            if data[:2] == b"\x1f\x8b":
                data = zlib.decompress(data, 31)
            yield member.name, data


@pytest.mark.parametrize("way", ["build-arg", "secret"])
def test_plain_docker_build_downloads_and_leaves_no_trace_of_the_key(
    definition, buildx, maxmind, environment, tmp_path, client, container, way
):
    """As the deployment page promises; then every layer, history, config and provenance is read."""
    ours = definition["target"]["backend"]
    maxmind.asked.clear()
    days_old = 2 if way == "secret" else 3
    maxmind.archives[CITY] = pack_database(CITY, days_old=days_old)
    key = tmp_path / "key"
    key.write_text(KEY)
    if way == "build-arg":
        given = [f"--build-arg=MAXMIND_LICENSE_KEY={KEY}", "--provenance=mode=min"]
    else:
        given = [f"--secret=id=maxmind_license_key,src={key}", "--provenance=mode=max"]
    archive = tmp_path / "image.tar"
    done = buildx(
        "build", f"--file={ROOT / 'images/backend/Dockerfile.prod'}", "--progress=plain",
        *(f"--build-context={name}={place}" for name, place in ours["contexts"].items()),
        f"--secret=id=ca,src={environment['SSL_CERT_FILE']}",
        f"--build-arg=MAXMIND_DOWNLOAD_URL={maxmind.url}", "--build-arg=MAXMIND_ACCOUNT_ID=123456",
        *given, "--no-cache-filter=database",
        f"--output=type=oci,compression=gzip,force-compression=true,dest={archive}",
        str(ROOT / "examples" / "vectis" / "backend"),
    )  # fmt: skip
    assert maxmind.asked == ["sha256", "archive"]
    assert KEY not in done.stdout + done.stderr
    names, database = [], b""
    for name, data in blobs(archive):
        assert KEY.encode() not in data, name
        names.append(name)
        if data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                found = [item for item in layer.getnames() if item.endswith(".mmdb")]
                database = layer.extractfile(found[0]).read() if found else database
        if b"slsa.dev/provenance" in data:
            names.append("provenance")
    assert database == make_database(CITY, days_old=days_old)
    assert "provenance" in names
    assert len(names) > 10


def test_an_account_without_a_key_fails_the_build(definition, buildx, environment):
    ours = definition["target"]["backend"]
    done = buildx(
        "build", f"--file={ROOT / 'images/backend/Dockerfile.prod'}", "--target=database",
        *(f"--build-context={name}={place}" for name, place in ours["contexts"].items()),
        "--build-arg=MAXMIND_ACCOUNT_ID=123456", "--output=type=cacheonly",
        str(ROOT / "examples" / "vectis" / "backend"), check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "MAXMIND_LICENSE_KEY is missing" in done.stderr


@pytest.fixture
def volume(client):
    made = client.volumes.create()
    yield made
    made.remove()


def test_an_image_without_a_database_gets_one_at_run_time(
    volume, container, tags, maxmind, environment
):
    """The timer's script fills a volume; the API that has it mounted answers without a restart."""
    mounted = {volume.name: {"bind": "/geolite", "mode": "ro"}}
    one = container(tags["backend"], **HARDENED, volumes=mounted)
    wait_healthy(one)
    assert not ask_where(one, LONDON)["available"]
    refresh = [str(ROOT / "scripts" / "geolite-refresh"), tags["backend"], volume.name]
    shell = {**os.environ, **environment}
    maxmind.faults["sha256"] = [429]
    done = subprocess.run(refresh, env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "429" in done.stderr
    done = subprocess.run(refresh, env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    assert ask_where(one, LONDON)["countryCode"] == "GB"


def test_a_disk_that_fills_up_keeps_the_database(client, tags, maxmind, environment):
    """In a container whose directory has 64 kB: the program of the image."""
    maxmind.archives[CITY] = pack_database(CITY, days_old=5)
    maxmind.archives["GeoLite2-ASN"] = os.urandom(200_000)
    script = "vectis-geolite; vectis-geolite /geolite GeoLite2-ASN; ls -A /geolite"
    output = client.containers.run(
        tags["backend"], ["sh", "-c", script],
        environment={**maxmind.environment, "SSL_CERT_FILE": "/ca.pem"},
        volumes={str(maxmind.ca): {"bind": "/ca.pem", "mode": "ro"}},
        tmpfs={"/geolite": "size=64k,uid=10001"}, remove=True, stderr=True,
    ).decode()  # fmt: skip
    assert "No space left on device" in output
    assert output.split("\n")[-4:-1] == [f".{CITY}.sha256", ".lock", f"{CITY}.mmdb"]


def test_a_disk_that_fills_up_keeps_the_toolkits_cache(maxmind, environment, tmp_path):
    """In a mount namespace whose cache has 64 kB; the check of free disk is made to pass."""
    maxmind.archives[CITY] = pack_database(CITY, days_old=5)
    script = f"""
mount -t tmpfs -o size=64k none {tmp_path} && cd {ROOT} && exec {ROOT}/.venv/bin/python -c '
import toolkit.disk, toolkit.geolite.commands as commands
from toolkit.console import show_error
from toolkit.errors import ToolkitError
toolkit.disk.free_bytes = lambda path: 10**12
commands.fetch("city", None, "")
print("fetched", flush=True)
input()
try:
    commands.fetch("city", None, "")
except ToolkitError as error:
    show_error(error)
    print(error.code)
'; """
    running = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script], text=True,
        env={**os.environ, **environment, "VECTIS_HOME": str(tmp_path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stdout.readline() == "fetched\n"
    maxmind.archives[CITY] = os.urandom(200_000)
    maxmind.modified += 60
    said, error = running.communicate("\n", timeout=60)
    assert said == "22\n", error
    assert "the disk is full" in error
    assert "stays in use; it is 5 days old" in error


def test_two_fetches_at_once_are_one_download(maxmind, environment, tmp_path):
    maxmind.archives[CITY] = pack_database(days_old=4)
    maxmind.faults["sha256"] = ["slow"]
    maxmind.asked.clear()
    own = {**os.environ, **environment, "VECTIS_HOME": str(tmp_path)}
    command = [str(ROOT / "invoke"), "geolite.fetch"]
    both = [subprocess.Popen(command, env=own, stderr=subprocess.PIPE) for _ in range(2)]
    said = [one.communicate()[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert maxmind.count("archive") == 1
    assert sum("waiting for it" in text for text in said) <= 1


def test_fetch_and_status_on_the_command_line(maxmind, environment, tmp_path):
    own = {**environment, "VECTIS_HOME": str(tmp_path)}
    assert invoke("geolite.fetch", **own).code == 0
    (city, *_) = json.loads(invoke("geolite.status", "--json", **own).out)["editions"]
    assert city["edition"] == CITY
    assert city["downloads"] == 1
    maxmind.faults["sha256"] = [429]
    ran = invoke("geolite.fetch", **own)
    assert ran.code == 62
    assert "stays in use" in ran.error
    assert "try again after" in ran.error
    wrong = invoke("geolite.fetch", **{**own, "MAXMIND_LICENSE_KEY": "not-the-key-0123456789"})
    assert wrong.code == 60
    assert "look at MAXMIND_LICENSE_KEY" in wrong.error
    assert "not-the-key" not in wrong.out + wrong.err
    nothing = invoke(
        "geolite.fetch", **{**own, "MAXMIND_ACCOUNT_ID": "", "MAXMIND_LICENSE_KEY": ""}
    )
    assert nothing.code == 60
