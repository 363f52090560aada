"""The embedded engine, in a cache of its own and a network namespace of its own.

Starts: a second dockerd beside the one of the other tests, from the same unpacked packages. The
namespace keeps its bridge and its firewall rules away from that one's.
"""

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, build, invoke
from toolkit.engine import embedded
from toolkit.paths import runtime_dir

pytestmark = pytest.mark.usefixtures("packages")


@pytest.fixture(scope="module")
def packages():
    """The unpacked packages of the embedded engine, fetched where the machine has another one."""
    own = embedded.locate()
    if not own.root.is_dir():
        embedded.fetch_packages(own)
    return own.home / "engine"


@pytest.fixture
def home(tmp_path, packages):
    """A cache with the packages and nothing else; what runs there is ended with the test."""
    home = tmp_path / "home"
    (home / "engine").mkdir(parents=True)
    for name in ("root", "bin"):
        (home / "engine" / name).symlink_to(packages / name)
    shutil.copy(packages / "packages", home / "engine" / "packages")
    yield home
    invoke_alone(home, "engine.stop")
    for name in ("root", "bin"):
        (home / "engine" / name).unlink(missing_ok=True)
    invoke_alone(home, "engine.remove")


def invoke_alone(home, *arguments):
    """Run a task as on a machine that has no engine: none named, no default socket."""
    environment = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    environment |= {"VECTIS_HOME": str(home), "NO_COLOR": "1"}
    command = ["unshare", "--net", "--", str(ROOT / "invoke"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def pid_of(home):
    return embedded.Embedded(home, runtime_dir(home)).pid()


def test_start_status_stop(home):
    started = invoke_alone(home, "engine.start")
    assert started.returncode == 0, started.stderr
    assert started.stdout.splitlines() == [
        f"export DOCKER_HOST=unix://{runtime_dir(home)}/docker.sock",
        f'export PATH="{home}/engine/clients:$PATH"',
    ]
    status = json.loads(invoke_alone(home, "engine.status", "--json").stdout)
    assert (status["origin"], status["store"], status["limits"]) == ("embedded", "containerd", [])
    assert status["root"] == f"{home}/engine/data"
    pid = pid_of(home)
    assert pid

    again = invoke_alone(home, "engine.start")
    assert "start the embedded engine" not in again.stderr
    assert pid_of(home) == pid

    assert "is stopped" in invoke_alone(home, "engine.stop").stderr
    assert pid_of(home) is None
    assert not runtime_dir(home).exists()
    assert "did not run" in invoke_alone(home, "engine.stop").stderr
    assert invoke_alone(home, "engine.status").returncode == 20


def test_two_starts_make_one_engine(home):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: invoke_alone(home, "engine.start"), range(3)))
    assert [run.returncode for run in runs] == [0, 0, 0], runs
    found = subprocess.run(
        ["pgrep", "-fc", f"dockerd.*{runtime_dir(home)}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "1"


def test_after_a_crash_the_stale_pid_is_no_obstacle(home):
    assert invoke_alone(home, "engine.start").returncode == 0
    os.kill(pid_of(home), signal.SIGKILL)
    subprocess.run(["pkill", "-KILL", "-f", f"{runtime_dir(home)}/exec"], check=False)
    time.sleep(0.5)
    assert (runtime_dir(home) / "docker.pid").exists()
    assert invoke_alone(home, "engine.start").returncode == 0
    assert pid_of(home)


def test_a_crash_in_the_middle_of_a_step_is_no_obstacle(home):
    """BuildKit mounts a network namespace for a step; a crash leaves it mounted."""
    assert invoke_alone(home, "engine.start").returncode == 0
    os.kill(pid_of(home), signal.SIGKILL)
    subprocess.run(["pkill", "-KILL", "-f", f"{runtime_dir(home)}/exec"], check=False)
    left = runtime_dir(home) / "exec" / "netns" / "left over"
    left.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", left], check=True)
    again = invoke_alone(home, "engine.start")
    assert again.returncode == 0, again.stderr
    assert pid_of(home)
    assert not left.exists()


def test_a_pid_that_another_program_has_now_is_no_engine(home):
    run = runtime_dir(home)
    run.mkdir()
    (run / "docker.pid").write_text(str(os.getpid()))
    assert pid_of(home) is None
    assert "did not run" in invoke_alone(home, "engine.stop").stderr
    run.joinpath("docker.pid").unlink()
    run.rmdir()


def test_an_engine_that_cannot_start_says_why(home):
    (home / "engine" / "data").mkdir()
    (home / "engine" / "data" / "containerd").write_text("a file where a directory should be")
    ran = invoke_alone(home, "engine.start")
    assert ran.returncode == 20
    assert "the embedded engine did not start" in ran.stderr
    assert "dockerd.log" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_remove_leaves_nothing(home):
    assert invoke_alone(home, "engine.start").returncode == 0
    for name in ("root", "bin"):
        (home / "engine" / name).unlink()
    assert invoke_alone(home, "engine.remove").returncode == 0
    assert not (home / "engine").exists()
    assert pid_of(home) is None


@pytest.fixture
def tcp_address(engine):
    """The engine of the other tests on a TCP port, as an engine on another machine is."""
    path = engine.host.removeprefix("unix://")

    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.socket(socket.AF_UNIX) as daemon:
                daemon.connect(path)
                back = threading.Thread(target=pump, args=(daemon, self.request))
                back.start()
                pump(self.request, daemon)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_engine_on_another_machine_builds_as_well(tcp_address, release):
    made = build(DOCKER_HOST=tcp_address)
    assert made["engine"]["origin"] == "DOCKER_HOST"
    assert [i["digest"] for i in made["images"]] == [i["digest"] for i in release["images"]]
    status = invoke("engine.status", DOCKER_HOST=tcp_address)
    assert "on another machine" in status.out


def test_nothing_is_installed_into_the_system():
    for path in ("/usr/sbin/dockerd", "/usr/bin/dockerd", "/var/lib/docker", "/etc/docker"):
        listed = subprocess.run(["dpkg-query", "-S", path], capture_output=True, check=False)
        assert listed.returncode == 0 or not Path(path).exists()
