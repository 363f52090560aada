"""From what a build left behind to the release manifest."""

from __future__ import annotations

import datetime
from typing import Any

from toolkit.console import warn
from toolkit.errors import CatalogError
from toolkit.manifest import (
    SCHEMA,
    BaseRecord,
    EngineRecord,
    ImageRecord,
    Release,
    read_release,
)
from toolkit.plan import PlannedImage
from toolkit.prepared import Prepared
from toolkit.progress import Steps
from toolkit.sizes import Sizes


def record_release(
    prepared: Prepared, metadata: dict[str, Any], steps: dict[str, Steps], seconds: float
) -> Release:
    """The manifest of a build that went well.

    `metadata` is buildx's, by target; `steps` what ran for each; `seconds` the whole build's time.
    """
    plan, engine = prepared.plan, prepared.engine
    try:
        last = read_release(plan.dist / "release.json")
    except CatalogError:
        last = None
    measured = _Measured(prepared, last)
    app = plan.app
    return Release(
        schema=SCHEMA,
        version=app.version,
        revision=app.revision,
        dirty=app.dirty,
        source=app.source,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        production=plan.options.production,
        seconds=seconds,
        engine=EngineRecord(origin=engine.origin, version=engine.version, store=engine.store),
        images=[
            _record_image(prepared, image, metadata[image.name], steps[image.name], measured)
            for image in plan.images
        ],
    )


def _record_image(
    prepared: Prepared,
    image: PlannedImage,
    metadata: dict[str, Any],
    steps: Steps,
    measured: _Measured,
) -> ImageRecord:
    plan = prepared.plan
    entry = prepared.images[image.name]
    digest = str(metadata.get("containerimage.digest", ""))
    size, over_base = measured.sizes(image, digest)
    gates = {"check": "passed"} if image.gate else {}
    if over_base is not None and plan.options.production:
        # The database is MaxMind's, grows by itself and may be missing: the budget is for the rest.
        ours = over_base - sum(database.size for database in image.geolite)
        gates["budget"] = "passed" if ours <= entry.budget_mb * 1e6 else "exceeded"
    if gates.get("budget") == "exceeded":
        warn(f"{image.name} is larger than its budget of {entry.budget_mb:g} MB over base")
    return ImageRecord(
        name=image.name,
        tags=list(image.tags),
        digest=digest,
        platforms=list(plan.options.platforms),
        size=size,
        size_over_base=over_base,
        over=plan.bases[image.over].reference,
        bases=[
            BaseRecord(
                name=base.name, reference=base.reference, digest=base.digest, source=base.source
            )
            for base in (plan.bases[name] for name in entry.bases)
        ],
        seconds=steps.seconds,
        cached=not steps.ran,
        gates=gates,
        geolite=list(image.geolite) if entry.geolite and plan.options.production else None,
    )


class _Measured:
    """Sizes by digest: an unchanged digest has the size that the last manifest says."""

    def __init__(self, prepared: Prepared, last: Release | None) -> None:
        self._prepared = prepared
        self._last = last
        self._sizes: Sizes | None = None

    def sizes(self, image: PlannedImage, digest: str) -> tuple[int | None, int | None]:
        options = self._prepared.plan.options
        if options.output == "oci" or options.builder or len(options.platforms) > 1:
            return None, None  # the engine does not have the image
        base = self._prepared.plan.bases[image.over]
        known = self._last.image(image.name) if self._last else None
        if known and known.digest == digest and known.over == base.reference and known.size:
            return known.size, known.size_over_base
        self._sizes = self._sizes or Sizes(self._prepared.engine)
        size = self._sizes.image(image.tags[0])
        return size, size - self._sizes.base(base)
