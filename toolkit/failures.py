"""From a failed build to one clear error: what failed, the lines that matter, what to do."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from toolkit.bake import define_report
from toolkit.bakery import run_bake
from toolkit.engine.find import Engine
from toolkit.errors import BuildError, DependencyError, GateError, Interrupted, ToolkitError
from toolkit.plan import Plan, PlannedImage
from toolkit.progress import Failure, read_failure

_MOST_LINES = 40
_NOISE = re.compile(
    r"^(npm (error|warn)|> |={5,}|Loading svelte-check|Getting Svelte|\s+at .*[:(]\S*\d+:\d+\)?$|$)"
)
_INSTALL = ("/build/install", "npm ci", "npm prune")


def explain_failure(text: str, plan: Plan, engine: Engine) -> ToolkitError:
    """The error for a build whose progress was `text`.

    When a front end is concerned the report of its gate is read out of the build cache: what
    svelte-check found is the reason, whichever step happened to fail first.
    """
    failure = read_failure(text)
    if failure.message.endswith("context canceled"):
        return Interrupted("the build was cancelled", hint="run the same command again")
    named = [image for image in plan.images if image.name == failure.target]
    images = named or list(plan.images)
    if any(command in failure.step for command in _INSTALL):
        return _dependency_error(failure, images)
    if "exec format error" in text:
        return BuildError(
            f"this machine cannot run programs of {', '.join(plan.options.platforms)}",
            cause="no emulation is installed, and the builder has no node of that platform",
            hint="docker run --privileged --rm tonistiigi/binfmt --install all, or --builder NAME",
        )
    for image in images:
        if image.gate:
            report = read_report(plan, image, engine)
            if report is not None:
                return gate_error(image, report, plan.dist)
    if "failed to push" in failure.message or "failed to authorize" in failure.message:
        return BuildError(
            "the images were built, but not pushed",
            cause=failure.message,
            hint=f"check docker login {plan.options.registry.partition('/')[0]}, then run it again;"
            " what was built and pushed is not done again",
        )
    where = failure.target or "the build"
    return BuildError(
        f"{where} failed in the step: {failure.step}" if failure.step else f"{where} failed",
        cause="\n         ".join(failure.log[-_MOST_LINES:]) or failure.message,
        hint="mend what these lines say; the steps before this one come out of the cache",
    )


def read_report(plan: Plan, image: PlannedImage, engine: Engine) -> str | None:
    """What the gate of `image` printed, or None where it passed or never ran."""
    with tempfile.TemporaryDirectory(prefix="vectis-report.") as name:
        done, _ = run_bake(
            define_report(plan, image, name), engine, builder=plan.options.builder, quiet=True
        )
        status = Path(name, "status")
        if done.code != 0 or not status.is_file() or status.read_text().strip() == "0":
            return None
        return Path(name, "output").read_text(encoding="utf-8", errors="replace")


def gate_error(image: PlannedImage, report: str, dist: Path) -> GateError:
    """The error of a closed gate: the checker's own lines, the whole report in a file."""
    path = dist / f"check-{image.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report, encoding="utf-8")
    lines = [line.removeprefix("/app/") for line in report.splitlines() if not _NOISE.match(line)]
    shown = lines[:_MOST_LINES]
    if len(lines) > len(shown):
        shown.append(f"… {len(lines) - len(shown)} more lines in {path}")
    return GateError(
        f"the gate of {image.name} is closed: `npm run check` failed",
        cause="\n         ".join(shown),
        hint=f"mend it in {image.context}, try it there with: npm run check (report: {path})",
    )


def _dependency_error(failure: Failure, images: list[PlannedImage]) -> DependencyError:
    image = images[0]
    return DependencyError(
        f"the dependencies of {image.name} could not be installed",
        cause="\n         ".join(failure.log[-_MOST_LINES:]) or failure.message,
        hint=f"check the lock in {image.context}, and ./invoke doctor for the network and the CA",
    )
