"""The rules that read: configuration, history, sizes, and the files of layers."""

import gzip
import io
import json
import tarfile

import msgspec
import pytest
import zstandard

from tests.unit.test_rest import RELEASE
from toolkit.catalog import read_catalog
from toolkit.manifest import ImageRecord
from toolkit.paths import CATALOG
from toolkit.verify.configuration import check_configuration, check_size
from toolkit.verify.contents import Entry, check_contents, read_archive
from toolkit.verify.model import Subject

LABELS = {
    f"org.opencontainers.image.{name}": "x"
    for name in ("title", "version", "revision", "created", "base.name", "base.digest")
}
GOOD = {
    "User": "10001:10001",
    "Labels": LABELS,
    "Env": ["PATH=/bin", "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305"],
    "Healthcheck": {"Test": ["CMD", "health"]},
}
KEY = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n"


def make(*, steps=(), config=(), record: ImageRecord = RELEASE.images[0]):
    catalog = read_catalog(CATALOG)
    return Subject(
        record=record,
        entry=catalog.image["backend"],
        limits=catalog.verify,
        reference="vectis/backend@sha256:1",
        details={"Config": {**GOOD, **dict(config)}, "RootFS": {"Layers": ["a", "b", "c"]}},
        steps=list(steps),
        base={"Config": {"Env": GOOD["Env"][1:]}, "RootFS": {"Layers": ["a"]}},
    )


def broken(verdicts):
    return {one.rule: one.seen for one in verdicts if one.fix}


def test_a_good_configuration_keeps_every_rule():
    verdicts = list(check_configuration(make(steps=["COPY /out / # buildkit", "ENV HOME=/tmp"])))
    assert not broken(verdicts)
    assert {one.rule for one in verdicts} == {"user", "labels", "healthcheck", "history"}


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:root"])
def test_root_is_found_under_each_of_its_names(user):
    assert "user" in broken(check_configuration(make(config={"User": user})))


