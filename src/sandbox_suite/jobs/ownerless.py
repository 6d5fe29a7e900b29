"""Removing what no job in the database accounts for: by labels, whatever records are left. Needs the engine alone."""

import shutil
from typing import TYPE_CHECKING

from sandbox_suite import engine
from sandbox_suite.audit import log
from sandbox_suite.audit.record import Draft
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.settings import Settings
from sandbox_suite.engine import removal
from sandbox_suite.jobs.audit import path
from sandbox_suite.jobs.steps.running import alone

if TYPE_CHECKING:
    import docker


def remove(
    settings: Settings, client: "docker.APIClient", job: str, *, tenant: str, actor: str, reason: str, clock: Clock
) -> list[str]:
    """Remove the things, the stack and the secrets of a job, and record it; return what the engine held."""
    folder = settings.job(job)
    with alone(folder / "step.lock"):  # a step that still dies would make things anew
        removed = removal.sweep(client, engine.installation(settings.home), job)
        shutil.rmtree(folder / "stack", ignore_errors=True)
        shutil.rmtree(settings.job_runtime(job), ignore_errors=True)
    done = Draft(job, tenant, actor, "sandbox.sweep", job, "ok", reason=reason, details={"removed": removed})
    log.append(path(folder), done, clock)
    return removed
