"""The types of the GraphQL schema; their fields are the contract with the front ends."""

from datetime import datetime
from enum import Enum

import strawberry


@strawberry.enum
class Currency(Enum):
    EUR = "EUR"
    GBP = "GBP"
    USD = "USD"


@strawberry.enum
class SettingState(Enum):
    READABLE = "READABLE"
    UNREADABLE = "UNREADABLE"


@strawberry.type
class Geo:
    ip: str
    available: bool
    country_code: str | None
    country_name: str | None
    database_date: datetime | None


@strawberry.type
class Product:
    slug: str
    name: str
    description: str
    price_cents: int
    currency: Currency
    stock: int


@strawberry.type
class Setting:
    key: str
    state: SettingState
    detail: str
    updated_at: datetime


@strawberry.type
class Session:
    token: str
    expires_at: datetime
