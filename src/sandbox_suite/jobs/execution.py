"""The life of an admitted job: its steps one after the other, and the way back when one fails or the job is cancelled.

Everything is decided from the journal and the job's row: a worker that was killed is followed by one that goes on where
it stopped. A step that was cut in the middle runs again: each looks at what is there before it acts.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import CancelledError, InfrastructureError
from sandbox_suite.jobs import journal, table
from sandbox_suite.jobs.database import Database, DatabaseError, NoRoomError
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import GROUPS, STEPS, VERDICT_EXIT, Job, State
from sandbox_suite.jobs.outcome import Outcome, read
from sandbox_suite.stacks.workspace import Workspace

ENDS_AS = {2: State.REFUSED, 3: State.BLOCKED, 4: State.CANCELLED}  # by exit code; any other: failed
ROOM_BYTES = 1 << 20  # what a step leaves is smaller
CUT_ATTEMPTS = 2  # a step's process that was killed is tried again once; then the job fails


@dataclass(frozen=True)
class StepCall:
    """A step to run in a process of its own; `undo` marks one that takes back."""

    job: str
    step: str
    attempt: int
    undo: bool = False

    @property
    def label(self) -> str:
        """Return the step's name in the journal."""
        return f"undo {self.step}" if self.undo else self.step


RunStep = Callable[[StepCall, Callable[[], bool]], Outcome | None]  # None: the process ended without an outcome


