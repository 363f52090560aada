import pytest

from toolkit.bases.resolve import read_lock, resolve_bases
from toolkit.bases.stand_in import RECIPE, recipe, tag_of
from toolkit.ca import Ca
from toolkit.catalog import Base, read_catalog
from toolkit.engine.find import Place, describe
from toolkit.errors import BaseError, CatalogError, UsageError
from toolkit.paths import CATALOG

BASES = read_catalog(CATALOG).base
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def resolve(engine_double, tmp_path):
    engine = describe(Place(engine_double.host, "test", explicit=True))

    def call(mode="auto", mirror="", lock=None):
        path = tmp_path / "bases.lock.toml"
        if lock:
            path.write_text(lock)
        return resolve_bases(
            BASES, engine=engine, mode=mode, mirror=mirror, lock=path, ca=Ca(None, "")
        )

    return call


@pytest.fixture
def registry(engine_double):
    """Have the engine find every base below the given prefix."""

    def serve(prefix=""):
        for base in BASES.values():
            path = f"/distribution/{prefix}{base.reference}/json"
            engine_double.answers[path] = {"Descriptor": {"digest": DIGEST}}

    return serve


@pytest.fixture
def stand_ins(engine_double):
    for name in BASES:
        engine_double.answers[f"/images/{tag_of(name)}/json"] = {
            "Id": f"sha256:{name}", "Config": {"Labels": {RECIPE: recipe()}},
        }  # fmt: skip


def test_a_registry_is_used_by_digest(resolve, registry, stand_ins):
    registry()
    bases = resolve()
    assert {base.source for base in bases.values()} == {"registry"}
    assert bases["python"].context == f"docker-image://python:3.12-slim@{DIGEST}"


def test_a_mirror_comes_after_the_registry(resolve, registry, stand_ins):
    registry("mirror.example/hub/library/")
    bases = resolve(mirror="mirror.example/hub")
    assert bases["node"].source == "mirror"
    assert bases["node"].image == f"mirror.example/hub/library/node:24-slim@{DIGEST}"
    assert bases["node"].reference == "node:24-slim"


def test_stand_ins_come_last(resolve, stand_ins):
    bases = resolve()
    assert {base.source for base in bases.values()} == {"stand-in"}
    assert bases["debian"].context == f"docker-image://{tag_of('debian')}"


def test_locked_digests_come_first(resolve, registry):
    registry()
    lock = "".join(f'[base.{name}]\ndigest = "sha256:{name}"\n' for name in BASES)
    bases = resolve(lock=lock)
    assert bases["python"].source == "lock"
    assert bases["python"].image == "python:3.12-slim@sha256:python"


def test_a_closed_network_is_asked_once_and_remembered(resolve, engine_double, stand_ins):
    for base in BASES.values():
        engine_double.answers[f"/distribution/{base.reference}/json"] = 500
    resolve()
    resolve()
    asked = [path for path in engine_double.asked if path.startswith("/distribution")]
    assert len(asked) == 1


def test_a_mode_that_finds_nothing_is_an_error_with_the_reason(resolve, engine_double):
    engine_double.answers["/distribution/python:3.12-slim/json"] = 403
    with pytest.raises(BaseError, match="refused"):
        resolve(mode="registry")
    with pytest.raises(BaseError, match=r"mirror.example does not have"):
        resolve(mode="mirror", mirror="mirror.example")


def test_a_mirror_must_be_named(resolve):
    with pytest.raises(UsageError, match="needs a mirror"):
        resolve(mode="mirror")


def test_a_base_that_has_no_stand_in(engine_double, tmp_path):
    engine = describe(Place(engine_double.host, "test", explicit=True))
    for name, reference in (("python", "python:3.13-slim"), ("alpine", "alpine:3")):
        with pytest.raises(BaseError, match=f"no stand-in for {reference}"):
            resolve_bases(
                {name: Base(reference=reference)}, engine=engine, mode="stand-in", mirror="",
                lock=tmp_path / "none", ca=Ca(None, ""),
            )  # fmt: skip


def test_a_lock_that_is_none(tmp_path):
    path = tmp_path / "lock"
    for text in ("[base", 'base = "x"', "[base.python]\ntag = 1\n"):
        path.write_text(text)
        with pytest.raises(CatalogError):
            read_lock(path)
