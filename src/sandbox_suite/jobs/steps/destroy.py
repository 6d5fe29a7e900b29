"""destroy: the stack, then whatever carries the job's labels, then its secrets."""

import shutil
from pathlib import Path
from typing import Any

from sandbox_suite import toolchain
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.stacks import stack


def run(context: Context) -> dict[str, Any]:
    """Remove the sandbox completely; right also where the state is lost or half of it is gone."""
    settings = context.settings
    swept = stack.destroy(context.folder, context.job, _pulumi(settings), settings.provider, settings=settings)
    for line in swept:
        context.say(f"swept by label: {line}")
    shutil.rmtree(settings.job_runtime(context.job), ignore_errors=True)
    return {"swept": list(swept)}


def _pulumi(settings: Settings) -> Path | None:
    """Return the engine, or None: without it the labels are enough."""
    try:
        return toolchain.pulumi_path(settings)
    except SandboxError:
        return None
