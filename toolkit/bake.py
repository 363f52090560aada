"""From the plan to a bake definition (pure), which anyone can run without the toolkit.

Source: the Bake file reference of docker/buildx (JSON form).
"""

from __future__ import annotations

import json
from typing import Any

from toolkit.plan import Plan, PlannedImage


def define(plan: Plan) -> dict[str, Any]:
    """The bake definition of a plan: one target an image, all in the group `default`."""
    return {
        "group": {"default": {"targets": [image.name for image in plan.images]}},
        "target": {image.name: _target(plan, image) for image in plan.images},
    }


def define_report(plan: Plan, image: PlannedImage, directory: str) -> dict[str, Any]:
    """A definition that writes the report of an image's gate to `directory`.

    It is the same target up to the stage of the report, so everything comes out of the cache.
    """
    target = _target(plan, image)
    for key in ("tags", "labels", "no-cache"):
        target.pop(key, None)
    target |= {"target": image.gate, "output": [f"type=local,dest={directory}"]}
    return {"target": {"default": target}}


def render(definition: dict[str, Any]) -> str:
    """The definition as text, the same for the same plan."""
    return json.dumps(definition, indent=2) + "\n"


def _target(plan: Plan, image: PlannedImage) -> dict[str, Any]:
    target: dict[str, Any] = {
        "context": str(image.context),
        "dockerfile": str(image.dockerfile),
        "contexts": image.contexts,
        "args": image.args,
        "labels": image.labels,
        "tags": list(image.tags),
        # Default provenance holds the time of the build, so no two builds had the same digest.
        "attest": ["type=provenance,disabled=true"],
        "output": [_output(plan, image)],
    }
    if image.target:
        target["target"] = image.target
    if secrets := [*plan.secrets, *image.secrets]:
        target["secret"] = secrets
    if plan.options.platforms:
        target["platforms"] = list(plan.options.platforms)
    if plan.options.no_cache:
        target["no-cache"] = True
    return target


def _output(plan: Plan, image: PlannedImage) -> str:
    """One digest wherever it goes: OCI media types, and zstd, a quarter of gzip's time."""
    if plan.options.output == "oci":
        return f"type=oci,compression=zstd,dest={plan.dist}/oci/{image.name}.tar"
    if plan.options.output == "push":
        return "type=image,oci-mediatypes=true,compression=zstd,push=true"
    if plan.options.builder or not plan.containerd:
        return "type=docker"
    return "type=image,oci-mediatypes=true,compression=zstd,unpack=true"
