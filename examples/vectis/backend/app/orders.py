"""What an `order.placed` event does: it lowers the stock of a product, once."""

import json
import logging
from typing import NamedTuple

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from app.catalog import is_slug
from app.database import session
from app.models import ProcessedEvent, Product

log = logging.getLogger("app.orders")


class BadMessage(Exception):
    """A message that can never be applied."""


class Order(NamedTuple):
    """An order of one product."""

    id: str
    slug: str
    quantity: int


def parse(raw: bytes | None) -> Order:
    """Read a message, or raise BadMessage."""
    try:
        body = json.loads(raw or b"")
    except (ValueError, RecursionError):
        raise BadMessage("not JSON") from None
    if not isinstance(body, dict):
        raise BadMessage("not an object")
    order_id, slug, quantity = (body.get(name) for name in Order._fields)
    # A printable string holds no NUL or lone surrogate, which PostgreSQL would refuse for ever.
    if not isinstance(order_id, str) or not 0 < len(order_id) <= 200 or not order_id.isprintable():
        raise BadMessage("id is not a printable string of 1 to 200 characters")
    if not isinstance(slug, str) or not is_slug(slug):
        raise BadMessage("slug is not a product slug")
    if type(quantity) is not int or not 0 < quantity <= 1_000_000:
        raise BadMessage("quantity is not a whole number from 1 to 1000000")
    return Order(order_id, slug, quantity)


async def apply(order: Order) -> bool:
    """Lower the stock unless this event was applied before; tell whether it was new."""
    async with session() as opened:
        seen = insert(ProcessedEvent).values(id=order.id).on_conflict_do_nothing()
        new = await opened.scalar(seen.returning(ProcessedEvent.id))
        if new is None:
            return False
        # The order exists already: oversold stock ends at none instead of blocking the topic.
        left = func.greatest(Product.stock - order.quantity, 0)
        lower = update(Product).where(Product.slug == order.slug).values(stock=left)
        stock = await opened.scalar(lower.returning(Product.stock))
    if stock is None:
        log.warning("order %s is for an unknown product; recorded, nothing lowered", order.id)
    else:
        log.info("order %s: %s now has a stock of %d", order.id, order.slug, stock)
    return True
