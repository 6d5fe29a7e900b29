"""One run of a playbook through ansible-runner, and what came of it.

Secrets never pass through here: extra variables name files on this machine, and roles look them up under `no_log`.
What ansible-runner writes, the whole environment among it, stands on a tmpfs for its owner only and is removed after.
"""

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sandbox_suite.audit import log
from sandbox_suite.converge import payloads, playing
from sandbox_suite.converge.configuration import environment
from sandbox_suite.converge.context import Context
from sandbox_suite.converge.events import Events, Failure
from sandbox_suite.converge.task_results import TaskResult, keys
from sandbox_suite.core.errors import CutError, InfrastructureError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.progress import Say, silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.launch import kinds
from sandbox_suite.sessions import holder

PLAYBOOKS = CHECKOUT / "playbooks"


@dataclass(frozen=True)
class Missing:
    """A result that the events and the audit log do not both have."""

    task: str
    host: str
    uuid: str
    side: Literal["record", "event"]  # which of the two is missing


@dataclass(frozen=True)
class Converged:
    """How a run ended. `stats` is Ansible's recap: host -> {ok, changed, failures, skipped, dark, ...}."""

    outcome: Literal["ok", "failed", "cancelled"]
    stats: Mapping[str, Mapping[str, int]]
    results: tuple[TaskResult, ...]
    failures: tuple[Failure, ...]  # those that ended the play, ignored ones left out
    missing_records: tuple[Missing, ...]  # not empty: the audit log is incomplete, and so is the job
    seconds: float

    @property
    def changed(self) -> int:
        """Return how many tasks changed something."""
        return sum(host.get("changed", 0) for host in self.stats.values())

    def raise_for_failure(self) -> None:
        """Raise an InfrastructureError that names each failed task, where the run failed."""
        if self.outcome == "failed":
            raise InfrastructureError(
                "\n".join(map(str, self.failures)) or "Ansible failed without saying which task",
                left="what earlier tasks changed stands in the sandbox",
                remedy="read the step's log; the step can be run again",
            )


def run(
    playbook: str,
    context: Context,
    extravars: Mapping[str, Any],
    settings: Settings,
    say: Say = silent,
    *,
    check: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Converged:
    """Apply `playbooks/<playbook>.yml` to the job's sandbox. A failed task is a result; no start at all is an error.

    The extra variables go to `<job folder>/vars/<step>.json`, so that the same can be run by hand: `say` tells how.
    SIGTERM, or `cancelled` returning True, ends the run and its children: outcome `cancelled`.
    """
    file = PLAYBOOKS / f"{playbook}.yml"
    variables = settings.job(context.job) / "vars" / f"{context.step}.json"
    write_json(variables, dict(extravars), 0o600)
    say(by_hand(file, context.job, variables))
    start, offset = time.monotonic(), _size(context.log)
    what = playing.Play(file, variables, _environment(context, settings) | _kept(settings, file), check)
    events = Events(say, context.redactor())
    with playing.private_folder(_private(context, settings)) as private, playing.Stop(cancelled) as stop:
        status, code = playing.play(what, private, events.take, stop, say)
    if not stop.stopped and not events.stats:
        raise _not_started(file, status, code, events)
    return Converged(
        outcome="cancelled" if stop.stopped else "failed" if code else "ok",
        stats=events.stats,
        results=tuple(events.results),
        failures=tuple(events.failures) if code else (),
        missing_records=_difference(events, context, offset),
        seconds=time.monotonic() - start,
    )


def by_hand(playbook: Path, job: str, variables: Path) -> str:
    """Return the command that does the same, to be pasted in the checkout."""
    shown = playbook.relative_to(CHECKOUT) if playbook.is_relative_to(CHECKOUT) else playbook
    command = ["ansible-playbook", "-i", "inventories/sandbox", str(shown), "-e", f"@{variables}"]
    return f"SANDBOX_JOB={job} .venv/bin/{shlex.join(command)}"


def _private(context: Context, settings: Settings) -> Path:
    return settings.job_runtime(context.job) / "runner" / context.step


def _environment(context: Context, settings: Settings) -> dict[str, str]:
    return (
        environment(settings.runtime)
        | context.variables()
        | {
            "SANDBOX_HOME": str(settings.home),
            "SANDBOX_JOB_FOLDER": str(settings.job(context.job)),
            "SANDBOX_SOCKET": str(holder.ensure(settings.runtime)),
        }
    )


def _kept(settings: Settings, playbook: Path) -> dict[str, str]:
    return {kinds.PAYLOADS: str(payloads.folder(settings.runtime, playbook))}


def _difference(events: Events, context: Context, offset: int) -> tuple[Missing, ...]:
    """Compare the set of results that the runner saw with the set of records that the callback wrote."""
    seen = {result.key: result.task for result in events.results}
    written = keys(log.read(context.log, offset), context.step, context.attempt)
    lost = [Missing(seen[key], key[1], key[0], "record") for key in seen.keys() - written.keys()]
    unseen = [Missing(written[key], key[1], key[0], "event") for key in written.keys() - seen.keys()]
    return tuple(sorted(lost + unseen, key=lambda item: (item.task, item.host)))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _not_started(playbook: Path, status: str, code: int, events: Events) -> InfrastructureError:
    told = [*map(str, events.failures), events.last_words]
    kind = CutError if code == playing.NO_EXIT_CODE else InfrastructureError
    return kind(
        f"Ansible did not come to the end of {playbook.name} ({status}, exit code {code}):\n"
        + "\n".join(filter(None, told)),
        left="what earlier tasks changed stands in the sandbox",
        remedy="correct what the message names; `.venv/bin/ansible-playbook --syntax-check` looks without running",
    )
