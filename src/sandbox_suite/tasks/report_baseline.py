"""report.baseline: what later jobs are held against."""

from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import task

from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output

if TYPE_CHECKING:
    from sandbox_suite.regression.performance.baseline import Baseline


@task(
    help={
        "accept": "a job (its id, or the beginning of it) that passed: it becomes the baseline",
        "reason": "why it is accepted; goes into the audit log",
        "json": output.JSON_HELP,
    }
)
def baseline(context: Context, accept: str = "", reason: str = "", json: bool = False) -> None:
    """Show what jobs are held against, by plan, plugin and class of machine; or accept a job as that."""
    import getpass

    from sandbox_suite.core.clock import utc_now
    from sandbox_suite.jobs import baselines
    from sandbox_suite.regression.performance import baseline as stored

    used = settings()
    with output.errors_as_json(json):
        if accept:
            made, file = baselines.accept(used.home, accept, reason, used.actor or getpass.getuser(), utc_now)
            output.say(f"accepted: {file}")
        found = [made] if accept else list(stored.all_of(used.home))
    if json:
        output.facts([_told(one) for one in found])
        return
    output.table(
        ("plan", "plugin", "version", "machine", "runs", "latency strays", "accepted", "by", "why"),
        [_row(one) for one in found],
        empty="nothing was accepted yet: `./invoke report.baseline --accept JOB --reason WORDS`",
    )


def _told(one: "Baseline") -> dict[str, Any]:
    from sandbox_suite.regression.performance import judging

    band = judging.band(one, judging.LATENCY_RISE)
    return {**one.as_dict(), "runs": [run.job for run in one.runs], "latency_band": list(band) if band else None}


def _row(one: "Baseline") -> tuple[str, ...]:
    band = _told(one)["latency_band"]
    strays = f"{band[0] - 1:+.1%} to {band[1] - 1:+.1%}" if band else "not known: 5 runs are needed"
    accepted = one.accepted
    return (
        one.plan, one.plugin, one.version, one.machine, str(len(one.runs)), strays, accepted.at[:10], accepted.actor,
        accepted.reason,
    )  # fmt: skip
