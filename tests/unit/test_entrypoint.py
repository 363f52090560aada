"""The programs inside the backend image, read out of its Dockerfile: that is their only source."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.conftest import ROOT

DOCKERFILE = (ROOT / "images" / "backend" / "Dockerfile.prod").read_text()


def program(path):
    match = re.search(rf"<<'SCRIPT' {re.escape(path)}\n(.*?)^SCRIPT$", DOCKERFILE, re.M | re.S)
    return match[1]


@pytest.fixture
def entrypoint():
    names = {"__name__": "entrypoint"}
    exec(
        compile(program("/out/usr/local/bin/vectis-entrypoint"), "vectis-entrypoint", "exec"), names
    )
    return names


@pytest.fixture
def cgroup(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return str(tmp_path)

    return write


V1 = {"cpu__cpu_dot_cfs_period_us": "100000\n", "memory__memory_dot_limit_in_bytes": f"{2**62}\n"}


@pytest.mark.parametrize(
    ("files", "workers"),
    [
        ({}, 8),
        ({"cpu_dot_max": "max 100000\n", "memory_dot_max": "max\n"}, 8),
        ({"cpu_dot_max": "200000 100000\n"}, 2),
        ({"cpu_dot_max": "150000 100000\n"}, 2),
        ({"cpu_dot_max": "50000 100000\n"}, 1),
        ({"cpu_dot_max": "400000 100000\n", "memory_dot_max": f"{512 * 2**20}\n"}, 2),
        ({"memory_dot_max": f"{64 * 2**20}\n"}, 1),
        ({**V1, "cpu__cpu_dot_cfs_quota_us": "300000\n"}, 3),
        ({**V1, "cpu__cpu_dot_cfs_quota_us": "-1\n"}, 8),
    ],
)
def test_workers_follow_quota_and_memory(entrypoint, cgroup, monkeypatch, files, workers):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    assert entrypoint["count_workers"]({}, cgroup(**files)) == workers


def test_web_concurrency_decides(entrypoint, cgroup):
    files = cgroup(cpu_dot_max="100000 100000")
    assert entrypoint["count_workers"]({"WEB_CONCURRENCY": "5"}, files) == 5
    for wrong in ("0", "many", "-1"):
        with pytest.raises(SystemExit, match="WEB_CONCURRENCY"):
            entrypoint["count_workers"]({"WEB_CONCURRENCY": wrong}, files)


def test_the_api_never_reloads_and_trusts_only_whom_it_is_told(entrypoint):
    environment = {"API_APP": "app.main:app", "FORWARDED_ALLOW_IPS": "10.0.0.7"}
    command = entrypoint["command_of"]("api", [], {**environment, "WEB_CONCURRENCY": "2"})
    assert command[:2] == ["vectis-serve", "app.main:app"]
    assert command[command.index("--workers") + 1] == "2"
    assert command[command.index("--forwarded-allow-ips") + 1] == "10.0.0.7"
    assert "--proxy-headers" in command
    assert "--reload" not in command
    assert "FORWARDED_ALLOW_IPS=127.0.0.1" in DOCKERFILE


def test_every_role_has_a_command(entrypoint):
    environment = {"WORKER_MODULE": "w", "CONSUMER_MODULE": "c", "SEED_MODULE": "s"}
    commands = {
        role: entrypoint["command_of"](role, [], environment)
        for role in ("worker", "consumer", "migrate", "seed")
    }
    assert commands == {
        "worker": ["python", "-m", "w"],
        "consumer": ["python", "-m", "c"],
        "migrate": ["alembic", "upgrade", "head"],
        "seed": ["python", "-m", "s"],
    }
    assert entrypoint["command_of"]("sh", [], environment) is None


def test_no_role_explains_itself(entrypoint, capsys):
    assert entrypoint["main"]([]) == 64
    assert "api worker consumer migrate seed" in capsys.readouterr().out
    assert entrypoint["main"](["no-such-thing"]) == 64


def test_an_application_with_wrong_settings_is_stopped(entrypoint, tmp_path, monkeypatch):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "config.py").write_text("import sys; print(sys.argv[1]); sys.exit(78)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ending:
        entrypoint["check_config"]("api", {"CONFIG_MODULE": "app.config"})
    assert ending.value.code == 78
    entrypoint["check_config"]("api", {"CONFIG_MODULE": "app.absent"})
    entrypoint["check_config"]("api", {})


@pytest.mark.parametrize("name", ["install", "slim"])
def test_the_shell_scripts_are_clean(name):
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run(
        [shellcheck, "-"], input=program(f"/build/{name}"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["vectis-entrypoint", "vectis-health"])
def test_the_programs_are_clean(name):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select=E,F,B,UP,SIM", "--line-length=100", "-"],
        input=program(f"/out/usr/local/bin/{name}"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("command", "api"),
    [
        ("tini -- vectis-entrypoint api", True),
        ("/sbin/docker-init -- tini -- vectis-entrypoint api --log-level debug", True),
        ("tini -- vectis-entrypoint worker", False),
        ("tini -- vectis-entrypoint sh", False),
        ("sleep 60", False),
    ],
)
def test_the_health_check_knows_the_api_before_it_is_up(tmp_path, command, api):
    """Else the API counted as healthy while it was still starting."""
    names = {"__name__": "health"}
    exec(compile(program("/out/usr/local/bin/vectis-health"), "vectis-health", "exec"), names)
    path = tmp_path / "cmdline"
    path.write_bytes(command.replace(" ", "\0").encode() + b"\0")
    assert names["is_api"](str(path)) is api
