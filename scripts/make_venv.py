"""Make the toolkit's virtual environment from its hash-pinned locks. Standard library only.

usage: make_venv.py VENV LOCK ...

The launcher calls it when a lock and its copy in VENV differ. The copy is written last, so that a
set-up which was interrupted is seen and made again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

FAILED = 3
"""Exit status of a set-up that failed."""


def main(argv: list[str]) -> int:
    """Make or complete the environment, alone: a second run waits for the first."""
    directory, root = Path(argv[0]), Path(argv[0]).parent
    locks = [root / name for name in argv[1:]]
    with (root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [path for path in locks if not is_installed(path, directory)]
        if not missing:
            return 0
        start = time.monotonic()
        say(f"==> set up {directory} ({', '.join(path.name for path in missing)})")
        if any((directory / path.name).exists() for path in missing) or locks[0] in missing:
            # What a changed lock no longer names would stay behind, so it is made anew.
            shutil.rmtree(directory, ignore_errors=True)
            missing = locks
            create(directory)
        for path in missing:
            install(directory, path)
        say(f"    ✓ set up in {time.monotonic() - start:.1f} s")
    return 0


def is_installed(lock: Path, directory: Path) -> bool:
    """Whether the environment was made from this very lock, and is still there."""
    copy = directory / lock.name
    invoke = any(directory.glob("lib/python*/site-packages/invoke/__main__.py"))
    works = invoke and (directory / "bin" / "python").exists()
    return works and copy.is_file() and copy.read_bytes() == lock.read_bytes()


def create(directory: Path) -> None:
    """Make an environment with pip in it, also where Debian has taken ensurepip out of Python."""
    try:
        import ensurepip  # noqa: F401, PLC0415
    except ImportError:
        venv.create(directory, with_pip=False)
        add_pip(directory)
    else:
        venv.create(directory, with_pip=True)


def add_pip(directory: Path) -> None:
    """Install pip from Debian's own wheel, unpacked without installing its package."""
    with tempfile.TemporaryDirectory() as work:
        run(["apt-get", "download", "python3-pip-whl"], cwd=work, hint="apt-get update")
        (package,) = Path(work).glob("*.deb")
        run(["dpkg", "-x", str(package), work], cwd=work, hint="")
        (wheel,) = Path(work).glob("usr/share/python-wheels/pip-*.whl")
        environment = {**os.environ, "PYTHONPATH": str(wheel)}
        python = str((directory / "bin" / "python").absolute())
        command = [python, "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
        run(command, cwd=work, hint="apt-get install python3-venv", environment=environment)


def install(directory: Path, lock: Path) -> None:
    """Install what a lock names, every file checked against its hash."""
    run(
        [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
        + ["--disable-pip-version-check", "--no-deps", "--require-hashes", f"--requirement={lock}"],
        cwd=str(directory),
        hint="check that pip reaches its index (pip config list), then run the same again",
    )
    shutil.copyfile(lock, directory / lock.name)


def run(
    command: list[str], *, cwd: str, hint: str, environment: dict[str, str] | None = None
) -> None:
    """Run a command of the set-up, or end with one error that says what to do."""
    try:
        subprocess.run(command, cwd=cwd, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError) as error:
        say("error: the virtual environment could not be set up")
        say(f"  cause: {error}")
        if command[0] == "apt-get":
            hint = "apt-get update && apt-get install python3-venv"
        say(f"  next:  {hint}")
        sys.exit(FAILED)


def say(text: str) -> None:
    """Print a line for the person; stdout is kept for results."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        say(f"error: the virtual environment could not be set up\n  cause: {error}")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        say("\ninterrupted; the next ./invoke sets up again")
        sys.exit(130)
