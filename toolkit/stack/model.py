"""What a stack is started with: images, variables, replicas. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from toolkit.errors import UsageError
from toolkit.manifest import Release

SCALABLE = ("api", "worker", "storefront", "admin")
"""Services that any number of replicas may run of."""

_NOT_SCALABLE = {
    "consumer": "a consumer group has one instance: two would share the partitions, and apply the"
    " events of one order out of turn; give the broker more partitions and groups instead",
    "proxy": "it holds the published ports; put a load balancer before several hosts instead",
    "migrate": "it runs once, before the others start",
    "seed": "it runs once, before the others start",
}
_NESTED = re.compile(r"\$\{(\w+):-[^{}]*\$\{(\w+):\?")
_REQUIRED = re.compile(r"\$\{(\w+):\?([^}]*)\}")


def read_scale(words: Sequence[str]) -> dict[str, int]:
    """Replicas by service from `api=3`; raises `UsageError` for what must not be scaled."""
    replicas = {}
    for word in words:
        service, _, number = word.partition("=")
        if not re.fullmatch(r"[1-9]\d?", number):
            raise UsageError(f"--scale takes SERVICE=NUMBER, from 1 to 99, not {word!r}")
        if service not in SCALABLE:
            raise UsageError(
                f"{service} is not scaled",
                cause=_NOT_SCALABLE.get(service, "it keeps state, or is not ours"),
                hint=f"--scale takes {', '.join(SCALABLE)}",
            )
        replicas[service] = int(number)
    return replicas


def find_missing(compose: str, environment: Mapping[str, str]) -> list[str]:
    """The variables that a compose file requires and that are not set, with what it says of them.

    A variable inside another's default is required only where that other is not set (Compose file
    reference, interpolation).
    """
    spared = {inner for outer, inner in _NESTED.findall(compose) if environment.get(outer)}
    wanted: dict[str, str] = {}
    for name, text in _REQUIRED.findall(compose):
        wanted[name] = wanted.get(name) or text
    return [
        f"{name}{f': {text}' if text else ''}"
        for name, text in wanted.items()
        if not environment.get(name) and name not in spared
    ]


def name_images(release: Release, *, by_digest: bool) -> dict[str, str]:
    """The variables that name the images of a manifest: `BACKEND_IMAGE` and so on.

    `by_digest`: as the containerd image store and registries know them; else by id, the digest of
    the overlay2 store.
    """
    names = {}
    for image in release.images:
        repository = image.tags[0].rpartition(":")[0]
        variable = f"{image.name.upper().replace('-', '_')}_IMAGE"
        names[variable] = f"{repository}@{image.digest}" if by_digest else image.digest
    return names


def explain_log(log: str, most: int = 8) -> list[str]:
    """The lines of a one-shot service's log that say what went wrong, and in which migration."""
    lines = [line for line in log.splitlines() if line.strip()]
    steps = [line for line in lines if "Running upgrade" in line]
    return [*steps[-1:], *[line for line in lines[-most:] if line not in steps[-1:]]]
