import io

import pytest

from toolkit.console import (
    coloured,
    format_bytes,
    format_seconds,
    phase,
    render_markdown,
    render_table,
    show_error,
    warn,
)
from toolkit.errors import AppError
from toolkit.redaction import redact


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_are_for_terminals_and_NO_COLOR_is_kept(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert coloured(Terminal())
    assert not coloured(io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (88_400_000, "88.4 MB"),
        (-19_000_000, "-19.0 MB"), (3e9, "3.0 GB"),
    ],
)  # fmt: skip
def test_bytes(size, text):
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.314, "0.31 s"), (42, "42.0 s"), (185.4, "3 min 05 s")]
)
def test_seconds(seconds, text):
    assert format_seconds(seconds) == text


def test_tables_are_aligned():
    rows = [("a", "1.0 MB"), ("longer", "10.0 MB")]
    assert render_table(("NAME", "SIZE"), rows, {1}).splitlines() == [
        "NAME       SIZE",
        "a        1.0 MB",
        "longer  10.0 MB",
    ]
    assert render_markdown(("name", "size"), [("a|b", "1")], {1}).splitlines() == [
        "| name | size |",
        "| --- | ---: |",
        "| a\\|b | 1 |",
    ]


def test_an_error_says_what_why_and_what_next(capsys):
    show_error(AppError("it failed", cause="because", hint="do this"))
    assert capsys.readouterr().err == "error: it failed\n  cause: because\n  next:  do this\n"


def test_phases_fold_in_github(capsys, monkeypatch):
    with phase("work"):
        pass
    assert capsys.readouterr().err.startswith("==> work\n    ✓ work (0.00 s)")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with phase("work"):
        warn("careful")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["::group::work", "::warning::careful", "::endgroup::"]


def test_secrets_of_the_environment_are_masked(monkeypatch):
    redact.__globals__["_environment"].cache_clear()
    monkeypatch.setenv("MAXMIND_LICENSE_KEY", "abcdef123456")
    monkeypatch.setenv("SOME_KEY_FILE", "/etc/hostname")
    assert redact("key abcdef123456 in /etc/hostname") == "key *** in /etc/hostname"
    redact.__globals__["_environment"].cache_clear()
