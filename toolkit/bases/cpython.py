"""CPython 3.12 for the Python stand-in: the host's own installation, without its packages."""

from __future__ import annotations

import glob
import os
import re
import shutil
from pathlib import Path

from toolkit.console import say
from toolkit.errors import BaseError
from toolkit.process import run

VERSION = "3.12"

_PLACES = (
    "~/.pyenv/versions/3.12*",
    "$PYENV_ROOT/versions/3.12*",
    "~/.local/share/uv/python/cpython-3.12*-linux-*",
    "/opt/python/*3.12*",
    "/usr/local",
)

_LEFT_OUT = shutil.ignore_patterns(
    # site-packages can hold the host's own .pth files; the rest is what python:*-slim drops too.
    "site-packages", "__pycache__", "*.pyc", "*.a", "test", "tests", "idle_test", "config-*",
)  # fmt: skip


def find_prefix() -> Path:
    """The newest prefix of a CPython 3.12 on this host that can be moved to `/usr/local`.

    Raises `BaseError` when there is none: PyPI and Debian 12 carry no CPython 3.12.
    """
    found = [
        Path(prefix)
        for place in _PLACES
        for prefix in glob.glob(os.path.expanduser(os.path.expandvars(place)))
        if Path(prefix, "bin", f"python{VERSION}").is_file()
        and Path(prefix, "lib", f"python{VERSION}", "os.py").is_file()
    ]
    if not found:
        raise BaseError(
            f"no stand-in for python:{VERSION}-slim can be made here",
            cause=f"no CPython {VERSION} of pyenv or uv is on this host, and no registry answers",
            hint=f"install one with: uv python install {VERSION} (or pyenv install {VERSION})",
        )
    return max(found, key=_patch_number)


def copy_prefix(prefix: Path, target: Path) -> list[str]:
    """Lay the interpreter and its standard library out below `target`.

    Returns the Debian packages whose shared libraries they need.
    """
    library = f"python{VERSION}"
    (target / "bin").mkdir(parents=True)
    for name in (library, "python3", "python"):
        if name == library:
            shutil.copy2(prefix / "bin" / library, target / "bin" / library)
        else:
            (target / "bin" / name).symlink_to(library)
    shutil.copytree(prefix / "lib" / library, target / "lib" / library, ignore=_LEFT_OUT)
    (target / "lib" / library / "site-packages").mkdir()
    shutil.copytree(prefix / "include", target / "include", symlinks=True)
    for shared in (prefix / "lib").glob("libpython3*.so*"):
        shutil.copy2(shared, target / "lib" / shared.name, follow_symlinks=False)
    objects = [target / "bin" / library, *target.glob("lib/**/*.so*")]
    objects = [path for path in objects if not path.is_symlink()]
    _strip(objects)
    return sorted(_packages_of(_needed_libraries(objects)))


def _patch_number(prefix: Path) -> tuple[int, ...]:
    version = run([str(prefix / "bin" / f"python{VERSION}"), "-V"]).stdout
    return tuple(map(int, re.findall(r"\d+", version)))


def _strip(objects: list[Path]) -> None:
    if shutil.which("strip") is None:
        say("    binutils is not installed: the stand-in keeps its debug symbols (60 MB)")
        return
    run(["strip", "--strip-unneeded", *map(str, objects)])


def _needed_libraries(objects: list[Path]) -> set[str]:
    output = run(["ldd", *map(str, objects)], check=False).stdout
    return set(re.findall(r"=> (/(?:usr/)?lib/\S+)", output))


def _packages_of(libraries: set[str]) -> set[str]:
    """The packages that own `libraries`; libc's are in every image."""
    paths = {path for library in libraries for path in (library, f"/usr{library}")}
    output = run(["dpkg-query", "-S", *sorted(paths)], check=False).stdout
    packages = set(re.findall(r"^([a-z0-9.+-]+):\w+: ", output, flags=re.MULTILINE))
    return packages - {"libc6"}
