"""A base as a build uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["lock", "registry", "mirror", "stand-in"]


@dataclass(frozen=True)
class ResolvedBase:
    """Where a base comes from this time.

    `reference`: what Dockerfiles call it. `image`: what it is called where it comes from, by
    digest wherever it is remote.
    """

    name: str
    reference: str
    source: Source
    image: str
    digest: str

    @property
    def context(self) -> str:
        """The build context that takes the place of `FROM reference`."""
        return f"docker-image://{self.image}"
