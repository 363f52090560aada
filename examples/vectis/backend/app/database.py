"""The connection pool and sessions."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app import config
from app.errors import Unavailable

log = logging.getLogger("app.database")


@cache
def engine() -> AsyncEngine:
    """Return the engine of this process; it connects when first used."""
    return create_async_engine(
        config.current().database_url,
        pool_size=5,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"timeout": 5, "command_timeout": 15},
    )


def _unavailable(error: Exception) -> Unavailable:
    cause: BaseException = error
    while cause.__cause__:  # The driver's own exception says most: InvalidPasswordError, …
        cause = cause.__cause__
    log.warning("PostgreSQL does not answer: %s", type(cause).__name__)
    return Unavailable("database")


@asynccontextmanager
async def session() -> AsyncIterator[AsyncSession]:
    """Open a transaction: committed when the block ends, rolled back when it raises."""
    async with AsyncSession(engine(), expire_on_commit=False) as opened:
        try:
            # Whatever fails while connecting (refused, timed out, rejected, starting up) means
            # the same to a caller; a failure of a statement later on does not.
            await opened.connection()
        except Exception as error:
            raise _unavailable(error) from error
        try:
            yield opened
            await opened.commit()
        except (InterfaceError, OperationalError, OSError) as error:
            raise _unavailable(error) from error


async def close() -> None:
    """Close the pool, if one was opened."""
    if engine.cache_info().currsize:
        await engine().dispose()
