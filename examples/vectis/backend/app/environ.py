"""Reading variables: NAME or NAME_FILE, and the forms that a value may have."""

import binascii
from collections.abc import Mapping
from pathlib import Path


def is_fernet_key(text: str) -> bool:
    """Tell whether the text has the form of a Fernet key: 32 bytes in URL-safe base64."""
    if len(text) != 44 or not text.isascii():
        return False
    try:
        raw = binascii.a2b_base64(text.translate({45: 43, 95: 47}), strict_mode=True)
    except binascii.Error:
        return False
    return len(raw) == 32 and "+" not in text and "/" not in text


def is_address(text: str) -> bool:
    """Tell whether the text is host:port."""
    host, colon, port = text.rpartition(":")
    in_range = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    return bool(host and colon and in_range and "/" not in host)


class Reader:
    """Takes variables out of the environment and notes what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str = "", required: bool = False) -> str:
        """NAME, or the first line of the file that NAME_FILE names; empty counts as unset."""
        value, path = self.environ.get(name, "").strip(), self.environ.get(f"{name}_FILE", "")
        if value and path:
            self.problems.append(f"{name}: both {name} and {name}_FILE are set; set only one")
            return value
        if path:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "not a text file"
                self.problems.append(f"{name}: the file in {name}_FILE cannot be read: {reason}")
                return ""
            if not value:
                self.problems.append(f"{name}: the file in {name}_FILE is empty")
                return ""
        if not value and required:
            self.problems.append(f"{name}: not set (set {name} or {name}_FILE)")
        return value or default

    def check(self, name: str, good: bool, what: str) -> None:
        """Note a problem, one per variable at most: the first is the one to repair."""
        if not good and not any(line.startswith(f"{name}:") for line in self.problems):
            self.problems.append(f"{name}: {what}")

    def whole_number(self, name: str, default: int) -> int:
        """A number above 0, below a tebibyte."""
        text = self.text(name, str(default))
        good = text.isascii() and text.isdigit() and 0 < int(text[:20]) < 1 << 40
        self.check(name, good, "must be a whole number of bytes above 0")
        return int(text) if good else default
