"""The API: `uvicorn app.main:app`."""

from app import config, logs

# First, so that a wrong environment ends the process before the slow imports.
settings = config.require("api")
logs.configure()

import asyncio  # noqa: E402
import logging  # noqa: E402
import threading  # noqa: E402
from collections.abc import AsyncIterator  # noqa: E402
from contextlib import asynccontextmanager  # noqa: E402

from fastapi import FastAPI  # noqa: E402
from strawberry.fastapi import GraphQLRouter  # noqa: E402

from app import storage  # noqa: E402
from app.schema import schema  # noqa: E402

log = logging.getLogger("app.main")


def _warm_up() -> None:
    """Import what the first request to the database would otherwise wait for."""
    from app import accounts, auth, catalog, vault  # noqa: F401


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    warm_up = threading.Thread(target=_warm_up, name="warm-up", daemon=True)
    warm_up.start()
    log.info("API started, environment %s", settings.environment)
    yield
    await asyncio.to_thread(warm_up.join)
    from app import cache, database

    await database.close()
    await cache.close()
    log.info("API stopped")


development = settings.environment == "development"
app = FastAPI(
    title="Vectis Commerce",
    version="1.0.0",
    openapi_url="/openapi.json" if development else None,
    lifespan=_lifespan,
)
graphql: GraphQLRouter[None, None] = GraphQLRouter(
    schema,
    graphql_ide="graphiql" if development else None,
    allow_queries_via_get=False,
    subscription_protocols=(),
)
app.include_router(graphql, prefix="/graphql")
app.include_router(storage.router)
