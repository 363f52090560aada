"""A cache in Redis that may be absent: the API then only gets slower."""

import logging
import time
from functools import cache

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app import config

log = logging.getLogger("app.cache")
_PAUSE_SECONDS = 5.0
_down_until = 0.0


@cache
def _client() -> Redis:
    return Redis.from_url(
        config.current().redis_url,
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )


def _failed(error: Exception) -> None:
    global _down_until
    if not _down_until:
        log.warning("Redis does not answer, going on without cache: %s", type(error).__name__)
    # A pause, so that not every request waits for the same time-out.
    _down_until = time.monotonic() + _PAUSE_SECONDS


def _worked() -> None:
    global _down_until
    if _down_until:
        log.info("Redis answers again")
        _down_until = 0.0


async def get(key: str) -> bytes | str | None:
    """Return the cached bytes, or None when there are none or Redis is down."""
    if time.monotonic() < _down_until:
        return None
    try:
        value: bytes | str | None = await _client().get(key)
    except (RedisError, OSError) as error:
        _failed(error)
        return None
    _worked()
    return value


async def put(key: str, value: bytes, seconds: int) -> None:
    """Keep bytes for a few seconds, if Redis is there."""
    if time.monotonic() < _down_until:
        return
    try:
        await _client().set(key, value, ex=seconds)
    except (RedisError, OSError) as error:
        _failed(error)


async def close() -> None:
    """Close the connections, if any were opened."""
    if _client.cache_info().currsize:
        await _client().aclose()
