"""What a developer of the toolkit runs: tests, lint, benchmark, locks."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from toolkit.console import format_seconds, say
from toolkit.errors import BuildError, GateError, ProgramError, UsageError
from toolkit.paths import ROOT
from toolkit.process import attend, run

_SHELL = ("invoke", ".ci/run", "scripts/geolite-refresh")
_DOCKERFILES = (
    "images/backend/Dockerfile",
    "images/backend/Dockerfile.prod",
    "images/sveltekit/Dockerfile",
    "images/bases/Dockerfile",
    "tests/integration/stack/services.Dockerfile",
)


def run_tests(*, unit_only: bool, matching: str) -> None:
    """Run pytest on tests/unit, then on tests/integration; `GateError` when a test fails."""
    _require_tool("pytest")
    folders = ["tests/unit"] if unit_only else ["tests/unit", "tests/integration"]
    options = ["--durations=10", *(["-k", matching] if matching else [])]
    command = [sys.executable, "-m", "pytest", *options, *folders]
    if attend(command, cwd=ROOT) != 0:
        raise GateError("tests failed", hint="run one alone: ./invoke test -k NAME")


def run_lint(*, fix: bool) -> None:
    """Run every linter and report all of them; `GateError` names those that found something."""
    _require_tool("ruff")
    failed = []
    for name, command in _linters(fix=fix):
        start = time.monotonic()
        code = attend(command, cwd=ROOT)
        mark = "✓" if code == 0 else "✗"
        say(f"{mark} {name} ({format_seconds(time.monotonic() - start)})", "" if code else "green")
        if code != 0:
            failed.append(name)
    if failed:
        raise GateError(f"found by {', '.join(failed)}", hint="./invoke lint --fix mends some")


def run_benchmark(rounds: str, *, dev: bool) -> None:
    """Run the benchmark of builds or of the development loop; it writes docs/performance.md."""
    if not rounds.isdigit() or rounds == "0":
        raise UsageError(f"--rounds takes a whole number from 1 up, not {rounds!r}")
    program = "benchmarks/dev_loop.py" if dev else "benchmarks/builds.py"
    if attend([sys.executable, program, rounds], cwd=ROOT) != 0:
        raise BuildError("the benchmark failed")


def write_locks(*, upgrade: bool) -> None:
    """Resolve pyproject.toml to the two hash-pinned locks, with a uv of a moment's life."""
    with tempfile.TemporaryDirectory() as name:
        run([sys.executable, "-m", "pip", "install", "--quiet", f"--target={name}", "uv"])
        uv = str(Path(name, "bin", "uv"))
        for lock, options in (
            ("requirements.lock", []),
            ("requirements-dev.lock", ["--extra=dev", "--constraint=requirements.lock"]),
        ):
            run(
                [uv, "pip", "compile", "pyproject.toml", *options, f"--output-file={lock}"]
                + ["--universal", "--python-version=3.11", "--generate-hashes", "--no-annotate"]
                + ["--custom-compile-command=./invoke lock", *(["--upgrade"] if upgrade else [])],
                cwd=ROOT,
                timeout=300,
                echo=True,
            )


def _linters(*, fix: bool) -> list[tuple[str, list[str]]]:
    python = sys.executable
    tools = Path(python).parent
    linters = [
        ("ruff", [python, "-m", "ruff", "check", *(["--fix"] if fix else [])]),
        ("ruff format", [python, "-m", "ruff", "format", *([] if fix else ["--check"])]),
        ("mypy", [python, "-m", "mypy"]),
        ("shellcheck", [str(tools / "shellcheck"), *_SHELL]),
        ("hadolint", [str(tools / "hadolint"), "--no-color", *_DOCKERFILES]),
    ]
    if any((ROOT / ".github" / "workflows").glob("*.yml")):
        linters.append(("zizmor", [str(tools / "zizmor"), "--offline", ".github/workflows"]))
    return linters


def _require_tool(name: str) -> None:
    if not (Path(sys.executable).parent / name).exists() and shutil.which(name) is None:
        raise ProgramError(
            f"{name} is not installed beside {sys.executable}",
            cause="this environment was not made by the launcher",
            hint="use ./invoke, or: pip install -e .[dev]",
        )
