import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import ConfigError, load
from tests.conftest import ENVIRON, OTHER_KEY


def test_a_complete_environment_loads() -> None:
    config = load("api", ENVIRON)
    assert config.environment == "production"
    assert config.max_upload_bytes == 1000
    assert ENVIRON["SECRET_KEY"] not in repr(config)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://user:hunter2hunter2@db/vectis"),
        ("DATABASE_URL", "postgresql+asyncpg://user:hunter2hunter2@db"),
        ("REDIS_URL", "http://hunter2hunter2"),
        ("SECRET_KEY", "hunter2hunter2"),
        ("SECRETS_MASTER_KEY", "hunter2hunter2"),
        ("SECRETS_MASTER_KEY_ROTATING_FROM", f"{OTHER_KEY},hunter2hunter2"),
        ("MAX_UPLOAD_BYTES", "hunter2hunter2"),
        ("PUBLIC_API_BROWSER_ORIGIN", "https://hunter2hunter2/path"),
        ("ENVIRONMENT", "hunter2hunter2"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("api", ENVIRON | {name: value})
    assert [line.split(":")[0] for line in caught.value.problems] == [name]
    assert "hunter2" not in str(caught.value)


def test_each_role_requires_its_own() -> None:
    assert load("migrate", {"DATABASE_URL": ENVIRON["DATABASE_URL"]})
    for role, name in (("worker", "TEMPORAL_HOST"), ("consumer", "REDPANDA_BROKER")):
        with pytest.raises(ConfigError, match=name):
            load(role, ENVIRON)
        assert load(role, ENVIRON | {name: "service:7233"})


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("f" * 40 + "\n")
    environ = {name: value for name, value in ENVIRON.items() if name != "SECRET_KEY"}
    assert load("api", environ | {"SECRET_KEY_FILE": str(secret)}).secret_key == "f" * 40
    with pytest.raises(ConfigError, match="SECRET_KEY: both"):
        load("api", ENVIRON | {"SECRET_KEY_FILE": str(secret)})
    with pytest.raises(ConfigError, match="SECRET_KEY: the file"):
        load("api", environ | {"SECRET_KEY_FILE": str(tmp_path / "absent")})


def test_the_check_exits_78_with_a_line_for_each_problem() -> None:
    environ = os.environ | {"SECRET_KEY": "short", "REDIS_URL": ""}
    command = [sys.executable, "-m", "app.config"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("configuration: ") for line in lines)
