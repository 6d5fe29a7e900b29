"""ops.*: is this machine ready, and the worker."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output


@task(help={"json": "one JSON document on stdout"})
def doctor(context: Context, json: bool = False) -> None:
    """Look at each prerequisite: found, version, where, remedy. Touches nothing."""
    from sandbox_suite.tasks import ops_doctor

    raise Exit(code=ops_doctor.doctor(json))


@task(help={"json": "one JSON document on stdout"})
def setup(context: Context, json: bool = False) -> None:
    """Prepare what is missing on this machine, as `sandbox.run` would."""
    from sandbox_suite import toolchain

    done = toolchain.prepare(settings(), output.say)
    if json:
        output.facts({"setup": done})
    else:
        output.lines(done or ["nothing was missing"])


@task(
    help={
        "status": "tell whether a worker lives",
        "stop": "end it; its running jobs can be resumed",
        "json": "one JSON document on stdout",
    }
)
def worker(context: Context, status: bool = False, stop: bool = False, json: bool = False) -> None:
    """Run the worker in the foreground (for a service manager); or look at it, or stop it."""
    from sandbox_suite.jobs import service

    home = settings().home
    if stop:
        ended = service.stop(home)
        output.say("the worker has ended" if ended else "no worker was running")
    elif status:
        found = service.status(home).as_dict()
        if json:
            output.facts(found)
        else:
            output.lines(
                [f"running, pid {found['pid']}, since {found['started_at']}" if found["running"] else "not running"]
            )
        raise Exit(code=0)
    else:
        from sandbox_suite.jobs.worker import main

        raise Exit(code=main())
