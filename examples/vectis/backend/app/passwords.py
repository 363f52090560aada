"""Password hashes: scrypt, with its parameters and salt beside the digest."""

import asyncio
import hashlib
import hmac
import secrets

_COST, _BLOCK, _PARALLEL = 1 << 14, 8, 1


def _digest(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost, r=block, p=parallel, dklen=32)


def hash_password(password: str) -> str:
    """Return `scrypt$cost$block$parallel$salt$digest`."""
    salt = secrets.token_bytes(16)
    digest = _digest(password, salt, _COST, _BLOCK, _PARALLEL)
    return f"scrypt${_COST}${_BLOCK}${_PARALLEL}${salt.hex()}${digest.hex()}"


async def verify(password: str, stored: str | None) -> bool:
    """Compare in constant time; without a stored hash do the same work and say no."""
    if stored is None:
        # An unknown address must not answer faster than a known one.
        await asyncio.to_thread(_digest, password, bytes(16), _COST, _BLOCK, _PARALLEL)
        return False
    _, cost, block, parallel, salt, digest = stored.split("$")
    found = await asyncio.to_thread(
        _digest, password, bytes.fromhex(salt), int(cost), int(block), int(parallel)
    )
    return hmac.compare_digest(found, bytes.fromhex(digest))
