"""The engine double speaks for engines that this machine has not: Podman, old ones, rootless."""

import json

import pytest

from tests.unit.conftest import CONTAINERD
from toolkit.engine.find import Place, describe, find_engine, find_plugin, places
from toolkit.errors import EngineMissingError, EngineUnfitError


def test_docker_host_comes_first_and_is_final(monkeypatch, engine_double):
    monkeypatch.setenv("DOCKER_HOST", engine_double.host)
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert [place.origin for place in places()] == ["DOCKER_HOST"]
    engine = find_engine(start=False)
    assert (engine.origin, engine.store, engine.limits) == ("DOCKER_HOST", "containerd", ())
    assert engine.environment["DOCKER_HOST"] == engine_double.host


def test_a_named_engine_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(EngineMissingError, match=r"unix:///nowhere.sock, named by DOCKER_HOST"):
        find_engine(start=False)


def test_the_docker_context_is_followed(monkeypatch, engine_double, tmp_path):
    import hashlib

    config = tmp_path / "docker"
    meta = config / "contexts" / "meta" / hashlib.sha256(b"farm").hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"docker": {"Host": engine_double.host, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(
        json.dumps({"Name": "farm", "Metadata": {}, "Endpoints": endpoint})
    )
    (config / "config.json").write_text('{"currentContext": "farm"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    monkeypatch.setattr("docker.context.config.get_context_dir", lambda: str(config / "contexts"))
    monkeypatch.setattr(
        "docker.context.config.get_meta_dir",
        lambda name=None: str(meta if name else config / "contexts" / "meta"),
    )
    (place,) = places()
    assert place.origin == "docker context 'farm'"
    assert place.host.removeprefix("http+") == engine_double.host


def test_a_context_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(EngineMissingError, match="no docker context 'nowhere'"):
        find_engine(start=False)


def test_default_sockets_are_tried_rootless_and_podman_included(monkeypatch, tmp_path):
    runtime = tmp_path / "run"
    (runtime / "podman").mkdir(parents=True)
    (runtime / "docker.sock").touch()
    (runtime / "podman" / "podman.sock").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    found = [place.origin for place in places() if str(runtime) in place.host]
    assert found == ["rootless socket", "Podman's rootless socket"]


def test_podman_is_told_apart(monkeypatch, engine_double):
    engine_double.answers["/version"] = {
        "Version": "4.3.1",
        "Components": [{"Name": "Podman Engine"}],
    }
    monkeypatch.setenv("DOCKER_HOST", engine_double.host)
    with pytest.raises(EngineUnfitError, match=r"Podman 4.3.1, which has no BuildKit"):
        find_engine(start=False)


def test_an_old_engine_is_refused(monkeypatch, engine_double):
    engine_double.answers["/version"] = {"Version": "20.10.24+dfsg1", "Components": []}
    monkeypatch.setenv("DOCKER_HOST", engine_double.host)
    with pytest.raises(EngineUnfitError, match=r"older than 25.0"):
        find_engine(start=False)


def test_what_an_engine_cannot_do_is_said(engine_double):
    engine_double.answers["/info"] = {
        **CONTAINERD,
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"]],
        "SecurityOptions": ["name=rootless"],
    }
    engine = describe(Place(engine_double.host, "test", explicit=True))
    assert engine.store == "overlay2"
    assert not engine.containerd
    assert "containerd-snapshotter" in engine.limits[0]
    assert "rootless" in engine.limits[1]


def test_no_engine_at_all(monkeypatch, tmp_path):
    monkeypatch.setattr("toolkit.engine.find.places", lambda: iter(()))
    with pytest.raises(EngineMissingError) as caught:
        find_engine(start=False)
    assert caught.value.hint == "./invoke engine.start"


@pytest.fixture
def default_socket(monkeypatch, engine_double):
    """The engine double as what is found at a default socket."""
    place = Place(engine_double.host, "default socket", explicit=False)
    monkeypatch.setattr("toolkit.engine.find.places", lambda: iter([place]))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return engine_double


def test_an_unfit_engine_that_nobody_named_is_passed_over_and_told_of(default_socket):
    default_socket.answers["/version"] = {"Version": "4.3.1", "Components": [{"Name": "Podman"}]}
    with pytest.raises(EngineMissingError, match="not root") as caught:
        find_engine()
    assert "default socket is Podman 4.3.1" in caught.value.cause


def test_an_old_docker_that_nobody_named_is_not_passed_over(default_socket):
    default_socket.answers["/version"] = {"Version": "20.10.24", "Components": []}
    with pytest.raises(EngineUnfitError, match=r"older than 25.0"):
        find_engine()


@pytest.mark.parametrize("answer", [None, [], {"message": "hello"}, 500])
def test_something_that_is_no_engine(monkeypatch, engine_double, answer):
    engine_double.answers["/version"] = answer
    monkeypatch.setenv("DOCKER_HOST", engine_double.host)
    with pytest.raises(EngineMissingError):
        find_engine()


def test_an_engine_over_ssh_is_refused_with_a_way_round(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "ssh://user@host")
    with pytest.raises(EngineUnfitError, match="over SSH") as caught:
        find_engine()
    assert "ssh -NL" in caught.value.hint


def test_tls_without_certificates(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(EngineMissingError, match="named by DOCKER_HOST"):
        find_engine()


def test_a_socket_that_may_not_be_used_is_told_of(default_socket):
    default_socket.answers["/version"] = 500
    with pytest.raises(EngineMissingError) as caught:
        find_engine()
    assert f"default socket {default_socket.host}: " in caught.value.cause


def test_without_root_one_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("toolkit.engine.find.places", lambda: iter(()))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EngineMissingError, match="not root") as caught:
        find_engine()
    assert "docker-buildx-plugin" in caught.value.hint


def test_without_apt_one_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("toolkit.engine.find.places", lambda: iter(()))
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(EngineMissingError, match="apt-get and dpkg missing"):
        find_engine()


def test_a_missing_plugin_names_its_package(monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(EngineUnfitError, match="docker-buildx is not installed") as caught:
        find_plugin("docker-buildx")
    assert "docker-buildx-plugin" in caught.value.hint
