"""The GraphQL schema. `python -m app.schema` prints it, and needs no environment.

Resolvers import what needs the database or a key themselves: those imports take longer than
all the rest of the start, and `{ health }` must not wait for them.
"""

import logging
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, MaxAliasesLimiter, MaxTokensLimiter

from app import auth, geo
from app.errors import PublicError
from app.graphql_types import Currency, Geo, Product, Session, Setting, SettingState

log = logging.getLogger("app.schema")
_HEADER = "# The application's public GraphQL API. Exported from the backend by "
_HEADER += "`python -m app.schema`.\n\n"


def _product(row: dict[str, Any]) -> Product:
    return Product(**{**row, "currency": Currency(row["currency"])})


def _require_admin(info: strawberry.Info) -> None:
    auth.require_admin(info.context["request"].headers.get("authorization"))


def _setting(entry: Any) -> Setting:
    state = SettingState.READABLE if entry.readable else SettingState.UNREADABLE
    return Setting(key=entry.key, state=state, detail=entry.detail, updated_at=entry.updated_at)


@strawberry.type
class Query:
    @strawberry.field
    async def health(self) -> str:
        return "Vectis Commerce API is healthy"

    @strawberry.field
    async def products(self, first: int = 24, offset: int = 0) -> list[Product]:
        if not 1 <= first <= 100 or offset < 0:
            raise PublicError("first is 1 to 100, offset 0 or more.")
        from app import catalog

        return [_product(row) for row in await catalog.page(first, offset)]

    @strawberry.field
    async def product(self, slug: str) -> Product | None:
        from app import catalog

        row = await catalog.one(slug)
        return _product(row) if row else None

    @strawberry.field
    async def geo(self, info: strawberry.Info) -> Geo:
        client = info.context["request"].client
        ip = client.host if client else ""
        return Geo(ip=ip, **geo.look_up(ip)._asdict())

    @strawberry.field
    async def settings(self, info: strawberry.Info) -> list[Setting]:
        _require_admin(info)
        from app import vault

        return [_setting(entry) for entry in await vault.entries()]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def sign_in(self, email: str, password: str) -> Session:
        from app import accounts

        user = await accounts.sign_in(email, password)
        token, expires_at = auth.issue(user.email, user.is_admin)
        return Session(token=token, expires_at=expires_at)

    @strawberry.mutation
    async def save_setting(self, info: strawberry.Info, key: str, value: str) -> Setting:
        _require_admin(info)
        from app import vault

        return _setting(await vault.save(key, value))


def _is_internal(error: GraphQLError) -> bool:
    """Tell whether to mask an error: whatever no one wrote for the client. Those are logged."""
    cause = error.original_error
    if cause is None or isinstance(cause, (PublicError, GraphQLError)):
        return False
    log.error("GraphQL field %s failed", error.path, exc_info=cause)
    return True


class _Schema(strawberry.Schema):
    def process_errors(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing here: _is_internal logs what is worth it, a client's mistakes are not."""


schema = _Schema(
    query=Query,
    mutation=Mutation,
    extensions=[
        lambda: MaskErrors(_is_internal),
        # Many signIn aliases in one request would be many guesses at a password.
        lambda: MaxAliasesLimiter(max_alias_count=15),
        lambda: MaxTokensLimiter(max_token_count=1000),
    ],
)


def sdl() -> str:
    """Return the schema as the file beside the backend holds it."""
    return f"{_HEADER}{schema.as_str().strip()}\n"


if __name__ == "__main__":
    print(sdl(), end="")
