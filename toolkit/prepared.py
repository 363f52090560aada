"""A build that only has to be run."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.catalog import Image
from toolkit.engine.find import Engine
from toolkit.plan import Plan


@dataclass(frozen=True)
class Prepared:
    """The plan, the catalog's entries that it was made from, and the engine it will run on."""

    plan: Plan
    images: dict[str, Image]
    engine: Engine
    without_geolite: str = ""
    """Why no database is baked in, where one could be."""
