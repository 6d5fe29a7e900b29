"""stack.*: the Pulumi stacks below the sandboxes."""

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    from sandbox_suite.engine.inventory import Item

JOB_HELP = "the job's id, or the beginning of it"


@task(name="list", help={"json": JSON_HELP})
def list_(context: Context, json: bool = False) -> None:
    """List the stacks: resources, last operation, containers at work, what a killed run left."""
    from sandbox_suite.stacks.listing import stacks

    found = stacks(settings().home, _held())
    if json:
        output.facts({"stacks": [one.as_dict() for one in found]})
        return
    output.table(
        ("job", "stack", "resources", "last", "at", "running", "subnet", "note"),
        [
            (
                one.job,
                one.stack,
                str(one.resources),
                one.last or "-",
                one.at or "-",
                "?" if one.running is None else str(one.running),
                one.subnet or "-",
                "no stack" if one.orphaned else "interrupted" if one.interrupted else "",
            )
            for one in found
        ],
        empty="no stack: sandboxes are removed with their jobs unless `--keep` was given",
    )


@task(help={"job": JOB_HELP, "json": JSON_HELP})
def refresh(context: Context, job: str, json: bool = False) -> None:
    """Compare a job's stack with what the engine holds and record what is gone or changed."""
    from sandbox_suite.stacks import stack
    from sandbox_suite.toolchain import pulumi_path

    place, folder = settings(), _folder(job)
    found = stack.refresh(folder, folder.name, pulumi_path(place), place.provider, settings=place)
    if json:
        output.facts({"job": folder.name, **found})
        return
    output.lines([f"{what}: {name}" for what, names in found.items() for name in names] or ["nothing changed"])
    if any(found.values()):
        output.say(f"hint: `./invoke stack.pulumi --job {folder.name} -- up --yes` puts it back")


@task(help={"job": JOB_HELP})
def pulumi(context: Context, job: str) -> None:
    """Run the Pulumi CLI on a job's stack: `./invoke stack.pulumi --job J -- preview --diff`."""
    import shlex

    from sandbox_suite.stacks import by_hand, stack
    from sandbox_suite.toolchain import pulumi_path

    arguments = shlex.split(context.remainder)
    place, folder = settings(), _folder(job)
    if not arguments:
        raise RequestError(
            "no command for the Pulumi CLI", remedy=f"./invoke stack.pulumi --job {folder.name} -- stack export"
        )
    with stack.command(folder, folder.name, arguments, pulumi_path(place), place.provider, settings=place) as found:
        output.say(by_hand.shown(found))
        code = by_hand.run(found)
    if code:
        raise Exit(code=InfrastructureError.exit_code)


def _folder(job: str) -> Path:
    from sandbox_suite.stacks.listing import folder_of

    found = folder_of(settings().home, job)
    if found is None:
        raise RequestError(f"no single job `{job}` has a stack", remedy="`./invoke stack.list` shows those that do")
    return found


def _held() -> "list[Item] | None":
    """Return what the engine holds of this installation; None, and a line, where it does not answer."""
    from sandbox_suite import engine
    from sandbox_suite.engine.inventory import items

    try:
        return items(engine.client(timeout=5), engine.installation(settings().home))
    except InfrastructureError as error:
        output.say(f"warning: {error}")
        return None
