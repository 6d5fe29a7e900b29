"""Making a request: defaults filled in, the caller's surroundings noted."""

import getpass
import os
from collections.abc import Mapping, Sequence

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
    environment: Mapping[str, str] | None = None,
) -> Request:
    """Return the request a caller means. A plugin that is a path is made absolute: the worker has another folder."""
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
        environment=noted(seen),
    )


def noted(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of an environment belongs to the job that is asked for in it."""
    return {key: environment[key] for key in sorted(environment) if key in NOTED or key.startswith(SECRET_FILES)}
