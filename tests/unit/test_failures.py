import pytest

from tests.unit.test_plan import make
from tests.unit.test_progress import recorded
from toolkit.engine.find import Engine
from toolkit.errors import BuildError, DependencyError, GateError, Interrupted
from toolkit.failures import explain_failure, gate_error
from toolkit.plan import Options

ENGINE = Engine("unix:///nowhere", "test", "1", "26.1", "containerd", None)
REPORT = """> houdini generate
Loading svelte-check in workspace: /app
Getting Svelte diagnostics...

/app/src/lib/broken.ts:1:14
Error: Type 'string' is not assignable to type 'number'.
    at Receiver.emit (node:events:509:28)
====================================
svelte-check found 1 error
"""


def test_a_dependency_that_cannot_be_installed():
    error = explain_failure(recorded("plain-dependency.txt"), make(Options()), ENGINE)
    assert isinstance(error, DependencyError)
    assert "no-such-package-vectis" in error.cause


def test_a_cancelled_build_is_an_interruption():
    text = "ERROR: failed to solve: Canceled: context canceled"
    assert isinstance(explain_failure(text, make(Options()), ENGINE), Interrupted)


def test_a_platform_without_emulation():
    text = "#9 0.1 exec /bin/sh: exec format error\nERROR: failed to solve"
    error = explain_failure(text, make(Options(platforms=("linux/arm64",))), ENGINE)
    assert "linux/arm64" in error.message
    assert "binfmt" in error.hint


def test_any_other_step_is_shown_with_its_last_lines(monkeypatch):
    monkeypatch.setattr("toolkit.failures.read_report", lambda *_: None)
    text = (
        "------\n > [backend code 3/3] RUN broken:\n0.2 why\n------\n"
        "ERROR: target backend: failed\n"
    )
    error = explain_failure(text, make(Options()), ENGINE)
    assert type(error) is BuildError
    assert "backend failed in the step: backend code 3/3] RUN broken" in error.message
    assert error.cause == "why"


def test_a_closed_gate_shows_the_checkers_lines_and_keeps_the_report(tmp_path):
    error = gate_error(make(Options()).images[1], REPORT, tmp_path)
    assert isinstance(error, GateError)
    assert error.cause.split("\n         ") == [
        "src/lib/broken.ts:1:14",
        "Error: Type 'string' is not assignable to type 'number'.",
        "svelte-check found 1 error",
    ]
    assert (tmp_path / "check-storefront.txt").read_text() == REPORT


@pytest.mark.parametrize("count", [40, 200])
def test_a_long_report_is_cut_and_says_where_the_rest_is(tmp_path, count):
    report = "".join(f"src/a.ts:{line}:1\n" for line in range(count))
    shown = gate_error(make(Options()).images[1], report, tmp_path).cause.splitlines()
    assert len(shown) == min(count, 41)
    assert ("160 more lines" in shown[-1]) == (count == 200)
