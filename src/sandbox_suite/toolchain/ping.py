"""Cheap questions to the Docker engine: a few lines of HTTP over its socket, without the SDK's import."""

import json
import os
import socket
from typing import Any
from urllib.parse import quote, urlsplit

DEFAULT = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 5.0
CHUNK = 1 << 16


def docker_host() -> str:
    """Return the engine's address: DOCKER_HOST, else the default socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT


def answers() -> bool:
    """Tell whether a Docker engine answers."""
    try:
        version()
    except OSError:
        return False
    return True


def version() -> str:
    """Return the engine's version; OSError when it does not answer."""
    return str(get("/version")["Version"])


def image_references(repository: str) -> frozenset[str]:
    """Return the references of all images whose repository starts with `repository/`."""
    filters = quote(json.dumps({"reference": [f"{repository}/*"]}))
    return frozenset(tag for image in get(f"/images/json?filters={filters}") for tag in image["RepoTags"] or ())


def get(path: str) -> Any:
    """Return the JSON the engine answers to GET `path`; OSError when it does not answer, or answers an error."""
    address = urlsplit(docker_host())
    if address.scheme != "unix":
        return _through_sdk(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(address.path)
        # HTTP/1.0: the answer comes in one piece and ends with the connection.
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(CHUNK), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise ConnectionError(f"GET {path}: the engine at {docker_host()} answered {head[:80]!r}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise ConnectionError(f"GET {path}: the engine at {docker_host()} broke off its answer") from error


def _through_sdk(path: str) -> Any:
    # TCP with TLS, SSH: rare enough to pay the SDK's import, which knows all their settings.
    import docker
    import requests

    try:
        client = docker.APIClient(**docker.utils.kwargs_from_env(), version="auto", timeout=ANSWER_SECONDS)
        return client.get(client.base_url + path).json()
    except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
        raise ConnectionError(str(error)) from error
