"""What counts as a difference, and whether it is safe to mend. Pure: facts in, differences out."""

from collections.abc import Iterable, Iterator

from sandbox_suite.core.findings import Finding
from sandbox_suite.engine.inventory import Item
from sandbox_suite.jobs.model import ENDED, Job, State
from sandbox_suite.jobs.ownership import Owner
from sandbox_suite.jobs.reconcile.model import Difference, GoldenFacts, JobFacts, Mend, StepEnd

PARTS = frozenset({"database", "plugin", "runner"})
WITH_VERDICT = frozenset({State.DONE, State.KEPT})


def of_job(job: JobFacts, named: bool = False) -> Iterator[Difference]:
    """Yield what differs for a job; `named`: somebody asked for this one, and decides for what no job accounts for."""
    yield from _unowned(job, named)
    if job.row is None:
        yield from _unknown(job)
    elif job.owner == Owner.JOB and job.row.state in ENDED:
        yield from _kept(job, job.row)
    elif job.row.state in ENDED:
        yield from _over(job, job.row)
    elif job.row.state == State.RUNNING and not job.attended:
        yield _interrupted(job)
    if job.row and job.row.state in ENDED:
        yield from _papers(job, job.row)


def of_golden(golden: GoldenFacts) -> Iterator[Difference]:
    """Yield what differs for golden databases."""
    for name in golden.builders:
        message = f"container {name} was left by a build that was killed"
        yield Difference("warning", "golden-builder-left", "", message, "--apply removes it", Mend.BUILDER, name)
    for name in golden.marks:
        message = f"a golden volume is noted as whole ({name}), and is not there"
        yield Difference("warning", "golden-volume-gone", "", message, "--apply forgets it", Mend.MARK, name)
    for name in golden.unused:
        yield Difference("note", "golden-unused", "", f"{name} is used by nothing", "`./invoke dataset.gc` removes it")


def _unowned(job: JobFacts, named: bool) -> Iterator[Difference]:
    """Yield what the engine holds and nobody has a right to."""
    held = ", ".join(map(str, job.held))
    if job.held and job.owner == Owner.NOBODY:
        message = f"the job has ended, and the engine holds {held}"
        remedy = f"--apply, or `./invoke sandbox.destroy --job {job.id}`"
        yield Difference("error", "sandbox-of-ended-job", job.id, message, remedy, Mend.DESTROY)
    elif job.held and job.owner in (Owner.UNKNOWN, Owner.EXPIRED):
        until = max(item.expires_at for item in job.held)
        where = f"machine {job.row.machine} has the job" if job.row else "the database knows no such job"
        mend = Mend.SWEEP if named or job.owner == Owner.EXPIRED else Mend.NO
        remedy = (
            f"`./invoke ops.reconcile --apply --job {job.id}` removes it; else the worker, after {until or 'never'}"
        )
        yield Difference("error", "sandbox-without-job", job.id, f"{where}: the engine holds {held}", remedy, mend)


def _unknown(job: JobFacts) -> Iterator[Difference]:
    if job.folder:
        message = "its folder is here, and the database does not know it: that may be an older backup, or another one"
        yield _note(job, "folder-without-job", message, f"keep it for its report and audit, or remove jobs/{job.id}")
    if job.secrets and not job.held:
        yield _secrets(job)


def _interrupted(job: JobFacts) -> Difference:
    """Return the difference of a job that runs without a worker: once its labels' time is over, it is given up."""
    if not job.over:
        resume = f"`./invoke sandbox.resume --job {job.id}`"
        return _note(job, "job-interrupted", "it runs, and no worker lives", resume)
    message = "it was interrupted, nobody resumed it, and the expiry on its labels has passed"
    remedy = f"--apply destroys it; `./invoke sandbox.resume --job {job.id}` goes on"
    return Difference("warning", "interrupted-too-long", job.id, message, remedy, Mend.DESTROY)


