"""`python -m app.seed`: first products, settings and administrator. A second run adds nothing."""

import asyncio
import sys

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app import config, database, passwords
from app.errors import Unavailable
from app.models import Base, Product, Setting, User
from app.secrets import box
from app.seed_products import PRODUCTS, SETTINGS


async def _add(opened: AsyncSession, model: type[Base], rows: list[dict[str, object]]) -> int:
    statement = insert(model).on_conflict_do_nothing().returning(model.__table__)
    return len((await opened.execute(statement, rows)).all()) if rows else 0


async def seed() -> str:
    """Add what is missing and say what that was."""
    settings = config.current()
    fields = ("slug", "name", "description", "price_cents", "currency", "stock")
    products: list[dict[str, object]] = [
        dict(zip(fields, product, strict=True)) for product in PRODUCTS
    ]
    values: list[dict[str, object]] = [
        {"key": key, "value": box().encrypt(text)} for key, text in SETTINGS.items()
    ]
    admins: list[dict[str, object]] = []
    if settings.admin_email:
        hashed = passwords.hash_password(settings.admin_password)
        admins = [{"email": settings.admin_email, "password_hash": hashed, "is_admin": True}]
    try:
        async with database.session() as opened:
            added = (
                await _add(opened, Product, products),
                await _add(opened, Setting, values),
                await _add(opened, User, admins),
            )
    finally:
        await database.close()
    return "seed: added {} products, {} settings, {} administrators".format(*added)


def main() -> int:
    """Seed the database; 75 (EX_TEMPFAIL) when it does not answer."""
    config.require("seed")
    try:
        print(asyncio.run(seed()))
    except Unavailable as error:
        print(f"seed: {error}", file=sys.stderr)
        return 75
    except ProgrammingError:
        print("seed: the tables are missing; run `alembic upgrade head` first", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
