"""What the journal says of a job's steps. Pure: events in, facts out."""

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox_suite.jobs.events import Event
from sandbox_suite.jobs.model import STEPS

ENDS = ("destroy", "undo destroy")


@dataclass(frozen=True)
class StepFacts:
    """A step as last seen. `outcome` is ok, failed, cancelled, started (cut or under way) or empty (not begun)."""

    name: str
    outcome: str
    seconds: float
    attempt: int


def steps(events: Iterable[Event]) -> dict[str, StepFacts]:
    """Return each step's facts; a `rerun` event forgets the steps from the one it names on, but not their attempts."""
    facts = {name: StepFacts(name, "", 0.0, 0) for name in STEPS}
    for event in events:
        if event.kind == "rerun":
            for name in STEPS[STEPS.index(event.step) :]:
                facts[name] = StepFacts(name, "", 0.0, facts[name].attempt)
        elif event.kind == "lost":  # its folder is on a machine that will not come back
            facts = {name: StepFacts(name, "", 0.0, fact.attempt) for name, fact in facts.items()}
        elif event.step in facts and event.kind == "started":
            facts[event.step] = StepFacts(event.step, "started", 0.0, event.attempt)
        elif event.step in facts and event.kind == "ended":
            facts[event.step] = StepFacts(event.step, event.outcome, event.seconds, event.attempt)
    return facts


def finished(events: Iterable[Event]) -> list[str]:
    """Return the steps that ended well and still count, in order."""
    return [name for name, facts in steps(events).items() if facts.outcome == "ok"]


def sandbox_may_exist(events: Iterable[Event]) -> bool:
    """Whether `provision` began, and no `destroy` (of either kind) ended well and no machine was lost since."""
    alive = False
    for event in events:
        if event.kind == "started" and event.step == "provision":
            alive = True
        elif event.kind == "lost" or (event.kind == "ended" and event.step in ENDS and event.outcome == "ok"):
            alive = False
    return alive