@pytest.mark.parametrize(
    "text",
    [
        "ENV STRIPE_SECRET=sk_live_1234567890",
        "ENV STRIPE_KEY=sk_live_1234567890",
        "ENV SMTP_PASS=hunter2hunter2",
        "RUN db_password=hunter2 ./setup",
        "ARG MAXMIND_LICENSE_KEY=abcdef0123456789",
        "RUN |1 NPM_TOKEN=npm_abcdef /bin/sh -c npm ci",
        "RUN curl -H 'Authorization: ghp_0123456789012345678901234567890123456789'",
        "ENV DATABASE_URL=postgresql://shop:hunter2@db/shop",
        "RUN aws configure set key AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_a_secret_in_the_history_is_found_and_not_repeated(text):
    found = broken(check_configuration(make(steps=[text])))
    assert "history" in found
    for value in ("sk_live", "abcdef0123456789", "npm_abcdef", "hunter2", "ghp_0123", "AKIAABC"):
        assert value not in found["history"]


@pytest.mark.parametrize(
    "text",
    [
        'ARG MAXMIND_LICENSE_KEY=""',
        "ARG MAXMIND_LICENSE_KEY=",
        "RUN --mount=type=secret,id=npm_token npm ci",
        "ENV GEOLITE_DIR=/geolite",
        "ENV KEYBOARD=us",
        "ENV SECRET_KEY_FILE=/run/secrets/key",
    ],
)
def test_what_only_looks_like_one_is_not(text):
    assert not broken(check_configuration(make(steps=[text])))


def test_the_bases_own_variables_are_not_ours():
    assert not broken(check_configuration(make()))
    mine = {"Env": [*GOOD["Env"], "API_KEY=0123456789"]}
    assert "history" in broken(check_configuration(make(config=mine)))


def test_a_missing_label_and_health_check_are_named():
    labels = {name: value for name, value in LABELS.items() if not name.endswith("version")}
    found = broken(check_configuration(make(config={"Labels": labels, "Healthcheck": None})))
    assert found["labels"] == "missing: version"
    assert "healthcheck" in found
    none = {"Healthcheck": {"Test": ["NONE"]}}
    assert "healthcheck" in broken(check_configuration(make(config=none)))


def test_budget_and_growth():
    record = RELEASE.images[0]
    assert not broken(check_size(make(), None))
    assert not broken(check_size(make(), record))
    large = msgspec.structs.replace(record, size_over_base=91_000_000)
    assert "budget" in broken(check_size(make(record=large), None))
    assert "growth" in broken(check_size(make(), False))
    smaller = msgspec.structs.replace(record, size=280_000_000)
    assert "growth" in broken(check_size(make(), smaller))
    unknown = msgspec.structs.replace(record, size_over_base=None, size=None)
    assert "budget" in broken(check_size(make(record=unknown), record))


def layer(**files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, (mode, data) in files.items():
            item = tarfile.TarInfo(name)
            item.mode, item.size = mode, len(data)
            tar.addfile(item, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, zstandard.ZstdCompressor().compress],
    ids=["plain", "gzip", "zstd"],
)
def test_layers_are_read_whatever_packs_them(tmp_path, pack):
    layers = [
        layer(base=(0o4755, b"")),
        layer(**{"./app/key": (0o600, KEY), "app/main.py": (0o644, b"x")}),
        layer(**{"usr/bin/su2": (0o4755, b"")}),
    ]
    path = tmp_path / "image.tar"
    with tarfile.open(path, "w") as tar:
        names = [f"blobs/sha256/{number}" for number in range(3)]
        manifest = json.dumps([{"Layers": names}]).encode()
        for name, data in (
            ("manifest.json", manifest),
            *zip(names, map(pack, layers), strict=True),
        ):
            item = tarfile.TarInfo(name)
            item.size = len(data)
            tar.addfile(item, io.BytesIO(data))
    assert list(read_archive(path, 1)) == [
        Entry("app/key", 0o600, True),
        Entry("app/main.py", 0o644, False),
        Entry("usr/bin/su2", 0o4755, False),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "usr/bin/gcc-12", "usr/bin/x86_64-linux-gnu-gcc-12", "usr/bin/rustc",
        "app/.venv/lib/python3.12/site-packages/pip/__main__.py", "app/app/tests/helpers.py",
        "app/.pytest_cache/v/x",
        "usr/local/bin/pip3", "app/.venv/bin/uv", "usr/local/bin/npm",
        "var/lib/apt/lists/deb_dists_bookworm", "root/.cache/pip/x", "app/tests/test_a.py",
        "app/.git/HEAD", "app/.env", "app/.env.production", "home/x/.ssh/id_ed25519", "app/.npmrc",
    ],
)  # fmt: skip
def test_what_should_stay_behind(path):
    assert "left-behind" in broken(check_contents(make(), [Entry(path, 0o644, False)]))


@pytest.mark.parametrize(
    "path",
    ["usr/bin/tini", "app/app/environ.py", "app/.venv/lib/python3.12/site-packages/pipes.pyc",
     "usr/local/bin/vectis-health", "app/migrations/env.py", "app/app/testing_rates.py"],
)  # fmt: skip
def test_what_may_come_along(path):
    assert not broken(check_contents(make(), [Entry(path, 0o755, False)]))


def test_many_findings_are_counted_not_listed():
    entries = [Entry(f"root/.cache/{number}", 0o644, False) for number in range(100)]
    seen = broken(check_contents(make(), entries))["left-behind"]
    assert seen.endswith("and 88 more")


def test_the_marker_of_a_key_alone_is_no_key(tmp_path):
    from toolkit.verify.contents import _KEY

    assert _KEY.search(KEY)
    assert _KEY.search(KEY.replace(b"\n", b"\\n"))
    armour = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQdGBGVtZW1lbWVtZW1lbWVtZW0A\n"
    assert _KEY.search(armour)
    assert not _KEY.search(b"if line == '-----BEGIN PRIVATE KEY-----': raise ValueError")
    assert not _KEY.search(b"\0-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----\0")
