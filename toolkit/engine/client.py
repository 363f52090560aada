"""The docker SDK, loaded only by what needs it: its import outlasts a no-op build's own work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import docker  # type: ignore[import-untyped]
from docker.errors import APIError, DockerException, NotFound  # type: ignore[import-untyped]
from docker.tls import TLSConfig  # type: ignore[import-untyped]


def connect(host: str, *, timeout: float = 60.0) -> Any:
    """A docker SDK client for the engine at `host`, with TLS as docker's own variables say.

    DOCKER_TLS_VERIFY and DOCKER_CERT_PATH are read as the docker client reads them. `timeout` is
    in seconds and bounds each call. Raises `OSError` when nothing answers.
    """
    certificates = os.environ.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")
    try:
        tls: Any = None
        if os.environ.get("DOCKER_TLS_VERIFY"):
            tls = TLSConfig(
                client_cert=(f"{certificates}/cert.pem", f"{certificates}/key.pem"),
                ca_cert=f"{certificates}/ca.pem",
                verify=True,
            )
        return docker.DockerClient(base_url=host, tls=tls, timeout=timeout)
    except DockerException as error:
        raise OSError(str(error)) from error


def inspect_distribution(host: str, image: str, *, timeout: float) -> str:
    """The digest that `image` has in its registry, as the engine at `host` sees it.

    Raises `OSError` when the registry does not answer in time, or does not have it.
    """
    with _reported():
        answer = connect(host, timeout=timeout).api.inspect_distribution(image)
    return str(answer["Descriptor"]["digest"])


def get_remote(host: str, path: str, timeout: float) -> Any:
    """What `toolkit.engine.api.get` does, for engines that are not on a Unix socket."""
    with _reported():
        api = connect(host, timeout=timeout).api
        if path == "/version":
            return api.version()
        if path == "/info":
            return api.info()
        try:
            return api.inspect_image(path.removeprefix("/images/").removesuffix("/json"))
        except NotFound:
            return None


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Whatever keeps an engine from answering, as the `OSError` that callers know."""
    import requests

    try:
        yield
    except APIError as error:
        raise OSError(error.explanation or str(error)) from error
    except (DockerException, requests.RequestException) as error:
        raise OSError(str(error)) from error
