"""Preparing a machine: Docker engine, Pulumi engine, images, in this order; what is there is left alone."""

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.toolchain import docker_engine, images, pulumi_engine
from sandbox_suite.toolchain.prerequisites import WORKING_BYTES, free_bytes, look

NEEDED = ("docker engine", "pulumi engine", "images")


def prepare(settings: Settings, say: Say) -> list[str]:
    """Prepare what is missing and return what was done: nothing, within milliseconds, on a machine that is ready."""
    _check_space(settings)
    if settings.setup != "never":
        pulumi_engine.remember(settings)
    if _ready(settings):
        return []
    if settings.setup == "never":
        _refuse(settings)
    done = docker_engine.prepare(settings, say)
    done += pulumi_engine.prepare(settings, say)
    done += images.prepare(settings, say)
    return done


def _ready(settings: Settings) -> bool:
    try:
        return not images.missing() and pulumi_engine.find(settings) is not None
    except OSError:  # no engine answers
        return False


def _refuse(settings: Settings) -> None:
    lacking = [item for item in look(settings) if not item.found and item.name in NEEDED]
    names = "\n".join(f"{item.name} is missing ({item.where})" for item in lacking)
    remedies = "; ".join(f"{item.name}: {item.remedy}" for item in lacking)
    raise InfrastructureError(f"{names}\nand SANDBOX_SETUP=never forbids to prepare anything", remedy=remedies)


def _check_space(settings: Settings) -> None:
    free = free_bytes(settings.home)
    if free < WORKING_BYTES:
        raise InfrastructureError(
            f"the disk of {settings.home} is full: {free >> 20} MiB are free, {WORKING_BYTES >> 20} MiB are needed",
            remedy="free space there, or set SANDBOX_HOME to a folder on another disk",
        )
