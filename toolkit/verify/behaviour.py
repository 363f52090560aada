"""Rules on how an image runs: start, health, stop, reaping, workers, settings, roles."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator

from toolkit.verify.container import Container, Runner
from toolkit.verify.model import Subject, Verdict

_HUNG_SECONDS = 20.0
_ORPHAN = "sh -c 'sleep 0.2 & exit'; sleep 0.5; cat /proc/[0-9]*/stat"
_BROKEN = re.compile(r"(ModuleNotFoundError|ImportError|SyntaxError|No module named .*)")
_AWAY = re.compile(r"(?i)connect|refused|unreachable|resolve")
"""What a one-shot role says when its database is not there, as it is not here."""

_ONE_SHOT = ("migrate", "seed")

Rule = Callable[[Subject, Runner], Iterator[Verdict]]


def check_start_and_stop(subject: Subject, runner: Runner) -> Iterator[Verdict]:
    """Healthy when locked down; SIGTERM ends it with 0 once the request in hand is answered."""
    limit = subject.limits.healthy_seconds
    with runner.start() as container:
        took = container.wait_health("healthy", limit)
        if took is None:
            seen = _last_lines(container) or f"not healthy within {limit:g} s"
            yield Verdict("start", seen, "write only to /tmp, and start faster (docs/images.md)")
            return
        yield Verdict("start", f"healthy after {took:.1f} s with a read-only root and no privilege")
        yield _check_reaping(container)
        yield _check_stop(subject, container)


def check_hang(subject: Subject, runner: Runner) -> Iterator[Verdict]:
    """The health check says so when the application does not answer any more."""
    with runner.start(health_interval=1, changed={"WEB_CONCURRENCY": "1"}) as container:
        if container.wait_health("healthy", subject.limits.healthy_seconds) is None:
            yield _not_healthy("hang")
            return
        container.run("sh", "-c", "kill -STOP -1")
        took = container.wait_health("unhealthy", _HUNG_SECONDS)
    fix = "have HEALTHCHECK ask the application itself, with a time-out"
    seen = "stays healthy with every process stopped" if took is None else "hung, so unhealthy"
    yield Verdict("hang", seen, fix if took is None else "")


def check_workers(subject: Subject, runner: Runner) -> Iterator[Verdict]:
    """The API starts a worker for each CPU that it may use, and ends well with one and with two."""
    if "api" not in subject.entry.roles:
        return
    counts, codes = {}, {}
    for cpus in (1, 2):
        with runner.start(cpus=cpus) as container:
            if container.wait_health("healthy", subject.limits.healthy_seconds) is None:
                yield _not_healthy("workers")
                return
            text = container.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
            match = re.search(r"--workers (\d+)", text)
            counts[cpus] = int(match[1]) if match else 0
            container.signal("SIGTERM")
            codes[cpus] = container.wait_end(subject.limits.stop_seconds)
    good = counts == {1: 1, 2: min(2, runner.cpus)} and set(codes.values()) == {0}
    seen = ", ".join(f"{counts[cpus]} with --cpus {cpus} (exit {codes[cpus]})" for cpus in counts)
    yield Verdict("workers", seen, "" if good else "let vectis-entrypoint start the API")


def check_settings(subject: Subject, runner: Runner) -> Iterator[Verdict]:
    """A missing or wrong variable ends the start with one line that names it."""
    entry = subject.entry
    if not entry.required:
        return
    attempts: list[tuple[str, dict[str, str], str]]
    attempts = [(name, {}, name) for name in entry.required]
    attempts += [("", {name: value}, name) for name, value in entry.wrong.items()]
    bad = []
    with contextlib.ExitStack() as stack:
        started = [
            (name, stack.enter_context(runner.start(without=without, changed=changed)))
            for without, changed, name in attempts
        ]
        deadline = time.monotonic() + subject.limits.healthy_seconds
        for name, container in started:
            code = container.wait_end(max(0.1, deadline - time.monotonic()))
            lines = [line for line in container.logs().splitlines() if name in line]
            if code is None or code == 0 or len(lines) != 1:
                how = f"ends with {code}" if code is not None else "starts all the same"
                bad.append(f"without a good {name} it {how}, {len(lines)} lines name it")
    fix = "check the settings first, and print one line with the name (app/config.py shows how)"
    seen = "; ".join(bad) or f"{len(attempts)} missing or wrong variables were named"
    yield Verdict("settings", seen, fix if bad else "")


def check_role(role: str, subject: Subject, runner: Runner) -> Iterator[Verdict]:
    """A role starts; one that goes on ends with 0 on SIGTERM, although no service is there."""
    with runner.start(role) as container:
        if role in _ONE_SHOT:
            code = container.wait_end(subject.limits.healthy_seconds)
            good = code in (0, 75) or (code == 1 and bool(_AWAY.search(container.logs())))
            seen = f"ends with {code}"
        else:
            # What it says first is that a service is missing; from then on it knows SIGTERM.
            container.wait_logs(subject.limits.healthy_seconds)
            code = container.wait_end(0.5)
            seen, good = f"ends by itself with {code}", False
            if code is None:
                container.signal("SIGTERM")
                code = container.wait_end(subject.limits.stop_seconds)
                seen, good = f"ends with {code} when told to", code == 0
        broken = _BROKEN.search(container.logs())
    fix = f"docker run IMAGE {role} shows why; it waits for its services, and ends on SIGTERM"
    good = good and not broken
    yield Verdict(f"role-{role}", broken[0] if broken else seen, "" if good else fix)


RULES: tuple[Rule, ...] = (
    check_start_and_stop,
    check_hang,
    check_workers,
    check_settings,
)


def _not_healthy(rule: str) -> Verdict:
    """A rule that could not be looked at is not kept."""
    return Verdict(
        rule, "it did not become healthy in time", "see the rule start; is it overloaded?"
    )


def _check_reaping(container: Container) -> Verdict:
    text = container.run("sh", "-c", _ORPHAN)
    zombies = re.findall(r"\(([^)]*)\) Z ", text)
    seen = f"left unreaped: {', '.join(zombies)}" if zombies else "an orphan was reaped"
    if "(" not in text:
        zombies, seen = ["sh"], "there is no sh to leave an orphan"
    return Verdict("reaping", seen, "start with tini as PID 1" if zombies else "")


def _check_stop(subject: Subject, container: Container) -> Verdict:
    """A request is half sent, then SIGTERM, then the rest: it must be answered."""
    head, rest = _half_request(subject)
    with container.connect() as connection:
        connection.sendall(head)
        if b"100-continue" in head:
            connection.recv(64)  # 100 Continue: the application is reading the request
        else:
            time.sleep(0.5)
        start = time.monotonic()
        container.signal("SIGTERM")
        time.sleep(0.3)
        try:
            connection.sendall(rest)
            answer = connection.recv(64)
        except OSError:
            answer = b""
    code = container.wait_end(subject.limits.stop_seconds)
    took = time.monotonic() - start
    seen = f"exit {code} after {took:.1f} s, request in flight: {answer[9:12].decode() or 'cut'}"
    good = code == 0 and answer[9:12] == b"200" and took <= subject.limits.stop_seconds
    return Verdict("stop", seen, "" if good else "on SIGTERM finish what was begun, then exit 0")


def _half_request(subject: Subject) -> tuple[bytes, bytes]:
    path = subject.entry.health
    if subject.entry.kind == "python":
        body = b'{"query": "{ health }"}'
        head = (
            f"POST {path} HTTP/1.1\r\nHost: verify\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        return head.encode(), body
    return f"GET {path} HTTP/1.1\r\nHost: verify\r\n".encode(), b"Connection: close\r\n\r\n"


def _last_lines(container: Container) -> str:
    return " / ".join(container.logs().splitlines()[-3:])
