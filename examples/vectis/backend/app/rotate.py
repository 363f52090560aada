"""`python -m app.rotate`: encrypt every setting with the present key, before an old one goes."""

import asyncio
import sys

from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError

from app import config, database
from app.errors import Unavailable, UnreadableSecret
from app.models import Setting
from app.secrets import box


async def rotate() -> tuple[int, list[str]]:
    """Re-encrypt in one transaction; return how many, and a line for each unreadable one."""
    changed, problems = 0, []
    try:
        async with database.session() as opened:
            for setting in await opened.scalars(select(Setting).with_for_update()):
                try:
                    if box().readable_with(setting.key, setting.value) == "current":
                        continue
                    value = box().decrypt(setting.key, setting.value)
                except UnreadableSecret as error:
                    problems.append(str(error))
                    continue
                setting.value = box().encrypt(value)
                changed += 1
    finally:
        await database.close()
    return changed, problems


def main() -> int:
    """Re-encrypt; 1 when a setting is unreadable, 75 when the database does not answer."""
    config.require("rotate")
    try:
        changed, problems = asyncio.run(rotate())
    except Unavailable as error:
        print(f"rotate: {error}", file=sys.stderr)
        return 75
    except ProgrammingError:
        print("rotate: the tables are missing; run `alembic upgrade head` first", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"rotate: {problem}", file=sys.stderr)
    print(f"rotate: {changed} settings encrypted again with the current key")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
