"""The table that a build ends in, on the terminal and in GitHub's step summary."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.console import format_bytes, format_seconds, render_markdown, render_table, say
from toolkit.manifest import ImageRecord, Release, encode_release
from toolkit.paths import DIST, ROOT

_HEADER = ("IMAGE", "TAG", "DIGEST", "SIZE", "OVER BASE", "SECONDS", "BUILT", "GEOLITE2", "GATES")
_RIGHT = {3, 4, 5}


def show_release(release: Release, *, as_json: bool) -> None:
    """Print the manifest for a machine, or the table for a person; add GitHub's step summary."""
    write_step_summary(release)
    if as_json:
        print(encode_release(release).decode(), end="")
        return
    say("")
    print(table_of(release))
    name = DIST.relative_to(ROOT) / "release.json"
    say(f"{release.version}: built in {format_seconds(release.seconds)}, manifest in {name}")


def table_of(release: Release) -> str:
    """The table as text for a terminal."""
    return render_table(_HEADER, [_row(image) for image in release.images], _RIGHT)


def write_step_summary(release: Release) -> None:
    """Append the table to GitHub's step summary, where GITHUB_STEP_SUMMARY names one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    table = render_markdown(_HEADER, [_row(image) for image in release.images], _RIGHT)
    title = f"### Images of {release.version} ({format_seconds(release.seconds)})"
    with Path(path).open("a", encoding="utf-8") as stream:
        stream.write(f"{title}\n\n{table}\n\n")


def _row(image: ImageRecord) -> tuple[str, ...]:
    gates = " ".join(
        f"{name} {'✓' if state == 'passed' else '✗'}" for name, state in image.gates.items()
    )
    return (
        image.name,
        image.tags[0].rpartition(":")[2],
        image.digest.removeprefix("sha256:")[:12],
        "-" if image.size is None else format_bytes(image.size),
        "-" if image.size_over_base is None else format_bytes(image.size_over_base),
        f"{image.seconds:.1f}",
        "cached" if image.cached else "built",
        _geolite(image),
        gates or "-",
    )


def _geolite(image: ImageRecord) -> str:
    if image.geolite is None:
        return "-"
    named = (f"{one.edition.removeprefix('GeoLite2-')} {one.built[:10]}" for one in image.geolite)
    return ", ".join(named) or "none"
