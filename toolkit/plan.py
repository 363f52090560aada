"""The plan: everything that a build will do, decided before it starts. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from toolkit.app import App
from toolkit.bases.model import ResolvedBase
from toolkit.catalog import Catalog, Image
from toolkit.errors import UsageError
from toolkit.geolite.model import Database
from toolkit.paths import ROOT

Output = Literal["load", "push", "oci"]

_REGISTRY = r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*"


def choose_output(named: str, *, push: bool, load: bool) -> Output:
    """The one output that `--output`, `--push` and `--load` ask for; `load` for none of them."""
    asked = {*filter(None, [named]), *(["push"] if push else []), *(["load"] if load else [])}
    chosen = asked.pop() if asked else "load"
    if asked:
        raise UsageError("--output, --push and --load name different outputs", hint="give one")
    for output in get_args(Output):
        if chosen == output:
            return cast(Output, output)
    raise UsageError(f"--output takes {', '.join(get_args(Output))}, not {chosen!r}")


@dataclass(frozen=True)
class Options:
    """What a person asked for on the command line."""

    production: bool = True
    tag: str = ""
    registry: str = ""
    platforms: tuple[str, ...] = ()
    builder: str = ""
    no_cache: bool = False
    output: Output = "load"
    redistribute: bool = False


@dataclass(frozen=True)
class Geolite:
    """The databases of a build, in a directory that is their build context."""

    directory: Path
    databases: tuple[Database, ...]


@dataclass(frozen=True)
class PlannedImage:
    """One image as it will be built: the input of one bake target."""

    name: str
    context: Path
    dockerfile: Path
    target: str
    gate: str
    tags: tuple[str, ...]
    labels: dict[str, str]
    args: dict[str, str]
    contexts: dict[str, str]
    secrets: tuple[str, ...]
    over: str
    geolite: tuple[Database, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A whole build: the app, its images, the bases they start from, and where they go."""

    app: App
    images: tuple[PlannedImage, ...]
    bases: dict[str, ResolvedBase]
    options: Options
    dist: Path
    containerd: bool
    secrets: tuple[str, ...] = ()


def check_options(options: Options) -> None:
    """Raise `UsageError` for options that cannot be, before any work is done for them."""
    if options.tag and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", options.tag):
        raise UsageError(
            f"--tag {options.tag!r} is not a tag",
            cause="a tag has letters, digits and _ . - only, 128 at the most (OCI distribution)",
        )
    if options.registry and not re.fullmatch(_REGISTRY, options.registry):
        raise UsageError(
            f"VECTIS_REGISTRY={options.registry} is not a registry",
            cause="it is HOST[:PORT][/PATH] in lower case, without https://",
        )
    if options.output == "push" and not options.registry:
        raise UsageError(
            "--push needs to know where to",
            hint="VECTIS_REGISTRY=ghcr.io/acme ./invoke build --prod --push",
        )
    for platform in options.platforms:
        if not re.fullmatch(r"[a-z0-9]+/[a-z0-9]+(/v\d+)?", platform):
            raise UsageError(f"--platform {platform} is none", hint="--platform linux/amd64")


def check_fit(options: Options, bases: dict[str, ResolvedBase], *, containerd: bool) -> None:
    """Raise `UsageError` for options that this engine or these bases cannot serve."""
    if not containerd and not options.builder and options.output == "oci":
        raise UsageError(
            "this engine's store cannot write OCI archives",
            hint="switch the containerd image store on, or name a builder with --builder",
        )
    if len(options.platforms) > 1 and options.output == "load" and not containerd:
        raise UsageError(
            "this engine's store keeps one platform an image",
            cause="only the containerd image store loads images of several platforms",
            hint="add --push or --output oci, or switch the containerd image store on",
        )
    elsewhere = options.builder or options.platforms
    if elsewhere and any(base.source == "stand-in" for base in bases.values()):
        raise UsageError(
            "stand-in bases are in this engine only, and for its own platform only",
            cause="--builder and --platform need bases that a registry serves",
            hint="reach a registry, or name a mirror with VECTIS_MIRROR",
        )


def check_licence(options: Options, geolite: Mapping[str, Geolite]) -> None:
    """Raise `UsageError` for a push of a baked database that was not asked for by name."""
    if geolite and options.output == "push" and not options.redistribute:
        raise UsageError(
            "a push would pass GeoLite2 on to everybody who can pull the image",
            cause="MaxMind's licence binds them too: attribution, and old databases destroyed"
            " (docs/geolite.md)",
            hint="--geolite-redistribute if you keep it, or --geolite none",
        )


def make_plan(
    *,
    catalog: Catalog,
    images: dict[str, Image],
    app: App,
    bases: dict[str, ResolvedBase],
    options: Options,
    dist: Path,
    containerd: bool,
    secrets: tuple[str, ...] = (),
    geolite: Mapping[str, Geolite] = {},
) -> Plan:
    """Decide what is built from what.

    `bases`: by their name in the catalog. `dist`: the directory of the manifest and of OCI
    archives. `containerd`: whether the engine has the containerd image store. `secrets`: bake
    `secret` entries for steps that reach the network. `geolite`: the
    databases of the images that get some.
    """
    planned = tuple(
        _plan_image(catalog, name, image, app, bases, options, geolite.get(name))
        for name, image in images.items()
    )
    return Plan(app, planned, bases, options, dist, containerd, secrets)


def _plan_image(
    catalog: Catalog,
    name: str,
    image: Image,
    app: App,
    bases: dict[str, ResolvedBase],
    options: Options,
    geolite: Geolite | None,
) -> PlannedImage:
    variant = image if options.production else image.dev
    tag = options.tag or (app.version if options.production else "dev")
    args = {"SOURCE_DATE_EPOCH": str(app.epoch)}
    if options.production:
        args["HEALTH_PATH"] = image.health
    contexts = {bases[base].reference: bases[base].context for base in image.bases}
    labels = _labels(catalog, name, app, bases[image.bases[0]], image.roles)
    if geolite:
        contexts["geolite"] = str(geolite.directory)
        labels["com.vectis.geolite.type"] = " ".join(one.edition for one in geolite.databases)
        labels["com.vectis.geolite.built"] = " ".join(one.built for one in geolite.databases)
    return PlannedImage(
        name=name,
        context=app.root / image.context,
        dockerfile=ROOT / variant.dockerfile,
        target=variant.target,
        gate=image.gate if options.production else "",
        tags=("/".join(filter(None, (options.registry, catalog.catalog.name, f"{name}:{tag}"))),),
        labels=labels,
        args=args,
        contexts=contexts,
        secrets=app.secrets.get(image.context, ()),
        over=image.over,
        geolite=geolite.databases if geolite else (),
    )


def _labels(
    catalog: Catalog, name: str, app: App, base: ResolvedBase, roles: Sequence[str]
) -> dict[str, str]:
    """The annotations of the OCI image specification that the toolkit knows, and the roles."""
    created = datetime.datetime.fromtimestamp(app.epoch, datetime.UTC)
    labels = {
        "title": f"{catalog.catalog.name} {name}",
        "version": app.version,
        "revision": app.revision,
        "source": app.source,
        "created": created.isoformat().replace("+00:00", "Z"),
        "base.name": base.reference,
        "base.digest": base.digest,
    }
    known = {f"org.opencontainers.image.{key}": value for key, value in labels.items() if value}
    return known | ({"com.vectis.roles": " ".join(roles)} if roles else {})
