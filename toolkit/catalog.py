"""The catalog `images/images.toml`: every image of the product, typed and checked.

Every wrong key or value of the file is reported in one run, with its key and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from toolkit.errors import CatalogError, UnknownImageError
from toolkit.paths import ROOT

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]*$")]
Positive = Annotated[float, Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`[catalog]`: what holds for all images. `minimum_free_gb` is in units of 10^9 bytes."""

    name: Name
    minimum_free_gb: Annotated[float, Meta(gt=0, le=10_000)] = 3.0


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """`[base.NAME]`: an external image that ours start FROM."""

    reference: Annotated[str, Meta(pattern="^[a-z0-9./_-]+:[A-Za-z0-9._-]+$")]


class Geolite(msgspec.Struct, frozen=True, kw_only=True):
    """`[geolite]`: a database that is older than `max_age_days` is not baked in."""

    max_age_days: Positive = 30


class Verify(msgspec.Struct, frozen=True, kw_only=True):
    """`[verify]`: limits in seconds, 10^6 bytes and percent; `forbidden` are shell patterns.

    A pattern is matched against the whole path, and `*` also matches `/` (fnmatch).
    """

    healthy_seconds: Positive = 15
    stop_seconds: Positive = 10
    memory_mb: Positive = 512
    growth_percent: Positive = 5
    forbidden: list[str] = []


class Dev(msgspec.Struct, frozen=True, kw_only=True):
    """The development variant of an image: its Dockerfile and target (empty: the last stage)."""

    dockerfile: str
    target: str = ""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """`[image.NAME]`: one image. `budget_mb` is in units of 10^6 bytes over the base `over`."""

    kind: Literal["python", "sveltekit"]
    context: Annotated[str, Meta(pattern=r"^(?!.*\.\.)[\w.-]+(/[\w.-]+)*$")]
    dockerfile: str
    target: str
    dev: Dev
    bases: Annotated[list[Name], Meta(min_length=1)]
    over: Name
    health: Annotated[str, Meta(pattern="^/")]
    budget_mb: Positive
    gate: str = ""
    roles: list[Literal["api", "worker", "consumer", "migrate", "seed"]] = []
    environment: dict[str, str] = {}
    required: list[str] = []
    wrong: dict[str, str] = {}
    geolite: list[Literal["GeoLite2-City", "GeoLite2-Country", "GeoLite2-ASN"]] = []


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    catalog: Settings
    geolite: Geolite
    verify: Verify
    base: dict[Name, Base]
    image: dict[Name, Image]

    def choose(self, names: list[str]) -> dict[str, Image]:
        """The images named, in the file's order; all of them for no name at all.

        Raises `UnknownImageError` for a name that the catalog does not have.
        """
        for name in names:
            if name not in self.image:
                raise UnknownImageError(
                    f"there is no image {name!r}",
                    cause=f"the catalog has: {', '.join(self.image)}",
                    hint=f"./invoke build --prod --image {next(iter(self.image))}",
                )
        return {name: image for name, image in self.image.items() if not names or name in names}


def read_catalog(path: Path) -> Catalog:
    """Read and check the catalog at `path`; raises `CatalogError` with every finding."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} is not TOML: {error}") from None
    return parse_catalog(data, str(path))


def parse_catalog(data: dict[str, Any], origin: str) -> Catalog:
    """Check the data of a catalog; `origin` names the file in errors."""
    findings = [*_check_tables(data), *_check_references(data), *_check_stages(data)]
    if findings:
        raise CatalogError(
            f"{origin} has {len(findings)} wrong {'entry' if len(findings) == 1 else 'entries'}",
            cause="\n         ".join(findings),
            hint="docs/images.md lists every key and what it takes",
        )
    return msgspec.convert(data, Catalog)


def _check_tables(data: dict[str, Any]) -> list[str]:
    findings = [
        f"{key}: unknown table; allowed: {', '.join(Catalog.__struct_fields__)}"
        for key in data
        if key not in Catalog.__struct_fields__
    ]
    for key in Catalog.__struct_fields__:
        if not isinstance(data.get(key), dict) or not data[key]:
            findings.append(f"{key}: a table with at least one entry is needed")
            return findings
    findings += _check("catalog", data["catalog"], Settings)
    findings += _check("geolite", data["geolite"], Geolite)
    findings += _check("verify", data["verify"], Verify)
    for group, kind in (("base", Base), ("image", Image)):
        for name, table in data[group].items():
            findings += _check_value(f"{group}.{name}", name, Name)
            findings += _check(f"{group}.{name}", table, kind)
    return findings


def _check(key: str, table: Any, kind: type[msgspec.Struct]) -> list[str]:
    """All findings in one table, field by field."""
    if not isinstance(table, dict):
        return [f"{key}: a table is needed, not {table!r}"]
    allowed = ", ".join(kind.__struct_fields__)
    findings = [
        f"{key}.{name}: unknown key; allowed: {allowed}"
        for name in table
        if name not in kind.__struct_fields__
    ]
    for field in msgspec.structs.fields(kind):
        where = f"{key}.{field.name}"
        if field.name not in table:
            if field.required:
                findings.append(f"{where}: missing")
        elif field.type is Dev:
            findings += _check(where, table[field.name], Dev)
        else:
            findings += _check_value(where, table[field.name], field.type)
    return findings


def _check_value(where: str, value: Any, kind: Any) -> list[str]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        choices = re.findall(r"Literal\[(.*?)\]", str(kind))
        allowed = f"; allowed: {choices[0]}" if choices else ""
        return [f"{where}: {str(error).partition(' - at ')[0]}{allowed}"]
    return []


def _check_references(data: dict[str, Any]) -> list[str]:
    """Bases that an image names must be in the catalog."""
    bases, images = data.get("base"), data.get("image")
    if not isinstance(bases, dict) or not isinstance(images, dict):
        return []
    findings = []
    for name, image in images.items():
        if not isinstance(image, dict):
            continue
        listed = image.get("bases")
        used = [*(listed if isinstance(listed, list) else []), image.get("over")]
        for base in dict.fromkeys(base for base in used if isinstance(base, str)):
            if base not in bases:
                findings.append(
                    f"image.{name}: there is no base {base!r}; allowed: {', '.join(bases)}"
                )
    return findings


def _check_stages(data: dict[str, Any]) -> list[str]:
    """Dockerfiles must be there, and have the stages that an image names."""
    findings: list[str] = []
    images = data.get("image")
    for name, image in images.items() if isinstance(images, dict) else ():
        if not isinstance(image, dict):
            continue
        dev = image.get("dev")
        for key, table in ((f"image.{name}", image), (f"image.{name}.dev", dev)):
            if isinstance(table, dict):
                findings += _check_dockerfile(key, table)
    return findings


def _check_dockerfile(key: str, table: dict[str, Any]) -> list[str]:
    path = ROOT / str(table.get("dockerfile"))
    if "dockerfile" not in table:
        return []  # reported as missing
    if not path.is_file():
        return [f"{key}.dockerfile: there is no {path}"]
    text = path.read_text(encoding="utf-8")
    stages = re.findall(r"^FROM .* AS (\S+)$", text, flags=re.MULTILINE)
    return [
        f"{key}.{field}: {path.name} has no stage {table[field]!r}; allowed: {', '.join(stages)}"
        for field in ("target", "gate")
        if table.get(field) and table[field] not in stages
    ]
