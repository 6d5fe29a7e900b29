"""Inside a kept sandbox: a shell, or psql."""

import shlex

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import events, journal
from sandbox_suite.jobs.audit import record
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import Job

PSQL = ["psql", "-h", "/tmp", "-U", "postgres", "sandbox"]  # noqa: S108 - the socket's folder in the container


def shell(settings: Settings, job: Job, part: str, psql: bool = False, command: str = "") -> int:
    """Attach to a part of the sandbox; return the exit code of what ran there."""
    if not journal.sandbox_may_exist(events.read(connect(settings), job.id)):
        raise RequestError(f"job `{job.id}` has no sandbox", remedy="`./invoke sandbox.run --keep` leaves one")
    part = "database" if psql else part
    containers = read_json(settings.job(job.id) / "outputs.json")["containers"]
    if part not in containers:
        raise RequestError(f"a sandbox has no part `{part}`", remedy=f"the parts: {', '.join(containers)}")
    argv = PSQL if psql else ["/bin/bash"]
    argv = ["/bin/sh", "-c", command] if command and not psql else [*argv, "-c", command] if command else argv
    target = f"{part}: {shlex.join(argv)}"
    record(settings, job.id, job.request, utc_now, action="sandbox.shell", target=target, outcome="ok", step="shell")
    from sandbox_suite.sessions import shell as session_shell

    container = containers[part]
    return session_shell.attach(settings.runtime, container["name"], container["user"], argv)
