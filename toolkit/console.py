"""What a person sees: colours on a terminal only, sizes, times, tables, phases, errors."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from toolkit.errors import ToolkitError
from toolkit.redaction import redact

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def coloured(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`; `NO_COLOR` and `FORCE_COLOR` are kept."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def paint(text: str, style: str, stream: TextIO) -> str:
    """`text` in `style` (a key of `_CODES`) where `stream` takes colours, else as it is."""
    return f"\033[{_CODES[style]}m{text}\033[0m" if coloured(stream) else text


def say(text: str, style: str = "") -> None:
    """Print a line for the person to stderr: stdout is kept for results."""
    text = redact(text)
    print(paint(text, style, sys.stderr) if style else text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning to stderr, and as an annotation where GitHub Actions reads it."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(f"::warning::{redact(text)}", file=sys.stderr, flush=True)
    else:
        say(f"warning: {text}", "yellow")


@contextlib.contextmanager
def phase(title: str) -> Iterator[None]:
    """Announce a long step, say how long it took, and fold its output in GitHub Actions."""
    folds = os.environ.get("GITHUB_ACTIONS") == "true"
    say(f"::group::{title}" if folds else f"==> {title}", "" if folds else "bold")
    start = time.monotonic()
    try:
        yield
    finally:
        if folds:
            say("::endgroup::")
    say(f"    ✓ {title} ({format_seconds(time.monotonic() - start)})", "green")


class Meter:
    """How far a long transfer is, in one line of a terminal; elsewhere nothing is shown.

    `total` is in bytes, 0 where it is not known.
    """

    _EVERY = 0.1

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done, self._shown = label, total, 0, 0.0

    def __enter__(self) -> Meter:
        return self

    def advance(self, size: int) -> None:
        """Count `size` more bytes."""
        self._done += size
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._shown > self._EVERY:
            self._shown = now
            of = f" of {format_bytes(self._total)}" if self._total else ""
            print(f"\r{self._label}: {format_bytes(self._done)}{of}\033[K", end="", file=sys.stderr)
            sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def show_error(error: ToolkitError) -> None:
    """Print what failed, the likely cause and the next command: to stderr, redacted."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        say(f"::error::{error.message}")
    say(f"error: {error.message}", "red")
    if error.cause:
        say(f"  cause: {error.cause}")
    if error.hint:
        say(f"  next:  {error.hint}")


def format_bytes(size: float) -> str:
    """Bytes in decimal units, as registries and `docker images` count them."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size) >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} B"


def format_seconds(seconds: float) -> str:
    """Seconds as people read them: `0.31 s`, `42.0 s`, `3 min 05 s`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """A plain table; the columns numbered in `right` are aligned right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def render_markdown(header: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """The same table as Markdown, for GitHub's step summary and the docs."""
    rule = ["---:" if i in right else "---" for i in range(len(header))]
    lines = [header, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
