"""A connection to the Docker engine that `DOCKER_HOST` (else the default socket) names. Imports the SDK when asked."""

import os
from typing import TYPE_CHECKING

from sandbox_suite.core import spans
from sandbox_suite.core.errors import InfrastructureError

if TYPE_CHECKING:
    import docker

ADDRESS = "unix:///var/run/docker.sock"
CONNECTIONS = 32  # kept open at most: the provider's threads share one client


def client(timeout: float = 60) -> "docker.APIClient":
    """Return a low-level client that speaks the engine's API version; InfrastructureError where no engine answers."""
    import docker
    import requests

    try:
        made = docker.APIClient(
            **docker.utils.kwargs_from_env(),
            version=docker.constants.DEFAULT_DOCKER_API_VERSION,
            timeout=timeout,
            max_pool_size=CONNECTIONS,
        )
        # The SDK asks /version, which makes the engine look at its runtimes (12 ms); a ping knows it in one.
        answer = made.get(f"{made.base_url}/_ping", timeout=timeout)
        answer.raise_for_status()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise _silent(error) from error
    made._version = _lower(answer.headers.get("Api-Version", ""), docker.constants.DEFAULT_DOCKER_API_VERSION)
    return measured(made)


def measured(client: "docker.APIClient") -> "docker.APIClient":
    """Return the client, the time of its calls counted as Docker's (`core.spans`)."""
    client.send = spans.spanned("docker", client.send)
    return client


def _lower(engine: str, sdk: str) -> str:
    if not engine:
        return sdk
    return min(engine, sdk, key=lambda version: [int(number) for number in version.split(".")])


def _silent(error: Exception) -> InfrastructureError:
    address = os.environ.get("DOCKER_HOST") or ADDRESS
    return InfrastructureError(
        f"Docker does not answer at {address}: {_reason(error)}",
        remedy="start the engine, or name another one in DOCKER_HOST; `./invoke ops.doctor` says what is found",
    )


def _reason(error: Exception) -> str:
    """Return the innermost reason: the SDK wraps the operating system's words in three layers of its own."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner)
