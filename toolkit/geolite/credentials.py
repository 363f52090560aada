"""MaxMind's account id and licence key: from variables, files or an env file, never printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.errors import GeoliteCredentialsError, UsageError
from toolkit.redaction import add_secret

ACCOUNT = "MAXMIND_ACCOUNT_ID"
KEY = "MAXMIND_LICENSE_KEY"
_HINT = f"export {ACCOUNT}=… {KEY}=…, or their *_FILE forms (docs/geolite.md)"
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class Credentials:
    """What MaxMind's basic authentication takes. The key has no repr."""

    account: str
    key: str = field(repr=False)


def find_credentials(environment: Mapping[str, str], env_file: Path | None) -> Credentials | None:
    """The credentials, or None where neither of the two is given.

    An env file that is named decides; else the variables, each also as `NAME_FILE`. Raises
    `GeoliteCredentialsError` when only one of the two is there or a value cannot be one.
    """
    if env_file:
        environment = _read_env_file(env_file)
    account, key = _value(environment, ACCOUNT), _value(environment, KEY)
    if not account and not key:
        return None
    if key:
        add_secret(key)
    if not account or not key:
        missing, given = (ACCOUNT, KEY) if key else (KEY, ACCOUNT)
        raise GeoliteCredentialsError(f"{given} is set, but {missing} is not", hint=_HINT)
    if not account.isascii() or not account.isdigit():
        raise GeoliteCredentialsError(
            f"{ACCOUNT} is not a number",
            cause="it is the number under My Account at MaxMind, not the e-mail address",
            hint=_HINT,
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise GeoliteCredentialsError(
            f"{KEY} holds characters that no licence key has",
            cause="a line break or quotation marks were copied with it?",
            hint=_HINT,
        )
    return Credentials(account, key)


def _value(values: Mapping[str, str], name: str) -> str:
    direct, path = values.get(name, "").strip(), values.get(f"{name}_FILE", "").strip()
    if direct and path:
        raise GeoliteCredentialsError(f"both {name} and {name}_FILE are set", hint="unset one")
    if not path:
        return direct
    text = _read(Path(path), f"{name}_FILE").strip()
    if not text:
        raise GeoliteCredentialsError(f"{name}_FILE names {path}, which is empty", hint=_HINT)
    return text


def _read_env_file(path: Path) -> dict[str, str]:
    import io

    from dotenv import dotenv_values

    text = _read(path, "--env-file")
    return {name: value or "" for name, value in dotenv_values(stream=io.StringIO(text)).items()}


def _read(path: Path, origin: str) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        text = data.decode()
    except OSError as error:
        raise UsageError(f"{origin} names {path}, which cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{origin} names {path}, which is no text") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{origin} names {path}, which is too large to hold a setting")
    return text
