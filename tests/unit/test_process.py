import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.unit.conftest import ROOT
from toolkit.errors import ProgramError
from toolkit.process import run, stream
from toolkit.redaction import add_secret


def test_output_and_status_come_back(tmp_path):
    done = run(["sh", "-c", "echo out; echo err >&2; pwd; exit 3"], cwd=tmp_path, check=False)
    assert (done.code, done.stderr) == (3, "err\n")
    assert done.stdout == f"out\n{tmp_path}\n"


def test_a_failure_says_what_failed_and_why():
    with pytest.raises(ProgramError, match="sh failed with exit status 4") as caught:
        run(["sh", "-c", "echo because >&2; exit 4"])
    assert caught.value.cause == "because"


def test_a_missing_program_is_named():
    with pytest.raises(ProgramError, match="'no-such-program' is not installed"):
        run(["no-such-program"])


def test_a_program_that_hangs_is_stopped():
    start = time.monotonic()
    with pytest.raises(ProgramError, match=r"did not end within 0.5 s"):
        run(["sleep", "60"], timeout=0.5)
    assert time.monotonic() - start < 10


def test_echo_masks_secrets(capfd):
    add_secret("hunter2hunter2")
    run(["true", "--password=hunter2hunter2", "https://user:pass@host/x"], echo=True)
    assert capfd.readouterr().err == "+ true --password=*** https://***@host/x\n"


def test_a_stream_passes_through_and_is_kept(capfd):
    done = stream(["sh", "-c", "echo one >&2; echo two >&2; exit 5"], echo=False)
    assert (done.code, done.stderr) == (5, "one\ntwo\n")
    assert capfd.readouterr().err == "one\ntwo\n"


def test_a_quiet_stream_is_kept_only(capfd):
    assert stream(["sh", "-c", "echo one >&2"], quiet=True, echo=False).stderr == "one\n"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("command", [["sleep", "60"], ["sh", "-c", "exec 2>&-; sleep 60"]])
def test_a_stream_that_hangs_is_stopped(command):
    with pytest.raises(ProgramError, match="did not end within"):
        stream(command, timeout=0.5, echo=False)


def test_on_a_terminal_the_program_has_one_too():
    """The program of a stream sees a terminal when, and only when, the person has one."""
    code = textwrap.dedent("""
        import pty, os, sys
        output = b""
        def read(fd):
            global output
            data = os.read(fd, 1000)
            output += data
            return data
        code = "import sys; sys.path.insert(0, %r); from toolkit.process import stream;" \\
            "stream(['sh', '-c', 'test -t 2 && echo terminal >&2'], echo=False)"
        pty.spawn([sys.executable, "-c", code % sys.argv[1]], read)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "terminal" in done.stdout


@pytest.mark.parametrize("to_group", [True, False])
def test_an_interrupt_lets_the_program_clean_up(tmp_path, to_group):
    mark = tmp_path / "cleaned"
    script = f"trap 'echo yes > {mark}; exit 1' INT; echo ready >&2; sleep 60 & wait"
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from toolkit.process import stream;"
        f"stream(['sh', '-c', {script!r}], echo=False)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while "ready" not in process.stderr.readline():
        pass
    if to_group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    assert "Interrupted" in process.communicate(timeout=20)[1]
    assert mark.read_text() == "yes\n"
