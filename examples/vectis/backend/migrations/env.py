"""Runs migrations: `alembic upgrade head`. Needs DATABASE_URL only."""

import asyncio
import logging
import sys

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app import config, logs
from app.models import Base

_LOCK = 0x766563746973  # "vectis"; any number that nothing else locks
log = logging.getLogger("migrations")


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        # Before the present revision is read: a second run waits here, then finds nothing to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context.run_migrations()


async def _online() -> None:
    url = config.require("migrate").database_url
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": 10})
    try:
        connection = await engine.connect()
    except Exception as error:
        log.error("PostgreSQL does not answer: %s", type(error).__name__)
        sys.exit(75)  # EX_TEMPFAIL: worth another try
    try:
        await connection.run_sync(_migrate)
    finally:
        await connection.close()
        await engine.dispose()


logs.configure()
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(_online())
