"""What the tasks `engine.start`, `engine.stop`, `engine.status` and `engine.remove` do."""

from __future__ import annotations

import json as json_module

from toolkit.console import say
from toolkit.engine import embedded
from toolkit.engine.find import find_engine


def start() -> None:
    """Find an engine or start the embedded one, and say how other programs reach it."""
    engine = find_engine()
    say(f"{engine.origin}: Docker {engine.version} at {engine.host}", "green")
    if engine.origin == "embedded":
        print(f"export DOCKER_HOST={engine.host}")
        print(f'export PATH="{embedded.locate().clients}:$PATH"')


def stop() -> None:
    """Stop the embedded engine, if it runs."""
    stopped = embedded.stop(embedded.locate())
    say("the embedded engine is stopped" if stopped else "the embedded engine did not run")


def remove() -> None:
    """Delete the embedded engine with all that it holds."""
    own = embedded.locate()
    embedded.remove(own)
    say(f"removed the embedded engine and what it had made from {own.home}")


def status(*, as_json: bool) -> None:
    """Show the engine that a build would use; `EngineMissingError` when none runs."""
    engine = find_engine(start=False)
    if as_json:
        record = {
            "host": engine.host,
            "origin": engine.origin,
            "version": engine.version,
            "store": engine.store,
            "root": str(engine.root) if engine.root else None,
            "limits": list(engine.limits),
        }
        print(json_module.dumps(record, indent=2))
        return
    print(f"engine   {engine.origin}: Docker {engine.version}")
    print(f"address  {engine.host}")
    print(f"store    {engine.store}")
    print(f"root     {engine.root or 'on another machine'}")
    for limit in engine.limits:
        print(f"limit    {limit}")
