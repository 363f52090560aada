"""The environment, read once and checked before anything else starts.

`python -m app.config [api|worker|consumer|seed|rotate|migrate]` only checks: it exits 0 or 78.
Standard library only: an entrypoint runs this before every start.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.environ import Reader, is_address, is_fernet_key

EX_CONFIG = 78
ROLES = ("api", "worker", "consumer", "seed", "rotate", "migrate")


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """Checked settings of this process. No repr: it would print the secrets."""

    database_url: str
    redis_url: str
    secret_key: str
    secrets_master_key: str
    secrets_rotating_from: tuple[str, ...]
    redpanda_broker: str
    temporal_host: str
    file_storage_dir: Path
    geolite_dir: Path
    public_origin: str
    environment: str
    max_upload_bytes: int
    admin_email: str
    admin_password: str


class ConfigError(Exception):
    """One line for every variable that is missing or wrong; never a value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(role: str, environ: Mapping[str, str]) -> Config:
    """Read and check every variable that the role uses."""
    read = Reader(environ)
    full = role != "migrate"
    config = Config(
        database_url=read.text("DATABASE_URL", required=True),
        redis_url=read.text("REDIS_URL", required=full),
        secret_key=read.text("SECRET_KEY", required=full),
        secrets_master_key=read.text("SECRETS_MASTER_KEY", required=full),
        secrets_rotating_from=tuple(
            key.strip()
            for key in read.text("SECRETS_MASTER_KEY_ROTATING_FROM").split(",")
            if key.strip()
        ),
        redpanda_broker=read.text("REDPANDA_BROKER", required=role == "consumer"),
        temporal_host=read.text("TEMPORAL_HOST", required=role == "worker"),
        file_storage_dir=Path(read.text("FILE_STORAGE_DIR", "uploads")),
        geolite_dir=Path(read.text("GEOLITE_DIR", "/geolite")),
        public_origin=read.text("PUBLIC_API_BROWSER_ORIGIN").rstrip("/"),
        environment=read.text("ENVIRONMENT", "production"),
        max_upload_bytes=read.whole_number("MAX_UPLOAD_BYTES", 10 * 1024 * 1024),
        admin_email=read.text("ADMIN_EMAIL").lower(),
        admin_password=read.text("ADMIN_PASSWORD"),
    )
    _check(read, config, role)
    if read.problems:
        raise ConfigError(read.problems)
    return config


def _check(read: Reader, config: Config, role: str) -> None:
    url = config.database_url
    scheme = "postgresql+asyncpg://"
    read.check("DATABASE_URL", not url or url.startswith(scheme), f"must begin with {scheme}")
    database = url.removeprefix(scheme).partition("/")[2].partition("?")[0]
    read.check("DATABASE_URL", not url or bool(database), "names no database after the host")
    if role == "migrate":
        return
    redis = config.redis_url
    schemes = ("redis://", "rediss://", "unix://")
    read.check("REDIS_URL", not redis or redis.startswith(schemes), "must begin with redis://")
    key = config.secret_key
    read.check("SECRET_KEY", not key or len(key) >= 32, "must have at least 32 characters")
    form = "not a Fernet key (32 bytes in URL-safe base64)"
    key = config.secrets_master_key
    read.check("SECRETS_MASTER_KEY", not key or is_fernet_key(key), form)
    rotating = all(map(is_fernet_key, config.secrets_rotating_from))
    read.check("SECRETS_MASTER_KEY_ROTATING_FROM", rotating, f"a key in the list is {form}")
    origin = config.public_origin
    web = origin.startswith(("http://", "https://")) and origin.count("/") == 2
    web = web and not origin.endswith("//")
    read.check("PUBLIC_API_BROWSER_ORIGIN", not origin or web, "must be http(s)://host, no path")
    known = ("production", "staging", "development", "test")
    read.check("ENVIRONMENT", config.environment in known, f"must be one of {', '.join(known)}")
    if role == "worker":
        host = config.temporal_host
        read.check("TEMPORAL_HOST", not host or is_address(host), "must be host:port")
    if role == "consumer":
        brokers = [broker.strip() for broker in config.redpanda_broker.split(",")]
        good = not config.redpanda_broker or all(map(is_address, brokers))
        read.check("REDPANDA_BROKER", good, "must be host:port, several separated by commas")
    if role == "seed" and (config.admin_email or config.admin_password):
        good = "@" in config.admin_email and config.admin_email.isprintable()
        read.check("ADMIN_EMAIL", good, "must be an e-mail address when ADMIN_PASSWORD is set")
        good = len(config.admin_password) >= 8
        read.check("ADMIN_PASSWORD", good, "must have at least 8 characters with ADMIN_EMAIL")


_current: Config | None = None


def require(role: str) -> Config:
    """Return the settings, or end the process with status 78 and a line for each problem."""
    global _current
    try:
        _current = load(role, os.environ)
    except ConfigError as error:
        sys.stderr.write("".join(f"configuration: {problem}\n" for problem in error.problems))
        raise SystemExit(EX_CONFIG) from None
    return _current


def current() -> Config:
    """Return the settings that this process was started with."""
    return _current or require("api")


def main(arguments: list[str]) -> int:
    """Check the settings of one role, the API's by default."""
    role = arguments[0] if arguments else "api"
    if role not in ROLES:
        sys.stderr.write(f"usage: python -m app.config [{'|'.join(ROLES)}]\n")
        return 64
    require(role)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
