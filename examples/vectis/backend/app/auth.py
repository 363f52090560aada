"""Bearer tokens: JWT, HS256 with SECRET_KEY."""

from datetime import UTC, datetime, timedelta

from app import config
from app.errors import PublicError, Unauthenticated

_LIFETIME = timedelta(hours=8)
_ISSUER = "vectis"


def issue(email: str, admin: bool) -> tuple[str, datetime]:
    """Return a token for the user and when it ends."""
    import jwt  # Costs about 0.1 s: only requests with a token pay for it.

    now = datetime.now(UTC).replace(microsecond=0)
    expires = now + _LIFETIME
    claims = {"iss": _ISSUER, "sub": email, "admin": admin, "iat": now, "exp": expires}
    return jwt.encode(claims, config.current().secret_key, algorithm="HS256"), expires


def require_admin(authorization: str | None) -> str:
    """Return the e-mail address in an `Authorization: Bearer …` header of an administrator."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    import jwt

    try:
        claims = jwt.decode(
            token.strip(),
            config.current().secret_key,
            algorithms=["HS256"],
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("The session has ended; sign in again.") from None
    except jwt.InvalidTokenError:
        raise Unauthenticated from None
    if claims.get("admin") is not True:
        raise PublicError("Only an administrator may do this.", "FORBIDDEN")
    return str(claims["sub"])
