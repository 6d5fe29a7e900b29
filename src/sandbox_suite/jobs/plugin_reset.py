"""The plugin of a living sandbox as on its first day: its process ended, its schema dropped, deployed anew."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from sandbox_suite import engine
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.jobs import outcome, service
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import Job
from sandbox_suite.postgres import ddl
from sandbox_suite.postgres.inside import Psql

STEP = "deploy"
# Without its mark the migrations run again. The process leads a group of its own.
END = """cd "$1" 2>/dev/null || exit 0
rm -f migrated
pid=$(cat plugin.pid 2>/dev/null) || exit 0
kill -TERM -"$pid" 2>/dev/null || exit 0
i=0; while kill -0 -"$pid" 2>/dev/null && [ $i -lt 250 ]; do sleep 0.02; i=$((i+1)); done
kill -KILL -"$pid" 2>/dev/null || true"""


def stop(settings: Settings, job: Job, plan: Mapping[str, Any]) -> None:
    """End the plugin's process and forget that it was migrated; `deploy` then does both anew."""
    container = read_json(settings.job(job.id) / "outputs.json")["containers"]["plugin"]["name"]
    client = engine.client()
    try:
        folder = f"/var/lib/powerx/plugins/{plan['plugin']['id']}/run"
        Psql(client, container).feed(["sh", "-c", END, "end", folder], [])
    finally:
        client.close()


def statements(plan: Mapping[str, Any]) -> list[str]:
    """Return what takes the plugin's own schema away; its role stays, and so does its password."""
    return [f"DROP SCHEMA IF EXISTS {ddl.identifier(plan['schema'])} CASCADE"]


def deploy(settings: Settings, job: Job, clock: Clock) -> None:
    """Run the step `deploy` once more, journal and audit included; call it without the lock of the job's steps."""
    database = connect(settings)
    journal = Journal(database, job.id, clock)
    attempt = journal.last_attempt(STEP) + 1
    journal.write("started", STEP, attempt=attempt)
    before = clock()
    _run(settings, job, attempt)
    left = outcome.read(settings.job(job.id), STEP, attempt)
    seconds = (clock() - before).total_seconds()
    said = (left.error or {}).get("what", "") if left else "the step's process ended without an outcome"
    journal.write(
        "ended", STEP, attempt=attempt, outcome=left.outcome if left else "failed", seconds=seconds, message=said
    )
    database.close()
    if left is None or left.outcome != "ok":
        raise InfrastructureError(
            f"the plugin was not deployed again: {said}",
            left="the dataset is as it was brought; the plugin's schema is empty or half made",
            remedy=f"`./invoke sandbox.retry --job {job.id} --from-step deploy`",
        )


def _run(settings: Settings, job: Job, attempt: int) -> None:
    command = [sys.executable, "-m", "sandbox_suite.jobs.steps.running", job.id, STEP, str(attempt)]
    environment = service.environment(settings) | job.request.environment
    subprocess.run(command, cwd=CHECKOUT, env=environment | {"PATH": os.environ.get("PATH", os.defpath)}, stdout=2)
