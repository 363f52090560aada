import subprocess
import sys

import pytest

from tests.unit.conftest import ROOT
from toolkit.errors import BusyError
from toolkit.files import locked, write_atomically


def test_a_file_is_replaced_whole_and_with_its_mode(tmp_path):
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"one", mode=0o600)
    write_atomically(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"good")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"half")
    assert path.read_bytes() == b"good"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its stdin is closed, or it is killed."""
    code = (
        "import sys; from pathlib import Path; from toolkit.files import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_lock_is_an_error_that_names_the_holder(tmp_path, holder):
    with pytest.raises(BusyError, match=str(holder.pid)), locked(tmp_path / "lock"):
        pass


def test_a_lock_can_be_waited_for(tmp_path, holder):
    told = []

    def waiting(pid):
        told.append(pid)
        holder.stdin.close()

    with locked(tmp_path / "lock", waiting=waiting):
        assert told == [str(holder.pid)]
    holder.stdin = None


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path, holder):
    holder.kill()
    holder.wait(10)
    with locked(tmp_path / "lock"):
        pass
