"""collect: results, logs and metrics come out of the sandbox; what its containers are is looked at once more."""

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.engine import connection
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.jobs.steps.converging import apply
from sandbox_suite.reports import inventory

if TYPE_CHECKING:
    import docker

ENGINE_SECONDS = 5  # for each answer of the engine: a report can do without


def run(context: Context) -> dict[str, Any]:
    """Fetch the artifacts into the job's folder."""
    variables = {
        "report_collect_folder": str(context.folder / "artifacts"),
        "report_collect_run_id": context.made("regress").get("run_id", context.job),
    }
    made = apply(context, "collect-reports", variables)
    write_json(context.folder / "artifacts" / "inventory.json", _looked(context), mode=0o600)
    return made


def _looked(context: Context) -> dict[str, Any]:
    """Return the environment as it is now: the host, and each container; where the engine is silent, that."""
    found: dict[str, Any] = {"time": iso(context.clock()), "host": _host(), "parts": {}}
    try:
        client = connection.client(timeout=ENGINE_SECONDS)
        found["parts"] = _parts(client, read_json(context.folder / "outputs.json")["containers"])
        client.close()
    except InfrastructureError as error:
        found["error"] = error.explanation.what
        context.say(f"! the containers could not be looked at: {error.explanation.what}")
    return found


def _parts(client: "docker.APIClient", containers: dict[str, Any]) -> dict[str, dict[str, str]]:
    import docker
    import requests

    try:
        return {part: inventory.found(client.inspect_container(one["id"])) for part, one in containers.items()}
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise InfrastructureError(f"{type(error).__name__}: {error}") from error


def _host() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "model": _model(),
        "memory": f"{memory / 2**30:.1f} GiB",
    }


def _model() -> str:
    """Return what the processor calls itself; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