def _kept(job: JobFacts, row: Job) -> Iterator[Difference]:
    """Yield what is wrong with the sandbox of a job that has a lease."""
    if job.over:
        message = f"its lease ended at {row.expires_at}, and its sandbox is still there"
        remedy = "the worker destroys it; --apply starts one"
        yield Difference("warning", "lease-ended", job.id, message, remedy, Mend.DESTROY)
        return
    destroy = f"`./invoke sandbox.destroy --job {job.id}`"
    again = f"`./invoke sandbox.retry --job {job.id} --from-step provision` makes it anew, {destroy} gives it up"
    if not job.held:
        message = f"its sandbox has a lease until {row.expires_at}, and is gone from the engine"
        yield Difference("error", "sandbox-gone", job.id, message, f"--apply gives it up; {again}", Mend.DESTROY)
        return
    if broken := _broken(job.held):
        yield Difference("error", "sandbox-broken", job.id, f"of its sandbox, {broken}", again)
    if not job.stack:
        message = "its stack's files are gone; the sandbox can still be used, and be destroyed by its labels"
        yield Difference("warning", "stack-gone", job.id, message, again)
    if (labelled := max(item.expires_at for item in job.held)) and labelled != row.expires_at:
        message = f"its lease ends at {row.expires_at}, its labels say {labelled}"
        yield Difference(
            "warning", "lease-differs", job.id, message, "--apply takes over the labels'", Mend.LEASE, labelled
        )


def _broken(held: Iterable[Item]) -> str:
    working = {item.part for item in held if item.kind == "container" and item.state == "running"}
    network = any(item.kind == "network" for item in held)
    lacking = [*sorted(PARTS - working), *([] if network else ["the network"])]
    return f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not at work" if lacking else ""


def _over(job: JobFacts, row: Job) -> Iterator[Difference]:
    """Yield what is left of an ended job, besides what the engine holds."""
    if job.held or job.owner != Owner.NOBODY:
        return
    if job.stack or job.may_exist:
        what = "its stack's files are left" if job.stack else "its journal knows of a sandbox"
        message = f"the job is {row.state} and its sandbox is gone, but {what}"
        yield Difference("warning", "stack-left", job.id, message, "--apply removes what is left", Mend.DESTROY)
    elif job.secrets:
        yield _secrets(job)


def _secrets(job: JobFacts) -> Difference:
    message = "its secrets are still in memory, and no sandbox needs them"
    return Difference("error", "secrets-left", job.id, message, "--apply removes them", Mend.SECRETS)


def _papers(job: JobFacts, row: Job) -> Iterator[Difference]:
    """Yield what is wrong with the report and the audit of an ended job."""
    if not job.folder:
        message = "its folder is gone, and with it report, logs and audit"
        yield _note(job, "folder-gone", message, "put it back from a backup; the job's row stays")
        return
    again = f"`./invoke sandbox.retry --job {job.id} --from-step report` writes it again"
    if row.state in WITH_VERDICT and row.verdict != job.verdict:
        said = f"says {job.verdict}" if job.verdict else "is not there"
        message = f"the job is {row.verdict}, and its report {said}"
        yield Difference("error", "report-differs", job.id, message, again)
    for wrong in job.report:
        yield Difference("error", wrong.id, job.id, f"report/{wrong.place} {wrong.message}", again)
    yield from (_chain(job, wrong) for wrong in job.audit)
    for end in sorted(set(job.ended) - job.recorded, key=str):
        yield _unrecorded(job, end)


def _chain(job: JobFacts, wrong: Finding) -> Difference:
    remedy = f"`./invoke audit.verify --job {job.id}`; put the log back from a backup"
    return Difference(wrong.severity, wrong.id, job.id, f"audit, {wrong.place}: {wrong.message}", remedy)


def _unrecorded(job: JobFacts, end: StepEnd) -> Difference:
    message = f"the journal knows that {end} ended {job.ended[end]}, the audit log does not"
    return Difference(
        "warning", "audit-record-missing", job.id, message, "--apply writes it, as noted later", Mend.RECORD, str(end)
    )


def _note(job: JobFacts, name: str, message: str, remedy: str) -> Difference:
    return Difference("note", name, job.id, message, remedy)
