"""Users."""

from sqlalchemy import select

from app import passwords
from app.database import session
from app.errors import Unauthenticated
from app.models import User


async def sign_in(email: str, password: str) -> User:
    """Return the user with this address and password, or raise Unauthenticated."""
    email = email.strip().lower()
    user = None
    # A NUL or a lone surrogate is no PostgreSQL text; no address contains one.
    if email.isprintable():
        async with session() as opened:
            user = await opened.scalar(select(User).where(User.email == email))
    good = await passwords.verify(password, user.password_hash if user else None)
    if not user or not good:
        raise Unauthenticated("The e-mail address or the password is wrong.")
    return user
