"""Jobs as a person reads them: a row each, one in full, the last lines of a run."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import attendance, events, journal, table
from sandbox_suite.jobs.database import Database, connect
from sandbox_suite.jobs.model import Job, State

if TYPE_CHECKING:
    from sandbox_suite.jobs.waiting import Wait


def rows(settings: Settings, clock: Clock, tenant: str = "", limit: int = 20) -> list[dict[str, Any]]:
    """Return the newest jobs as JSON rows."""
    database = connect(settings)
    waits = _waits(database, settings, clock)
    attended = attendance.look(database, settings)
    return [_row(database, job, waits.get(job.id), attended(job)) for job in table.latest(database, limit, tenant)]


def _waits(database: Database, settings: Settings, clock: Clock) -> Mapping[str, "Wait"]:
    """Return how each queued job waits; the policies, which take long to import, are not read where none does."""
    if not table.in_state(database, State.QUEUED):
        return {}
    from sandbox_suite.jobs import waiting

    return waiting.of(database, settings, clock())


def _row(database: Database, job: Job, wait: "Wait | None", attended: bool) -> dict[str, Any]:
    return {
        "job": job.id,
        "state": job.state,
        "shown": shown(job, wait.place if wait else 0, attended),
        "place": wait.place if wait else 0,
        "wait": wait.as_dict() if wait else None,
        "starts": wait.start() if wait else "",
        "priority": job.request.priority,
        "machine": job.machine or job.pinned,
        "tenant": job.tenant,
        "plan": job.plan,
        "step": current_step(events.read(database, job.id)),
        "verdict": job.verdict,
        "exit_code": job.exit_code,
        "created_at": job.created_at,
        "ended_at": job.ended_at,
        "expires_at": job.expires_at,
    }


def shown(job: Job, place: int, attended: bool) -> str:
    """Return the state in words: a running job without a worker is interrupted, a queued one has a place."""
    if job.state == State.RUNNING and not attended:
        return "interrupted"
    return f"queued ({place})" if job.state == State.QUEUED else str(job.state)


def current_step(past: Iterable[events.Event]) -> str:
    """Return the step that runs or ran last."""
    return next((fact.name for fact in reversed(journal.steps(past).values()) if fact.outcome), "-")


def describe(job: Job, value: dict[str, Any]) -> list[str]:
    """Return one job in full."""
    lines = [
        f"job      {job.id}  {job.state}",
        f"plan     {job.plan}, tenant {job.tenant}",
        f"created  {job.created_at}",
    ]
    if value.get("plugin"):
        plugin, dataset = value["plugin"], value.get("dataset") or {}
        lines.append(f"plugin   {plugin['id']}@{plugin['version']}  {plugin['digest']}")
        attested = "attested" if dataset.get("attested") else "not attested"
        lines.append(f"dataset  {dataset.get('name')}@{dataset.get('version')}  {attested}")
    lines.append("steps")
    lines += [
        f"  {step['name']:<10} {step['outcome'] or 'not begun':<10} {step['seconds']:7.2f} s" for step in value["steps"]
    ]
    return lines + closing(job, value)


def closing(job: Job, value: dict[str, Any]) -> list[str]:
    """Return the last lines of a run: the verdict or the error, and where the evidence is."""
    lines = []
    if value["verdict"]:
        cases = ", ".join(f"{count} {name}" for name, count in value["cases"].items() if count)
        rate = f", pass rate {value['pass_rate']:.3f}" if value["pass_rate"] is not None else ""
        lines.append(f"verdict  {value['verdict']}{rate}" + (f" ({cases})" if cases else ""))
    if value["error"]:
        lines.append(f"error: {value['error']['what']}")
        lines += [f"left as it was: {value['error']['left']}"] if value["error"]["left"] else []
        lines += [f"hint: {value['error']['remedy']}"] if value["error"]["remedy"] else []
    if value["report"].get("html"):
        lines.append(f"report   {value['report']['html']}")
    lines.append(f"audit    {value['audit']['log']} ({value['audit']['records']} records)")
    if value["sandbox"]["kept"]:
        lines.append(f"sandbox  kept until {value['sandbox']['expires_at']}: `./invoke sandbox.shell --job {job.id}`")
    return lines
