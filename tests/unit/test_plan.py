"""The plan and the bake definition are pure, so a golden file holds all of them."""

import json
from pathlib import Path

import pytest

from toolkit.app import App
from toolkit.bake import define, define_report, render
from toolkit.bases.model import ResolvedBase
from toolkit.catalog import read_catalog
from toolkit.errors import UsageError
from toolkit.geolite.model import Database
from toolkit.paths import CATALOG, ROOT
from toolkit.plan import (
    Geolite,
    Options,
    check_fit,
    check_licence,
    check_options,
    choose_output,
    make_plan,
)

GOLDEN = Path(__file__).parent / "golden"
APP = App(
    root=Path("/shop"),
    version="1.4.2",
    revision="4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    dirty=False,
    epoch=1_767_225_600,
    source="https://github.com/acme/shop",
)


CITY = Database(
    edition="GeoLite2-City", built="2025-12-30T10:00:00Z", sha256="c1" * 32, size=65_000_000
)
GEOLITE = {"backend": Geolite(Path("/cache/geolite/contexts/abc"), (CITY,))}


def make(options: Options, *, containerd=True, source="registry", geolite=()):
    catalog = read_catalog(CATALOG)
    bases = {
        name: ResolvedBase(
            name, base.reference, source, f"{base.reference}@sha256:{name}", f"sha256:{name}"
        )
        for name, base in catalog.base.items()
    }
    return make_plan(
        catalog=catalog,
        images=catalog.image,
        app=APP,
        bases=bases,
        options=options,
        dist=Path("/dist"),
        containerd=containerd,
        secrets=("id=ca,src=/ca.pem",),
        geolite=dict(geolite),
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("production", Options()),
        ("development", Options(production=False)),
        (
            "push",
            Options(
                output="push", registry="ghcr.io/acme", tag="edge", no_cache=True,
                platforms=("linux/amd64", "linux/arm64"), builder="farm",
            ),
        ),
    ],
)  # fmt: skip
def test_the_definition_is_the_golden_one(name, options):
    text = render(define(make(options))).replace(str(ROOT), "/toolkit")
    assert text == (GOLDEN / f"{name}.json").read_text()


def test_a_database_is_a_context_and_two_labels_of_the_image_that_asks_for_it():
    with_it = define(make(Options(), geolite=GEOLITE))["target"]
    without = define(make(Options()))["target"]
    assert with_it["storefront"] == without["storefront"]
    backend = with_it["backend"]
    assert backend["contexts"].pop("geolite") == "/cache/geolite/contexts/abc"
    assert backend["labels"].pop("com.vectis.geolite.type") == "GeoLite2-City"
    assert backend["labels"].pop("com.vectis.geolite.built") == "2025-12-30T10:00:00Z"
    assert backend == without["backend"]


def test_a_database_is_pushed_only_when_that_is_asked_for():
    push = Options(output="push", registry="ghcr.io/acme")
    check_licence(push, {})
    check_licence(Options(), GEOLITE)
    check_licence(Options(output="push", registry="ghcr.io/acme", redistribute=True), GEOLITE)
    with pytest.raises(UsageError, match="pass GeoLite2 on") as raised:
        check_licence(push, GEOLITE)
    assert "--geolite-redistribute" in raised.value.hint


def test_the_definition_says_where_images_go():
    def outputs(**options):
        containerd = options.pop("containerd", True)
        plan = make(Options(**options), containerd=containerd)
        return define(plan)["target"]["backend"]["output"]

    assert outputs() == ["type=image,oci-mediatypes=true,compression=zstd,unpack=true"]
    assert outputs(containerd=False) == ["type=docker"]
    assert outputs(output="oci") == ["type=oci,compression=zstd,dest=/dist/oci/backend.tar"]
    assert outputs(output="push") == ["type=image,oci-mediatypes=true,compression=zstd,push=true"]


def test_the_report_of_a_gate_is_the_same_target_up_to_its_stage():
    plan = make(Options())
    image = plan.images[1]
    report = define_report(plan, image, "/work")["target"]["default"]
    whole = define(plan)["target"]["storefront"]
    assert report["target"] == "report"
    assert report["output"] == ["type=local,dest=/work"]
    for key in ("context", "dockerfile", "contexts", "args", "secret"):
        assert report[key] == whole[key]


def test_no_secret_is_in_the_definition_only_the_path_of_the_ca():
    text = json.dumps(define(make(Options())))
    assert "BEGIN CERTIFICATE" not in text
    assert "id=ca,src=/ca.pem" in text


@pytest.mark.parametrize(
    ("named", "flags", "chosen"),
    [
        ("", {}, "load"),
        ("", {"push": True}, "push"),
        ("oci", {}, "oci"),
        ("load", {"load": True}, "load"),
    ],
)
def test_one_output_is_chosen(named, flags, chosen):
    assert choose_output(named, **{"push": False, "load": False, **flags}) == chosen


@pytest.mark.parametrize(
    ("named", "flags"), [("tar", {}), ("oci", {"push": True}), ("", {"push": True, "load": True})]
)
def test_outputs_that_clash_or_do_not_exist(named, flags):
    with pytest.raises(UsageError):
        choose_output(named, **{"push": False, "load": False, **flags})


def test_options_that_do_not_go_together():
    bases = make(Options()).bases
    stand_ins = make(Options(), source="stand-in").bases
    check_fit(Options(), stand_ins, containerd=True)
    two = Options(platforms=("linux/amd64", "linux/arm64"))
    with pytest.raises(UsageError, match="one platform"):
        check_fit(two, bases, containerd=False)
    with pytest.raises(UsageError, match="OCI archives"):
        check_fit(Options(output="oci"), bases, containerd=False)
    for options in (Options(builder="farm"), Options(platforms=("linux/arm64",))):
        check_fit(options, bases, containerd=True)
        with pytest.raises(UsageError, match="stand-in"):
            check_fit(options, stand_ins, containerd=True)


@pytest.mark.parametrize(
    "options",
    [
        Options(output="push"),
        Options(tag="a b"),
        Options(tag="-x"),
        Options(registry="https://ghcr.io"),
        Options(registry="ghcr.io/Acme"),
        Options(platforms=("arm",)),
    ],
)
def test_options_that_cannot_be(options):
    with pytest.raises(UsageError):
        check_options(options)


def test_options_that_can_be():
    check_options(Options(tag="1.4.2-rc.1", registry="127.0.0.1:5000/shop", output="push"))
    check_options(Options(platforms=("linux/amd64", "linux/arm/v7")))
