"""How large an image is, and how much of that is ours."""

from __future__ import annotations

from toolkit.bases.model import ResolvedBase
from toolkit.engine.find import Engine


class Sizes:
    """Sizes on one engine, in bytes: unpacked layers added up, as `docker history` counts them.

    The size that the engine gives for an image differs between its stores (the containerd store
    adds the compressed content to it); the layers' do not.
    """

    def __init__(self, engine: Engine) -> None:
        from toolkit.engine.client import connect

        self._client = connect(engine.host)
        self._bases: dict[str, int] = {}

    def image(self, name: str) -> int:
        """The size of the image `name`, which the engine must have."""
        return sum(int(layer["Size"]) for layer in self._client.api.history(name))

    def base(self, base: ResolvedBase) -> int:
        """The size of a base; one that only the build cache has is pulled, mostly for nothing."""
        if base.name not in self._bases:
            from docker.errors import ImageNotFound  # type: ignore[import-untyped]

            try:
                self._bases[base.name] = self.image(base.image)
            except ImageNotFound:
                self._client.images.pull(base.image)
                self._bases[base.name] = self.image(base.image)
        return self._bases[base.name]
