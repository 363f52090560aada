"""`up`, `down`, `logs`, `ps`, `migrate`, `seed` and `roll`, for both stacks."""

from __future__ import annotations

import re

from toolkit.console import phase
from toolkit.errors import StackError, UsageError
from toolkit.stack.compose import Stack
from toolkit.stack.model import SCALABLE, explain_log, read_scale

_START_SECONDS = 600
_STOP_SECONDS = 30


def up(stack: Stack, scale: list[str]) -> None:
    """Start everything and wait until it is healthy; `StackError` says which service is not."""
    replicas = read_scale(scale)
    command = ["up", "--detach", "--wait", f"--wait-timeout={_START_SECONDS}", "--remove-orphans"]
    command += [f"--scale={service}={number}" for service, number in replicas.items()]
    with phase("up"):
        done = stack.stream(*command)
        if done.code != 0:
            raise _explain(stack, done.stderr)
    ps(stack)


def down(stack: Stack, *, volumes: bool) -> None:
    """Stop and remove everything; with `volumes` the data, too."""
    done = stack.stream("down", "--remove-orphans", *(["--volumes"] if volumes else []))
    if done.code != 0:
        raise StackError("the stack could not be stopped", cause=done.stderr.strip()[-500:])


def logs(stack: Stack, services: list[str], *, follow: bool) -> None:
    """Print what services have logged."""
    known = {one["Service"] for one in stack.containers()}
    for service in services:
        if service not in known:
            raise UsageError(f"no {service} has run", cause=f"there are {', '.join(sorted(known))}")
    stack.attend("logs", "--tail=200", *(["--follow"] if follow else []), *services)


def ps(stack: Stack) -> None:
    """Print what runs, how it is, and where it is reached."""
    stack.attend("ps", "--all", "--format=table {{.Service}}\t{{.Name}}\t{{.Status}}\t{{.Ports}}")


def run_once(stack: Stack, service: str) -> None:
    """Run `migrate` or `seed` by itself; `StackError` with its last lines when it fails."""
    with phase(service):
        done = stack.stream("run", "--rm", "--no-TTY", service)
        if done.code != 0:
            raise StackError(
                f"{service} ended with {done.code}",
                cause="\n         ".join(explain_log(done.stderr)),
                hint="mend it, then run it again",
            )


def roll(stack: Stack, service: str) -> None:
    """Replace the replicas of a service by new ones, without a request that fails.

    New replicas start beside the old; only when all are healthy do the old ones get SIGTERM.
    """
    from toolkit.engine.client import connect

    if service not in SCALABLE:
        raise UsageError(f"{service} is not rolled", cause=f"it takes {', '.join(SCALABLE)}")
    client = connect(stack.engine.host)

    def remove(identities: list[str]) -> None:
        for identity in identities:
            container = client.containers.get(identity)
            container.stop(timeout=_STOP_SECONDS)
            container.remove(v=True)

    old = [one["ID"] for one in stack.containers(service) if one["State"] == "running"]
    if not old:
        raise StackError(f"{service} does not run", hint=f"./invoke up {stack.flags}".strip())
    with phase(f"roll {service} ({len(old)} replicas)"):
        remove([one["ID"] for one in stack.containers(service) if one["ID"] not in old])
        try:
            _scale(stack, service, 2 * len(old))
        except BaseException:  # the old ones go on as if nothing had been tried
            remove([one["ID"] for one in stack.containers(service) if one["ID"] not in old])
            raise
        remove(old)
        _scale(stack, service, len(old))


def _scale(stack: Stack, service: str, number: int) -> None:
    done = stack.stream(
        "up", "--detach", "--no-deps", "--no-recreate", "--wait", "--wait-timeout=120",
        f"--scale={service}={number}", service,
    )  # fmt: skip
    if done.code != 0:
        raise _explain(stack, done.stderr)


def _explain(stack: Stack, text: str) -> StackError:
    """Why a start failed: the service that ended, or is not healthy, and what it said last."""
    from toolkit.engine.client import connect

    named = re.findall(r"container (\S+) (?:is unhealthy|exited)", text)
    client = connect(stack.engine.host)
    for one in stack.containers():
        ended = one["State"] in ("exited", "restarting") and one["ExitCode"] != 0
        if ended or one.get("Health") == "unhealthy" or one["Name"] in named:
            container = client.containers.get(one["ID"])
            code, restarts = container.attrs["State"]["ExitCode"], container.attrs["RestartCount"]
            how = "keeps ending" if restarts else f"ended with {code}" if code else "is not healthy"
            log = container.logs(tail=400).decode(errors="replace")
            return StackError(
                f"{one['Service']} {how}; what waits for it was not started",
                cause="\n         ".join(explain_log(log)),
                hint=f"./invoke logs {stack.flags}--service {one['Service']}",
            )
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return StackError("the stack did not start", cause="\n         ".join(lines[-5:]))
