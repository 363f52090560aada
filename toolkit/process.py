"""The only place that starts a program: echo, redact, time out, end cleanly on Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from toolkit.console import say
from toolkit.errors import Interrupted, ProgramError

_GRACE = 15.0
"""Seconds that a program gets to clean up after Ctrl-C or a time-out before it is killed."""

_KEPT = 400_000
"""Characters of a streamed program's output that are kept to explain a failure."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


Daemon = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Completed:
    """How a program ended: its exit status and what it printed."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


def find_program(name: str, *, hint: str = "") -> str:
    """The path of a program on PATH; `ProgramError` names it when it is missing."""
    path = shutil.which(name)
    if path is None:
        raise ProgramError(
            f"the program {name!r} is not installed",
            cause="it is in no directory of PATH",
            hint=hint or f"install {name}, then try again",
        )
    return path


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 60.0,
    check: bool = True,
    echo: bool = False,
    hint: str = "",
) -> Completed:
    """Run a program to its end and return what it printed.

    `env` is added to the environment of this process. `timeout` is in seconds. `echo` prints the
    command line, redacted, as queries need not be seen but work should be. With `check`, an exit
    status other than 0 raises `ProgramError` with the last lines of stderr.
    """
    process = _start(argv, env=env, cwd=cwd, echo=echo, stdout=subprocess.PIPE)
    with _ended(process):
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise _timed_out(argv, timeout) from None
    done = Completed(tuple(argv), process.returncode, stdout.decode(), stderr.decode())
    if check and done.code != 0:
        raise failure(done, hint=hint)
    return done


def stream(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 3600.0,
    echo: bool = True,
    quiet: bool = False,
) -> Completed:
    """Run a program whose stderr a person watches; its last part is kept in `stderr`.

    On a terminal the program gets a terminal of the same size for its stderr, so that it draws
    its own progress; else its lines pass through as they come. `quiet` keeps them from the
    person altogether. Exit statuses are the caller's to judge. `timeout` is in seconds.
    """
    if sys.stderr.isatty() and not quiet:
        reader, writer = os.openpty()
        _copy_size(reader)
    else:
        reader, writer = os.pipe()
    deadline = time.monotonic() + timeout
    process = _start(argv, env=env, cwd=cwd, echo=echo, stdout=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    kept = b""
    with _ended(process), _following_size(reader), open(reader, "rb", buffering=0) as source:
        while chunk := _read(source, deadline):
            kept = (kept + chunk)[-_KEPT:]
            if not quiet:
                _show(chunk)
        if time.monotonic() > deadline:
            raise _timed_out(argv, timeout)
        try:
            process.wait(max(deadline - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            raise _timed_out(argv, timeout) from None
    text = _ESCAPES.sub("", kept.decode(errors="replace"))
    return Completed(tuple(argv), process.returncode, "", text)


def attend(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run a program on this process's own terminal and return its exit status."""
    process = _start(argv, env=env, cwd=cwd, echo=True, stdout=None, stderr=None)
    with _ended(process):
        return process.wait()


def start_daemon(argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> Daemon:
    """Start a program that outlives this one; what it prints goes to `log`.

    It has a session of its own, so that Ctrl-C ends what a person runs, and not the daemon.
    """
    find_program(argv[0])
    with log.open("wb") as stream:
        return subprocess.Popen(
            list(argv),
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def failure(done: Completed, *, hint: str = "") -> ProgramError:
    """The error of a program that ended with another status than 0."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return ProgramError(
        f"{Path(done.argv[0]).name} failed with exit status {done.code}",
        cause="\n         ".join(lines[-8:]),
        hint=hint or f"run it by hand: {shlex.join(done.argv)}",
    )


def _start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    echo: bool,
    stdout: int | None,
    stderr: int | None = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    if echo or os.environ.get("VECTIS_DEBUG"):
        say(f"+ {shlex.join(argv)}", "dim")
    find_program(argv[0])
    return subprocess.Popen(
        list(argv),
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no process behind, and give it time to clean up.

    On Ctrl-C a terminal tells the child, too; a signal sent to this process alone does not.
    """
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        try:
            if interrupted and not _ends_within(process, 1):
                process.send_signal(signal.SIGINT)
            elif not interrupted:
                process.terminate()
            if not _ends_within(process, _GRACE):
                process.kill()
        except KeyboardInterrupt:  # a second Ctrl-C: no more patience
            process.kill()
        process.wait()
        if interrupted:
            raise Interrupted("interrupted", hint="run the same command again") from None
        raise


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _timed_out(argv: Sequence[str], timeout: float) -> ProgramError:
    return ProgramError(
        f"{Path(argv[0]).name} did not end within {timeout:g} s and was stopped",
        cause="the machine is overloaded, or something it waits for does not answer",
        hint=f"run it by hand to see where it stands: {shlex.join(argv)}",
    )


def _read(source: IO[bytes], deadline: float) -> bytes:
    """The next output, or nothing at its end and once the deadline has passed."""
    try:
        if not select.select([source], [], [], max(deadline - time.monotonic(), 0))[0]:
            return b""
        return source.read(65536)
    except OSError:  # Linux answers EIO when the last writer of a pseudo-terminal is gone
        return b""


def _show(chunk: bytes) -> None:
    sys.stderr.flush()
    os.write(sys.stderr.fileno(), chunk)


def _copy_size(terminal: int) -> None:
    import termios

    size = os.get_terminal_size(sys.stderr.fileno())
    termios.tcsetwinsize(terminal, (size.lines, size.columns))


@contextlib.contextmanager
def _following_size(reader: int) -> Iterator[None]:
    if not os.isatty(reader):
        yield
        return
    previous = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(reader))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, previous)
