import tomllib

import pytest

from toolkit.catalog import parse_catalog, read_catalog
from toolkit.errors import CatalogError, UnknownImageError
from toolkit.paths import CATALOG


def changed(old: str, new: str) -> dict:
    text = CATALOG.read_text()
    assert old in text
    return tomllib.loads(text.replace(old, new, 1))


def test_the_shipped_catalog_is_right():
    catalog = read_catalog(CATALOG)
    assert list(catalog.image) == ["backend", "storefront", "admin"]
    assert catalog.base["node"].reference == "node:24-slim"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "budget_mb = 90",
            'budget_mb = "x"',
            "image.backend.budget_mb: Expected `float`, got `str`",
        ),
        ('kind = "python"', 'kind = "perl"', "allowed: 'python', 'sveltekit'"),
        ("budget_mb = 90", "budget_mb = -1", "image.backend.budget_mb"),
        ('health = "/about"', 'health = "about"', "image.storefront.health"),
        ('health = "/about"\n', "", "image.storefront.health: missing"),
        ('gate = "report"', 'gates = "report"', "image.storefront.gates: unknown key; allowed: "),
        ('target = "dev" }', 'targt = "dev" }', "image.storefront.dev.targt: unknown key"),
        (
            'gate = "report"',
            'gate = "reprt"',
            "storefront.gate: Dockerfile has no stage 'reprt'",
        ),
        ('target = "prod"', 'target = "prd"', "image.backend.target: Dockerfile.prod has no stage"),
        ("Dockerfile.prod", "Dokerfile", "image.backend.dockerfile: there is no"),
        ('context = "admin"', 'context = "../admin"', "image.admin.context"),
        ("minimum_free_gb = 3.0", "minimum_free_gb = inf", "catalog.minimum_free_gb"),
        ('over = "python"', 'over = "ruby"', "there is no base 'ruby'; allowed: python, node"),
        ("[base.debian]", "[base.Debian]", "base.Debian: Expected `str` matching"),
        ('"python:3.12-slim"', '"python"', "base.python.reference"),
        ('name = "vectis"', "name = 7", "catalog.name: Expected `str`, got `int`"),
        (
            "[catalog]",
            "[catalogue]",
            "catalogue: unknown table; allowed: catalog, geolite, ",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(old, new, named):
    with pytest.raises(CatalogError) as caught:
        parse_catalog(changed(old, new), "images.toml")
    assert "images.toml" in caught.value.message
    assert named in caught.value.cause


def test_all_wrong_entries_are_reported_at_once():
    text = (
        CATALOG.read_text().replace("budget_mb = 5", "budget_mb = 0").replace('name = "vectis"', "")
    )
    with pytest.raises(CatalogError) as caught:
        parse_catalog(tomllib.loads(text), "images.toml")
    assert caught.value.message == "images.toml has 3 wrong entries"
    assert len(caught.value.cause.splitlines()) == 3


def test_a_file_that_is_not_toml_or_not_there(tmp_path):
    path = tmp_path / "images.toml"
    with pytest.raises(CatalogError, match="No such file"):
        read_catalog(path)
    path.write_text("[catalog\n")
    with pytest.raises(CatalogError, match="is not TOML"):
        read_catalog(path)


def test_images_are_chosen_in_the_order_of_the_catalog():
    catalog = read_catalog(CATALOG)
    assert list(catalog.choose(["admin", "backend"])) == ["backend", "admin"]
    assert list(catalog.choose([])) == list(catalog.image)


def test_an_unknown_image_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UnknownImageError) as caught:
        read_catalog(CATALOG).choose(["shop"])
    assert "backend, storefront, admin" in caught.value.cause
