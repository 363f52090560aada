"""One build, from the catalog to the manifest."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from toolkit import disk
from toolkit.app import read_app
from toolkit.bake import define, render
from toolkit.bakery import run_bake
from toolkit.bases.resolve import Mode, resolve_bases
from toolkit.ca import Ca, find_ca
from toolkit.catalog import Image, read_catalog
from toolkit.console import phase, say, warn
from toolkit.engine.find import find_engine
from toolkit.errors import UsageError
from toolkit.failures import explain_failure
from toolkit.files import locked
from toolkit.geolite import choose
from toolkit.geolite.cache import Cache
from toolkit.manifest import Release, write_release
from toolkit.paths import CATALOG, DIST, ROOT, cache_home
from toolkit.plan import Geolite, Options, check_fit, check_licence, check_options, make_plan
from toolkit.prepared import Prepared
from toolkit.progress import read_steps
from toolkit.record import record_release


@dataclass(frozen=True)
class Request:
    """What a build is asked for: the app, the images, and how bases and CA are found."""

    app: Path
    images: list[str]
    options: Options
    bases: str = "auto"
    ca_bundle: str = ""
    geolite: str = "auto"
    geolite_max_age: str = ""
    dist: Path = DIST


def prepare(request: Request) -> Prepared:
    """Check everything that can be checked before a build starts, and make the plan."""
    check_options(request.options)
    if request.bases not in get_args(Mode):
        raise UsageError(f"--bases takes {', '.join(get_args(Mode))}, not {request.bases!r}")
    catalog = read_catalog(CATALOG)
    images = catalog.choose(request.images)
    app = read_app(request.app, images)
    ca = find_ca(request.ca_bundle)
    max_age = read_days(request.geolite_max_age) or catalog.geolite.max_age_days
    geolite, why_not = _find_geolite(request, images, ca, max_age)
    check_licence(request.options, geolite)
    engine = find_engine()
    if engine.root:
        needed = int(catalog.catalog.minimum_free_gb * 1e9)
        disk.require(engine.root, needed, "a build")
    names = {name for image in images.values() for name in (*image.bases, image.over)}
    bases = resolve_bases(
        {name: base for name, base in catalog.base.items() if name in names},
        engine=engine,
        mode=request.bases,
        mirror=os.environ.get("VECTIS_MIRROR", ""),
        lock=ROOT / "images" / "bases.lock.toml",
        ca=ca,
    )
    check_fit(request.options, bases, containerd=engine.containerd)
    plan = make_plan(
        catalog=catalog,
        images=images,
        app=app,
        bases=bases,
        options=request.options,
        dist=request.dist,
        containerd=engine.containerd,
        secrets=tuple(ca.bake_secrets()),
        geolite=geolite,
    )
    return Prepared(plan, images, engine, why_not)


def read_days(text: str) -> float:
    """The value of `--geolite-max-age`; 0 when it was not given."""
    if text and not re.fullmatch(r"[1-9]\d{0,4}", text):
        raise UsageError(f"--geolite-max-age takes a number of days from 1 up, not {text!r}")
    return float(text or 0)


def _find_geolite(
    request: Request, images: dict[str, Image], ca: Ca, max_age: float
) -> tuple[dict[str, Geolite], str]:
    """What the images that ask for a database get, ready to be baked in, or why it is nothing."""
    if not request.options.production:
        if request.geolite not in ("auto", "none"):
            raise UsageError("--geolite is for production images", hint="add --prod")
        return {}, ""
    editions = {edition: None for image in images.values() for edition in image.geolite}
    cache = Cache(cache_home())
    wanted = choose.Request(request.geolite, max_age, os.environ, ca)
    chosen = choose.choose_databases(wanted, list(editions), cache)
    geolite = {}
    for name, image in images.items():
        found = [one for one in chosen.databases if one.database.edition in image.geolite]
        if found:
            databases = tuple(one.database for one in found)
            geolite[name] = Geolite(cache.stage(found), databases)
    return geolite, chosen.missing


def print_definition(request: Request) -> str:
    """The bake definition that a build would run, as JSON."""
    return render(define(prepare(request).plan))


def build(request: Request) -> Release:
    """Build the images and write the manifest, which is left alone unless all went well.

    Raises a `ToolkitError` of the class that fits what went wrong.
    """
    _require_writable(request.dist)
    with locked(request.dist / ".lock"):
        prepared = prepare(request)
        plan = prepared.plan
        for message in _warnings(prepared):
            warn(message)
        if prepared.without_geolite:
            say(f"no GeoLite2 database is baked in: {prepared.without_geolite}", "dim")
        if plan.options.output == "oci":
            (plan.dist / "oci").mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        with phase(f"build {', '.join(image.name for image in plan.images)}"):
            done, metadata = run_bake(define(plan), prepared.engine, builder=plan.options.builder)
            if done.code != 0:
                raise explain_failure(done.stderr, plan, prepared.engine)
        seconds = round(time.monotonic() - start, 2)
        steps = read_steps(done.stderr, [image.name for image in plan.images])
        release = record_release(prepared, metadata, steps, seconds)
        write_release(release, plan.dist / "release.json")
    return release


def _require_writable(dist: Path) -> None:
    manifest = dist / "release.json"
    hint = f"move it away: mv {dist} {dist}.old"
    try:
        (dist / ".lock").touch()
    except FileNotFoundError:
        return  # made with the lock
    except OSError as error:
        raise UsageError(f"{dist} cannot be written: {error.strerror}", hint=hint) from None
    if manifest.is_dir():
        raise UsageError(f"{manifest} is a directory", hint=hint)


def _warnings(prepared: Prepared) -> list[str]:
    messages = [*prepared.plan.app.warnings, *prepared.engine.limits]
    stand_ins = [
        base.reference for base in prepared.plan.bases.values() if base.source == "stand-in"
    ]
    if stand_ins:
        messages.append(
            f"{', '.join(stand_ins)} are stand-ins, made on this machine because no registry has"
            " answered; a release must not be made from them (docs/bases.md)"
        )
    return messages
