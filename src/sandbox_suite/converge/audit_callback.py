"""The audit callback: translates each task's result into one audit record, nothing more.

It runs inside `ansible-playbook`. A callback that fails cannot fail a run, so whoever started the run compares the
records with the runner's events (`runner.py`).
"""

import os
from typing import Any

from ansible.plugins.callback import CallbackBase

from sandbox_suite.audit import log
from sandbox_suite.converge import context, task_results
from sandbox_suite.converge.task_results import Outcome
from sandbox_suite.core.clock import utc_now


class AuditCallback(CallbackBase):  # type: ignore[misc]
    """Appends a record to the job's audit log for each task on each host; without a job it says so and does nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "sandbox_audit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._context = context.from_environment(os.environ)
        if self._context is None:
            self._display.display("audit: no job is named by SANDBOX_JOB, so this run leaves no audit records")
        self._redact = self._context.redactor() if self._context else None

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task ended well."""
        self._record(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed."""
        self._record(result, "failed", bool(ignore_errors))

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task's condition did not hold."""
        self._record(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host did not answer."""
        self._record(result, "unreachable")

    def _record(self, result: Any, outcome: Outcome, ignored: bool = False) -> None:
        if self._context:
            done = task_results.of(result, outcome, ignored)
            log.append(self._context.log, task_results.draft(done, self._context), utc_now, self._redact)
