"""Products, from PostgreSQL, the list through a short-lived cache."""

import json
import re
from typing import Any

from sqlalchemy import select

from app import cache
from app.database import session
from app.models import Product

_CACHE_SECONDS = 5
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FIELDS = ("slug", "name", "description", "price_cents", "currency", "stock")


def is_slug(text: str) -> bool:
    """Tell whether a product could have this slug."""
    return len(text) <= 80 and _SLUG.fullmatch(text) is not None


def _plain(product: Product) -> dict[str, Any]:
    return {field: getattr(product, field) for field in _FIELDS}


async def page(first: int, offset: int) -> list[dict[str, Any]]:
    """Return one page of products by name, at most a few seconds old."""
    key = f"vectis:products:1:{first}:{offset}"
    cached = await cache.get(key)
    if cached is not None:
        rows: list[dict[str, Any]] = json.loads(cached)
        return rows
    query = select(Product).order_by(Product.name, Product.id).limit(first).offset(offset)
    async with session() as opened:
        rows = [_plain(product) for product in await opened.scalars(query)]
    await cache.put(key, json.dumps(rows).encode(), _CACHE_SECONDS)
    return rows


async def one(slug: str) -> dict[str, Any] | None:
    """Return the product with this slug, if there is one."""
    if not is_slug(slug):
        return None
    async with session() as opened:
        product = await opened.scalar(select(Product).where(Product.slug == slug))
    return _plain(product) if product else None
