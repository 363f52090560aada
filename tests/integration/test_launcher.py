"""The launcher in a fresh clone: set up once, made again when it must be, clear when it cannot.

Starts: nothing but itself. Every set-up installs the toolkit's lock from the package index.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.integration.conftest import ROOT


@pytest.fixture
def clone(tmp_path):
    """The files of this checkout, as a clone has them; no environment yet."""
    target = tmp_path / "clone"
    target.mkdir()
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=True,
    )  # fmt: skip
    copy = ["rsync", "-a", "--from0", "--files-from=-", f"{ROOT}/", f"{target}/"]
    try:
        subprocess.run(copy, input=listed.stdout, check=True)
    except FileNotFoundError:
        tar = subprocess.run(
            ["tar", "-C", ROOT, "--null", "-T", "-", "-c"],
            input=listed.stdout, capture_output=True, check=True,
        )  # fmt: skip
        subprocess.run(["tar", "-C", target, "-x"], input=tar.stdout, check=True)
    return target


def launch(clone, *arguments, **environment):
    return subprocess.run(
        [clone / "invoke", *arguments], capture_output=True, text=True, check=False, cwd="/",
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_first_run_sets_up_and_the_second_does_not(clone):
    first = launch(clone, "--list")
    assert first.returncode == 0, first.stderr
    assert "set up" in first.stderr
    assert "engine.start" in first.stdout
    second = launch(clone, "--list")
    assert second.stderr == ""
    assert second.stdout == first.stdout

    # Half of it removed, and called by a link: repaired.
    shutil.rmtree(clone / ".venv" / "lib")
    link = clone.parent / "link"
    link.symlink_to(clone / "invoke")
    repaired = subprocess.run([link, "--list"], capture_output=True, text=True, check=False)
    assert repaired.returncode == 0, repaired.stderr
    assert "set up" in repaired.stderr

    # A changed lock: what it no longer names is gone.
    marker = clone / ".venv" / "from-before"
    marker.touch()
    with (clone / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    third = launch(clone, "--list")
    assert "set up" in third.stderr
    assert not marker.exists()


def test_a_set_up_that_is_interrupted_is_made_again(clone):
    process = subprocess.Popen(
        [clone / "invoke", "--list"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not (clone / ".venv" / "bin" / "pip").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)
    assert not (clone / ".venv" / "requirements.lock").exists()
    again = launch(clone, "--list")
    assert again.returncode == 0, again.stderr
    assert "engine.start" in again.stdout


def test_two_first_runs_at_once_set_up_one_environment(clone):
    runs = [
        subprocess.Popen([clone / "invoke", "--list"], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], errors
    assert sum("✓ set up" in error for error in errors) == 1


def test_an_old_python_is_an_error_that_says_what_to_do(clone, tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\n[ \"$1\" = -V ] && echo 'Python 3.9.2'; exit 1\n")
    old.chmod(0o755)
    ran = launch(clone, "--list", PYTHON=str(old))
    assert ran.returncode == 3
    assert "Python 3.11 or newer is needed" in ran.stderr
    assert "Python 3.9.2" in ran.stderr
    assert not (clone / ".venv").exists()


def test_a_lock_that_was_tampered_with_is_refused(clone):
    lock = clone / "requirements.lock"
    text = lock.read_text()
    first = text.index("sha256:") + len("sha256:")
    lock.write_text(text[:first] + text[first:].replace("sha256:", f"sha256:{'0' * 64} #", 1))
    hashes = [line for line in text.splitlines() if "--hash" in line]
    lock.write_text(text.replace(hashes[0], f"    --hash=sha256:{'0' * 64}").replace(hashes[1], ""))
    ran = launch(clone, "--list")
    assert ran.returncode == 3
    assert "could not be set up" in ran.stderr
    assert not (clone / ".venv" / "requirements.lock").exists()


def test_an_environment_of_ones_own_works_too(clone, tmp_path):
    venv = tmp_path / "own"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [venv / "bin" / "pip", "install", "-q", "-e", clone]
    subprocess.run(pip, check=True)
    ran = subprocess.run(
        [venv / "bin" / "invoke", "--list"], capture_output=True, text=True, check=True, cwd=clone
    )
    assert "build" in ran.stdout
