"""suite.against: two versions of a plugin, interleaved."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import new_job_id, utc_now
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output


@task(
    help={
        "job": "the kept job that is judged, or the beginning of its id",
        "baseline": "a kept job of the same plan, dataset and plugin, with the version it is held against",
        "rounds": "how often the suites run in both at most; fewer where the evidence is clear before",
        "json": output.JSON_HELP,
    }
)
def against(context: Context, job: str, baseline: str, rounds: int = 20, json: bool = False) -> None:
    """Run a plan's suites in two kept sandboxes, interleaved, and judge the latency. Ends with 1 when it is slower."""
    import getpass
    import random

    from sandbox_suite.jobs import against as comparing
    from sandbox_suite.jobs import table
    from sandbox_suite.jobs.database import connect

    used = settings()
    chance = random.SystemRandom()
    asker = comparing.Asker(used.actor or getpass.getuser(), utc_now, chance, lambda: new_job_id(utc_now()))
    with output.errors_as_json(json):
        one, other = (table.get(connect(used), named) for named in (job, baseline))
        found = comparing.run(used, one, other, rounds, asker, output.say)
    if json:
        output.facts(found.as_dict())
    else:
        output.lines([f"{found.evidence.finding}: {found.plugin} against {found.baseline_plugin}"])
        rows = [(case, f"{before:.1f}", f"{now:.1f}") for case, before, now in found.cases]
        output.table(("case, most slowed first", "before ms", "now ms"), rows, empty="no case passed in both")
    output.say(f"in the report: `./invoke sandbox.retry --job {found.job} --from-step report`")
    raise Exit(code=int(found.slower))
