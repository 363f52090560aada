"""Settings: stored encrypted, listed without their values."""

import re
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import session
from app.errors import PublicError, UnreadableSecret
from app.models import Setting
from app.secrets import box

_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_MAX_VALUE_BYTES = 16 * 1024


class Entry(NamedTuple):
    """What may be shown of a setting."""

    key: str
    readable: bool
    detail: str
    updated_at: datetime


def describe(setting: Setting) -> Entry:
    """Tell whether the present keys decrypt the setting, without giving its value."""
    try:
        which = box().readable_with(setting.key, setting.value)
    except UnreadableSecret as error:
        return Entry(setting.key, False, str(error), setting.updated_at)
    detail = "Decrypts with the current key."
    if which == "rotating":
        detail = "Decrypts with a key that is being rotated out; run python -m app.rotate."
    return Entry(setting.key, True, detail, setting.updated_at)


async def entries() -> list[Entry]:
    """List every setting by key."""
    async with session() as opened:
        found = await opened.scalars(select(Setting).order_by(Setting.key))
        return [describe(setting) for setting in found]


async def store(opened: AsyncSession, key: str, value: str) -> Setting:
    """Write a setting inside a transaction of the caller's."""
    token = box().encrypt(value)
    statement = insert(Setting).values(key=key, value=token)
    changes = {"value": token, "updated_at": func.now()}
    saved = statement.on_conflict_do_update(index_elements=[Setting.key], set_=changes)
    return (await opened.scalars(saved.returning(Setting))).one()


async def save(key: str, value: str) -> Entry:
    """Check and write a setting that a client sent."""
    if not _KEY.fullmatch(key):
        raise PublicError("A key is 1 to 64 of a-z, 0-9, '_', '.', '-', beginning with a letter.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise PublicError("The value is not valid text.") from None
    if not 0 < size <= _MAX_VALUE_BYTES:
        raise PublicError(f"A value has 1 to {_MAX_VALUE_BYTES} bytes.")
    async with session() as opened:
        return describe(await store(opened, key, value))
