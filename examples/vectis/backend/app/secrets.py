"""Encryption of stored values: the present key encrypts, any known key decrypts."""

from functools import cache
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app import config
from app.errors import UnreadableSecret

ReadableWith = Literal["current", "rotating"]


class SecretBox:
    """Fernet with the present master key and the keys that are being rotated out."""

    def __init__(self, current: str, rotating_from: tuple[str, ...] = ()) -> None:
        self._current = Fernet(current)
        self._all = MultiFernet([self._current, *map(Fernet, rotating_from)])

    def encrypt(self, text: str) -> bytes:
        """Encrypt with the present key."""
        return self._current.encrypt(text.encode())

    def decrypt(self, name: str, token: bytes) -> str:
        """Decrypt with whichever key fits, or raise UnreadableSecret, which names the value."""
        try:
            return self._all.decrypt(token).decode()
        except (InvalidToken, UnicodeDecodeError):
            raise UnreadableSecret(
                f"{name}: no present key decrypts it (SECRETS_MASTER_KEY, "
                "SECRETS_MASTER_KEY_ROTATING_FROM)"
            ) from None

    def readable_with(self, name: str, token: bytes) -> ReadableWith:
        """Tell which key decrypts the value, or raise UnreadableSecret."""
        try:
            self._current.decrypt(token)
        except InvalidToken:
            self.decrypt(name, token)
            return "rotating"
        return "current"


@cache
def box() -> SecretBox:
    """Return the box with the keys of this process."""
    settings = config.current()
    return SecretBox(settings.secrets_master_key, settings.secrets_rotating_from)
