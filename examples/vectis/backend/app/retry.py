"""Waiting for a service that is not there yet, until it is or the process shall stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def until_works[T](
    attempt: Callable[[], Awaitable[T]],
    errors: tuple[type[Exception], ...],
    stop: asyncio.Event,
    log: logging.Logger,
    what: str,
) -> T | None:
    """Repeat the attempt with growing pauses; None when told to stop first."""
    pause = 1.0
    while not stop.is_set():
        task = asyncio.ensure_future(attempt())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            return None
        try:
            return task.result()
        except errors as error:
            log.warning("%s: %s; again in %.0f s", what, type(error).__name__, pause)
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            pause = min(pause * 2, 30.0)
    return None
