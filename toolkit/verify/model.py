"""What a rule says of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.catalog import Image, Verify
from toolkit.manifest import ImageRecord


@dataclass(frozen=True)
class Verdict:
    """What one rule saw on one image; without `fix` it passed, with it that is what to do."""

    rule: str
    seen: str
    fix: str = ""

    @property
    def passed(self) -> bool:
        """Whether the image keeps the rule."""
        return not self.fix


@dataclass(frozen=True)
class Subject:
    """An image to verify: its manifest record, its catalog entry, and the engine's view of it.

    `details` is what `docker inspect` says, `steps` the commands that `docker history` shows above
    the base's, `base` `docker inspect` of the base that it starts FROM.
    """

    record: ImageRecord
    entry: Image
    limits: Verify
    reference: str
    details: dict[str, Any]
    steps: list[str]
    base: dict[str, Any]

    @property
    def base_layers(self) -> int:
        """How many of the layers, from the first, are the base's."""
        ours, theirs = self.details["RootFS"]["Layers"], self.base["RootFS"]["Layers"]
        return len(theirs) if ours[: len(theirs)] == theirs else 0
