"""Building one image through the Docker engine's own build API; buildx is not needed."""

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.toolchain import sources
from sandbox_suite.toolchain.images import context_files
from sandbox_suite.toolchain.progress import ticking

OFFICIAL = "debian:bookworm-slim"
OWN_ROOT = "sandbox-suite/root:bookworm"
REGISTRY_SECONDS = 5.0  # without one word from the engine: then no registry answers, and we build
BUILD_SECONDS = 900.0  # without one word from the engine
KEPT_LINES = 15  # of a failed build's output
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PROXIES = ("http_proxy", "https_proxy", "no_proxy")  # predefined build arguments: not kept in an image's history


class Builder:
    """A connection to the Docker engine that pulls, imports and builds."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings, self._say = settings, say
        options = docker.utils.kwargs_from_env()
        try:
            self._engine = docker.APIClient(**options, version="auto", timeout=BUILD_SECONDS)
            self._impatient = docker.APIClient(**options, version="auto", timeout=REGISTRY_SECONDS)
        except DockerException as error:
            raise InfrastructureError(
                f"the Docker engine does not answer: {error}", remedy="invoke ops.doctor"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.close()
        self._impatient.close()

    def pull(self, reference: str) -> bool:
        """Fetch an image of ours from the registry that the settings name, where they name one that has it."""
        if not self._settings.registry:
            return False
        remote = f"{self._settings.registry}/{reference}"
        if not self._pulled(remote):
            return False
        self._engine.tag(remote, *reference.rsplit(":", 1))
        return True

    def root(self) -> str:
        """Return the image that the base starts from: the official one where a registry answers, else our own."""
        for reference in (OFFICIAL, OWN_ROOT):
            if self._has(reference):
                return reference
        if self._pulled(OFFICIAL):
            return OFFICIAL
        self._import_root()
        return OWN_ROOT

    def build(self, reference: str, context: Path, arguments: dict[str, str]) -> None:
        """Build `context` and name it `reference`; nothing of a failed build stays."""
        given = arguments | sources.build_arguments() | _proxies()
        with ticking(self._say, f"building image {reference}") as tick:
            try:
                output = self._engine.build(
                    fileobj=io.BytesIO(archive(context)),
                    custom_context=True,
                    tag=reference,
                    buildargs=given,
                    # The host's network: the mirror and proxy that work for this machine work for the build.
                    network_mode="host",
                    rm=True,
                    forcerm=True,
                    decode=True,
                )
                failure = follow(output, tick)
            except (DockerException, requests.RequestException) as error:
                failure = str(error)
        if failure:
            raise InfrastructureError(
                f"image {reference} could not be built:\n{failure}",
                left="images that were built before stay and are not built again",
                remedy="see the last lines above; apt's sources of this machine are used: does `apt-get update` work?",
            )

    def _has(self, reference: str) -> bool:
        try:
            self._engine.inspect_image(reference)
        except ImageNotFound:
            return False
        return True

    def _pulled(self, reference: str) -> bool:
        self._say(f"asking for {reference} (at most {REGISTRY_SECONDS:.0f} s without an answer)")
        try:
            for event in self._impatient.pull(*reference.rsplit(":", 1), stream=True, decode=True):
                if "error" in event:
                    return False
        except (APIError, requests.RequestException):
            return False
        return self._has(reference)

    def _import_root(self) -> None:
        sources.ensure_mmdebstrap(self._say)
        with ticking(self._say, "no registry answers: making the base system with mmdebstrap"):
            command = sources.mmdebstrap_command()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                try:
                    # Held in memory (some 150 MB): an import that breaks off in the middle would still name an image.
                    archive, errors = process.communicate()
                except BaseException:
                    process.kill()
                    raise
            if process.returncode:
                tail = "\n".join(errors.decode(errors="replace").splitlines()[-KEPT_LINES:])
                raise InfrastructureError(
                    f"mmdebstrap failed:\n{tail}",
                    remedy="does `apt-get update` work on this machine? or let a registry answer",
                )
            self._engine.import_image_from_data(archive, *OWN_ROOT.split(":"))


def archive(context: Path) -> bytes:
    """Return the build context as a tar archive: the same bytes on every machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, executable, content in context_files(context):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if executable else 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def follow(output: Iterator[dict[str, Any]], tick: Say) -> str:
    """Read a build to its end; return why it failed, with the lines before, or nothing."""
    kept: list[str] = []
    for event in output:
        kept = [*kept, *COLOURS.sub("", event.get("stream", "")).strip().splitlines()][-KEPT_LINES:]
        if "error" in event:
            return "\n".join([*kept, event["error"]])
        if kept:
            tick(kept[-1])
    return ""


def _proxies() -> dict[str, str]:
    return {name: value for name in PROXIES if (value := os.environ.get(name) or os.environ.get(name.upper()))}
