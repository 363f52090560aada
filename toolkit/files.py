"""Files that are whole or absent: atomic writes, and locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from toolkit.errors import BusyError


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` under a temporary name beside `path`, then rename it into place.

    A reader sees the old file or the new one, never half of either; an interrupted write leaves
    the old one as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def locked(path: Path, *, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock on `path` for the length of the block.

    The kernel drops the lock (flock(2)) when the process ends, however it ends, so there is no
    stale lock to clear. The holder's pid is in the file.

    `waiting`: called once with the holder's pid before waiting for it; without it a held lock
    raises `BusyError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            if waiting is None:
                raise BusyError(
                    f"another run (pid {holder}) is at work here",
                    cause=f"it holds the lock {path}",
                    hint=f"wait for it to end, or stop it: kill -INT {holder}",
                ) from None
            waiting(holder)
            fcntl.flock(stream, fcntl.LOCK_EX)
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
