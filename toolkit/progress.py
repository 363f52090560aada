"""What buildx's progress says: per image which steps ran, for how long, and what failed. Pure.

It reads both of buildx's displays, of a terminal (`=> [api builder 2/9] RUN … 4.2s`) and plain
(`#12 [api builder 2/9] RUN …`, `#12 DONE 4.2s`), in their final state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_PLAIN_STEP = re.compile(r"^#(\d+) \[(?P<name>[^\]]+)\] (?P<command>.*)$")
_PLAIN_END = re.compile(r"^#(\d+) (?:(CACHED)|DONE ([\d.]+)s|ERROR.*)$")
_TERMINAL_STEP = re.compile(
    r"^\s*=> (?:ERROR )?(?P<cached>CACHED )?\[(?P<name>[^\]]+)\] .*?(?P<seconds>[\d.]+)s\s*$"
)
_FAILED_LOG = re.compile(r"^------\n > \[?(?P<name>[^\n]*?):\n(?P<log>.*?)^------$", re.M | re.S)
_FAILED = re.compile(r"^ERROR: (?:target (?P<target>[\w-]+): )?(?P<message>.*)$", re.M)
_CLOCK = re.compile(r"^\d+\.\d+ ", re.M)
_NOT_WORK = re.compile(r"(^| )(internal|context .*|linter:.*)$")
"""Steps that move files and bases about; the work on an image are its RUN and COPY steps."""


@dataclass
class Steps:
    """The steps of one image: seconds of those that ran, and how many came from the cache."""

    ran: dict[str, float] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)

    @property
    def seconds(self) -> float:
        """The seconds of all steps that ran, added up; they may have run side by side."""
        return round(sum(self.ran.values()), 1)


@dataclass(frozen=True)
class Failure:
    """Why a build failed: the image, the step, the last lines of its log, buildx's message."""

    target: str
    step: str
    log: tuple[str, ...]
    message: str


def read_steps(text: str, targets: Sequence[str]) -> dict[str, Steps]:
    """The steps of each target. With a single target buildx does not name it in its lines."""
    steps = {target: Steps() for target in targets}
    open_steps: dict[str, tuple[Steps, str]] = {}
    for line in text.splitlines():
        if match := _PLAIN_STEP.match(line):
            place = _place(match["name"], steps)
            # A FROM line downloads or finds a base; that is not work on the image.
            if place and not match["command"].startswith("FROM "):
                open_steps[match[1]] = place
        elif match := _PLAIN_END.match(line):
            if match[1] in open_steps:
                _note(*open_steps[match[1]], bool(match[2]), float(match[3] or 0))
        elif match := _TERMINAL_STEP.match(line):
            place = _place(match["name"], steps)
            if place and "] FROM " not in line:
                _note(*place, bool(match["cached"]), float(match["seconds"]))
    return steps


def read_failure(text: str) -> Failure:
    """What failed, from the end of buildx's output."""
    logs = list(_FAILED_LOG.finditer(text))
    errors = list(_FAILED.finditer(text))
    log = _CLOCK.sub("", logs[-1]["log"]).splitlines() if logs else []
    step = logs[-1]["name"] if logs else ""
    target = errors[-1]["target"] if errors else ""
    message = errors[-1]["message"] if errors else (text.strip().splitlines() or [""])[-1]
    return Failure(target or "", step, tuple(line for line in log if line.strip()), message)


def _place(name: str, steps: dict[str, Steps]) -> tuple[Steps, str] | None:
    if _NOT_WORK.search(name):
        return None
    target, _, step = name.partition(" ")
    if target in steps and step:
        return steps[target], step
    return (next(iter(steps.values())), name) if len(steps) == 1 else None


def _note(steps: Steps, step: str, cached: bool, seconds: float) -> None:
    if cached:
        steps.cached.add(step)
        steps.ran.pop(step, None)
    elif seconds > 0 and step not in steps.cached:
        # Beside linked layers buildx reports a step such as WORKDIR as done in 0.0 s when it only
        # looked it up; nothing that runs or copies takes no time.
        steps.ran[step] = seconds