class Execution:
    """Runs one job to a state in which nothing more happens by itself."""

    def __init__(self, database: Database, job: str, folder: Path, *, run_step: RunStep, clock: Clock) -> None:
        self.database, self.job, self.folder = database, job, folder
        self.run_step, self.clock = run_step, clock
        self.journal = Journal(database, job, clock)

    def run(self) -> None:
        """Go on from wherever the journal stands. An error of ours fails the job: it never stays running unattended."""
        try:
            self._run()
        except DatabaseError:  # nothing can be written: the job goes on where it stands, once that is possible again
            raise
        except Exception as error:  # the job must have a final state whatever happens
            said = (
                error
                if isinstance(error, InfrastructureError)
                else InfrastructureError(f"{type(error).__name__}: {error}")
            )
            self._end(State.FAILED, exit_code=5, error=said.as_dict())

    def _run(self) -> None:
        job = table.get(self.database, self.job)
        if job.cancel or job.error:
            self._take_back(job)
            return
        done = set(journal.finished(self.journal.read()))
        for step in (step for step in STEPS if step in done):
            self.journal.write("skipped", step, message="finished before")
        over = done | {"destroy"} if job.request.keep else done
        for group in GROUPS:
            lanes = [[step for step in lane if step not in over] for lane in group]
            if not self._advance([lane for lane in lanes if lane]):
                self._take_back(table.get(self.database, self.job))
                return
        if job.request.keep:
            self._keep()
        else:
            self._finish()

    def _advance(self, lanes: list[list[str]]) -> bool:
        """Run lanes side by side; return whether the job goes on."""
        if not lanes:
            return True
        outcomes = [outcome for lane in self._side_by_side(lanes) for outcome in lane]
        for outcome in outcomes:
            if outcome.outcome == "failed":
                table.update(self.database, self.job, error=outcome.error or {}, exit_code=outcome.exit_code)
                break
        return all(outcome.outcome == "ok" for outcome in outcomes)

    def _side_by_side(self, lanes: list[list[str]]) -> list[list[Outcome]]:
        first, *others = lanes
        with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
            beside = [pool.submit(self._lane_apart, lane) for lane in others]
            return [self._lane(first), *(one.result() for one in beside)]

    def _lane(self, steps: list[str]) -> list[Outcome]:
        """Attempt steps one after the other, until one does not end well."""
        outcomes: list[Outcome] = []
        for step in steps:
            if self._cancelled():
                return [*outcomes, Outcome("cancelled", 0)]
            outcomes.append(self._attempt(step))
            if outcomes[-1].outcome != "ok":
                break
        return outcomes

    def _lane_apart(self, steps: list[str]) -> list[Outcome]:
        """Attempt a lane in a thread of its own, which needs a connection of its own."""
        database = self.database.again()
        try:
            apart = Execution(database, self.job, self.folder, run_step=self.run_step, clock=self.clock)
            return apart._lane(steps)
        finally:
            database.close()

    def _attempt(self, step: str, undo: bool = False) -> Outcome:
        label = f"undo {step}" if undo else step
        last = self.journal.last_attempt(label)
        for attempt in range(last + 1, last + 1 + CUT_ATTEMPTS):
            self.journal.write("started", label, attempt=attempt)
            before = self.clock()
            call = StepCall(self.job, step, attempt, undo)
            outcome = self._run_step(call)
            seconds = (self.clock() - before).total_seconds()
            if outcome is not None and outcome.outcome != "cut":
                break
            self._expect_room()
            self.journal.write("progress", label, attempt=attempt, message=_cut(outcome))
        outcome = outcome or Outcome.failed(
            attempt, InfrastructureError(f"step `{label}` was ended from outside {CUT_ATTEMPTS} times")
        )
        outcome = replace(outcome, outcome="failed") if outcome.outcome == "cut" else outcome
        what = (outcome.error or {}).get("what", "")
        self.journal.write("ended", label, attempt=attempt, outcome=outcome.outcome, seconds=seconds, message=what)
        return outcome

    def _run_step(self, call: StepCall) -> Outcome | None:
        try:
            return self.run_step(call, self._never if call.undo else self._cancelled)
        except OSError:
            self._expect_room()
            raise

    def _expect_room(self) -> None:
        """Raise NoRoomError where a step could not leave its outcome: it did not fail, and is tried again later."""
        if shutil.disk_usage(self.database.home).free < ROOM_BYTES:
            raise NoRoomError(
                f"the disk of {self.database.home} is full",
                left="the job stays where it is, and goes on once there is room",
                remedy="free space there",
            )

    def _take_back(self, job: Job) -> None:
        """Compensate in reverse order: fetch the evidence while it is there, then release everything."""
        past = self.journal.read()
        there, finished = journal.sandbox_may_exist(past), journal.finished(past)
        left = "nothing had been provisioned"
        if "destroy" in finished:
            left = "the sandbox is removed; the job's folder keeps what was collected"
        if there and self._asked_to_keep(job):
            self._end(State.FAILED, error=_explained(job, self._kept_words()), expires_at=self._lease())
            return
        if there or job.cancel == "destroy":  # things may be left of which the journal knows nothing
            if there and "deploy" in finished and not job.cancel:
                self._attempt("collect", undo=True)
            undone = self._attempt("destroy", undo=True)
            left = "the sandbox was rolled back; the job's folder keeps logs and audit"
            if undone.outcome != "ok":
                left = f"the sandbox could not be removed: {(undone.error or {}).get('what', '')}"
        self._end_taken_back(job, left)

    def _end_taken_back(self, job: Job, left: str) -> None:
        facts = journal.steps(self.journal.read())
        if job.cancel == "destroy" and facts["report"].outcome == "ok":
            self._finish()
        elif job.error and (job.ended_at or not job.cancel):  # what had ended already stays what it was
            state = ENDS_AS.get(job.exit_code or 5, State.FAILED)
            self._end(
                state, error=_explained(job, left), verdict="blocked" if state == State.BLOCKED else "", expires_at=""
            )
        else:
            said = CancelledError(
                "the job was cancelled", left=left, remedy=f"`./invoke sandbox.resume --job {self.job}` runs the rest"
            )
            self._end(State.CANCELLED, exit_code=4, error=said.as_dict(), expires_at="")

    def _finish(self) -> None:
        verdict = self._verdict()
        self._end(State.DONE, verdict=verdict, exit_code=VERDICT_EXIT.get(verdict, 5), expires_at="")

    def _keep(self) -> None:
        verdict = self._verdict()
        self._end(State.KEPT, verdict=verdict, exit_code=VERDICT_EXIT.get(verdict, 5), expires_at=self._lease())

    def _verdict(self) -> str:
        report = read(self.folder, "report")
        return str(report.made.get("verdict", "")) if report else ""

    def _end(self, state: State, **columns: object) -> None:
        table.move(self.database, self.job, state, ended_at=iso(self.clock()), cancel="", **columns)
        self.journal.write("state", message=state)

    def _asked_to_keep(self, job: Job) -> bool:
        return job.request.keep and not job.cancel and (job.exit_code or 5) == 5

    def _kept_words(self) -> str:
        return "the sandbox was kept as asked: look inside with `./invoke sandbox.shell`, go on with `sandbox.resume`"

    def _lease(self) -> str:
        """Return when the sandbox's time is over: as provision made it, else as it was going to."""
        provision = read(self.folder, "provision")
        spec = Workspace(self.folder, self.job, self.database.home, Path()).spec()
        made = str(provision.made.get("expires_at", "")) if provision else ""
        return made or (spec.expires_at if spec else "") or iso(self.clock())

    def _cancelled(self) -> bool:
        return bool(table.get(self.database, self.job).cancel)

    @staticmethod
    def _never() -> bool:
        return False


def _cut(outcome: Outcome | None) -> str:
    if outcome is None:
        return "the step's process was ended from outside"
    return f"a program of the step was ended from outside: {(outcome.error or {}).get('what', '')}"


def _explained(job: Job, left: str) -> dict[str, str]:
    error = job.error or {}
    return {"what": error.get("what", ""), "left": left, "remedy": error.get("remedy", "")}
