import json
import subprocess

import pytest

from toolkit.app import derive_version, read_app, web_address
from toolkit.catalog import read_catalog
from toolkit.errors import AppError
from toolkit.paths import CATALOG

IMAGES = read_catalog(CATALOG).image
PACKAGE = {
    "scripts": {"build": "vite build", "check": "houdini generate && svelte-check"},
    "devDependencies": {"@sveltejs/adapter-node": "5"},
}


@pytest.fixture
def app(tmp_path):
    """A checkout that keeps the contract, in git, with a tag."""
    root = tmp_path / "shop"
    for name in ("backend", "storefront", "admin"):
        (root / name).mkdir(parents=True)
    (root / "backend" / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (root / "backend" / "requirements.lock").write_text("a==1 --hash=sha256:00\n")
    for name in ("storefront", "admin"):
        (root / name / "package.json").write_text(json.dumps(PACKAGE))
        (root / name / "package-lock.json").write_text("{}")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    git(root, "tag", "v1.4.2")
    return root


def git(root, *arguments):
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", "-C", root, *author, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def findings(root):
    with pytest.raises(AppError) as caught:
        read_app(root, IMAGES)
    return caught.value.cause


def test_version_revision_and_time_come_from_git(app):
    read = read_app(app, IMAGES)
    assert read.version == "1.4.2"
    assert read.revision == git(app, "rev-parse", "HEAD")
    assert read.epoch == int(git(app, "log", "-1", "--format=%ct"))
    assert not read.dirty
    assert not read.warnings


def test_a_changed_file_makes_it_dirty(app):
    (app / "backend" / "new.py").write_text("")
    read = read_app(app, IMAGES)
    assert read.dirty
    assert read.version == "1.4.2-dirty"


def test_only_changes_below_the_application_count(app):
    example = app / "examples"
    app.rename(app.with_name("moved"))
    outer = app
    outer.mkdir()
    (app.with_name("moved")).rename(example)
    (example / ".git").rename(outer / ".git")
    git(outer, "add", "-A")
    git(outer, "commit", "-qm", "moved")
    (outer / "README").write_text("not of the application")
    assert not read_app(example, IMAGES).dirty


def test_a_checkout_without_git_has_no_version(app):
    (app / ".git").rename(app.parent / "elsewhere")
    read = read_app(app, IMAGES)
    assert (read.version, read.revision, read.dirty, read.epoch) == (
        "0.0.0-unversioned", "", True, 0,
    )  # fmt: skip


def test_no_such_application(tmp_path):
    with pytest.raises(AppError, match="there is no application at"):
        read_app(tmp_path / "nowhere", IMAGES)


def test_a_broken_pyproject_is_named_with_its_line(app):
    (app / "backend" / "pyproject.toml").write_text("[project\n")
    cause = findings(app)
    assert "backend/pyproject.toml" in cause
    assert "line 1" in cause


def test_a_pyproject_without_a_project(app):
    (app / "backend" / "pyproject.toml").write_text("[tool.ruff]\n")
    assert "has no [project] table" in findings(app)


@pytest.mark.parametrize("lock", ["", "a==1\n"])
def test_a_backend_without_a_hashed_lock_is_a_warning(app, lock):
    (app / "backend" / "requirements.lock").unlink()
    (app / "backend" / "requirements.txt").write_text(lock)
    (warning,) = read_app(app, IMAGES).warnings
    assert "backend is not locked" in warning


def test_a_front_end_without_lock_or_scripts_or_adapter(app):
    (app / "admin" / "package-lock.json").unlink()
    (app / "admin" / "package.json").write_text('{"scripts": {"check": "svelte-check"}}')
    cause = findings(app)
    assert "admin/package-lock.json: missing" in cause
    assert 'no script "build"' in cause
    assert "does not run houdini generate" in cause
    assert "adapter-node" in cause


def test_an_npmrc_is_a_secret_of_its_image_only(app):
    (app / "admin" / ".npmrc").write_text("//registry.example/:_authToken=abc\n")
    assert read_app(app, IMAGES).secrets == {"admin": (f"id=npmrc,src={app}/admin/.npmrc",)}


def test_a_lock_in_an_odd_encoding_is_read_all_the_same(app):
    (app / "backend" / "requirements.lock").unlink()
    (app / "backend" / "requirements.txt").write_text("a==1", encoding="utf-16")
    assert len(read_app(app, IMAGES).warnings) == 1


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_a_package_json_that_is_none(app, text):
    (app / "storefront" / "package.json").write_text(text)
    assert "storefront/package.json" in findings(app)


def test_parts_that_are_not_built_are_not_checked(app):
    (app / "admin" / "package.json").unlink()
    assert read_app(app, {"backend": IMAGES["backend"]}).version == "1.4.2-dirty"


@pytest.mark.parametrize(
    ("described", "version"),
    [
        ("v1.4.2-0-gabc1234", "1.4.2"),
        ("v1.4.2-3-gabc1234", "1.4.2-3-gabc1234"),
        ("v2.0.0-rc.1-0-gabc1234", "2.0.0-rc.1"),
        ("v1.0.0+build.5-0-gabc1234", "1.0.0-build.5"),
        ("abc1234", "0.0.0-gabc1234"),
    ],
)
def test_versions_are_valid_image_tags(described, version):
    assert derive_version(described, dirty=False) == version
    assert derive_version(described, dirty=True) == f"{version}-dirty"


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("ssh://git@git.example.com/acme/shop", "https://git.example.com/acme/shop"),
        ("https://user:secret@github.com/acme/shop.git", "https://github.com/acme/shop"),
        (
            "ssh://git:s3cret@git.example.com:2222/acme/shop.git",
            "https://git.example.com/acme/shop",
        ),
        ("https://user:p@ss@git.example.com/acme/shop", "https://git.example.com/acme/shop"),
        ("deploy:tok3n@git.example.com:acme/shop", "https://git.example.com/acme/shop"),
        ("../shop", ""),
        ("file:///srv/git/shop", ""),
        ("/srv/git/shop.git", ""),
        ("", ""),
    ],
)
def test_the_source_label_is_a_page_without_credentials(remote, page):
    assert web_address(remote) == page
