"""Making a request: defaults filled in, the caller's surroundings noted."""

import getpass
import os
from collections.abc import Mapping, Sequence

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs.model import Request

# What a step needs to see of the caller's environment, whoever's environment the worker was started in.
NOTED = (
    "SANDBOX_CONFIG",
    "SANDBOX_PROVIDER",
    "SANDBOX_DATASETS",
    "SANDBOX_SUITES_CONFIG",
    "SANDBOX_RUNNER_PACKAGES",
    "DOCKER_HOST",
)
NOT_LOCAL = {"SANDBOX_PROVIDER", "SANDBOX_RUNNER_PACKAGES"}  # what is noted and names nothing of the caller's machine
PRIORITIES = ("normal", "urgent")
MOST_SECONDS = 366 * 86_400
SECRET_FILES = "SANDBOX_SECRET_"  # noqa: S105 - variables that hold paths, never secrets


def make(
    settings: Settings,
    plan: str,
    *,
    plugin: str = "",
    dataset: str = "",
    tenant: str = "",
    thresholds: Sequence[str] = (),
    keep: bool = False,
    reason: str = "",
    priority: str = "normal",
    wait_at_most: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Request:
    """Return the request a caller means. A plugin that is a path is made absolute: the worker has another folder."""
    _refuse(priority, wait_at_most)
    seen = os.environ if environment is None else environment
    return Request(
        plan=plan,
        tenant=tenant or settings.tenant,
        actor=settings.actor or getpass.getuser(),
        plugin=os.path.abspath(plugin) if plugin and ("/" in plugin or os.path.exists(plugin)) else plugin,  # noqa: PTH100, PTH110
        dataset=dataset,
        thresholds=tuple(thresholds),
        keep=keep,
        reason=reason,
        priority=priority,
        wait_at_most=wait_at_most,
        environment=noted(seen),
    )


def seconds(text: str) -> float | None:
    """Return seconds as typed; None where nothing was."""
    try:
        return float(text) if text else None
    except ValueError:
        raise RequestError(f"`{text}` is no number of seconds", remedy="write `--wait-at-most 300`") from None


def _refuse(priority: str, wait_at_most: float | None) -> None:
    """Raise RequestError for what no queue knows, all of it at once."""
    wrong = []
    if priority not in PRIORITIES:
        wrong.append(f"`{priority}` is no priority: one of {', '.join(PRIORITIES)} is possible")
    if wait_at_most is not None and not 0 < wait_at_most < MOST_SECONDS:
        wrong.append(f"a job cannot wait `{wait_at_most:g}` seconds at most: a number above 0 is wanted")
    if wrong:
        raise RequestError("\n".join(wrong), remedy="`./invoke --help sandbox.run` names the options")


def tied(request: Request) -> str:
    """Return what ties a request to the machine it was made on; empty where any machine can run it."""
    if os.path.isabs(request.plugin):  # noqa: PTH117
        return f"plugin {request.plugin}"
    return ", ".join(sorted(request.environment.keys() - NOT_LOCAL))


def noted(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of an environment belongs to the job that is asked for in it."""
    return {key: environment[key] for key in sorted(environment) if key in NOTED or key.startswith(SECRET_FILES)}
