"""What a regression left behind, as cases: nothing that went wrong is lost, and nothing passes silently.

A suite leaves files of results (`reading.files`), `<suite>.end` and `<suite>.rc` (how its script ended), `<suite>.log`.
A declared case that never reported is an error. Whatever cannot be read as a case becomes one of its own with outcome
`error`, called `(suite)`. What is worth knowing and no error is a note.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sandbox_suite.regression import endings, reading
from sandbox_suite.regression.formats.attempts import Attempt
from sandbox_suite.regression.suites import Suite

Outcome = Literal["passed", "failed", "error", "skipped"]
WORST_FIRST = ("error", "failed", "skipped", "passed")  # which of two answers of one attempt counts
SUITE_CASE = "(suite)"
LOG_LINES = 40
NAMED = 20  # cases a note names before it only counts
_ONLY = "what the declared ones came to is not known"
NEVER = "declared in suite.yaml, but never reported"


@dataclass(frozen=True)
class Case:
    """One case, all its attempts taken together."""

    suite: str
    name: str
    outcome: Outcome
    flaky: bool = False  # failed, then passed on a later attempt that its suite declares; counts as passed
    seconds: float = 0.0  # of the attempt that counts
    attempts: int = 1
    message: str = ""
    request: str = ""
    response: str = ""
    tags: tuple[str, ...] = ()
    log: tuple[str, ...] = ()  # last lines of the suite's log, where the case did not pass

    @property
    def id(self) -> str:
        """Return `suite/case`."""
        return f"{self.suite}/{self.name}"

    @property
    def of_suite(self) -> bool:
        """Tell whether this stands for trouble of a whole suite."""
        return self.name == SUITE_CASE


@dataclass(frozen=True)
class Results:
    """Every case of a run, by suite and name."""

    cases: tuple[Case, ...] = ()
    undeclared: tuple[str, ...] = ()  # ids of cases that their suite, which declares cases, does not declare
    notes: tuple[str, ...] = ()  # `suite <name>: <words>`

    def counts(self) -> dict[str, int]:
        """Return how many cases ended how; flaky ones are counted apart from passed ones."""
        counts = dict.fromkeys(("passed", "flaky", "failed", "error", "skipped"), 0)
        for case in self.cases:
            counts["flaky" if case.flaky else case.outcome] += 1
        return counts

    def milliseconds(self) -> list[float]:
        """Return the times of the cases that ran to an answer, sorted."""
        return sorted(case.seconds * 1000 for case in self.cases if case.outcome in ("passed", "failed"))


def read(folder: Path, suites: Sequence[Suite] = ()) -> Results:
    """Return the results in `folder`, or in the `results` folder of a job's artifacts.

    With `suites`, a suite or a declared case without a result is an error too: always give them where they are known.
    """
    folder = folder / "results" if (folder / "results").is_dir() else folder
    manifests = {suite.name: suite for suite in suites}
    names = sorted({reading.owner(path.stem) for path in _files(folder)} | manifests.keys())
    return together([_suite(folder, name, manifests.get(name)) for name in names])


def together(parts: Sequence[Results]) -> Results:
    """Return several results as one."""
    return Results(
        tuple(case for part in parts for case in part.cases),
        tuple(name for part in parts for name in part.undeclared),
        tuple(note for part in parts for note in part.notes),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of the sorted `values` that `share` of them do not exceed; None without values."""
    return values[max(0, -(-len(values) * round(share * 100) // 100) - 1)] if values else None


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.glob("*") if path.suffix in (".jsonl", ".xml", ".tap", ".rc", ".end", ".log"))


def _suite(folder: Path, name: str, suite: Suite | None) -> Results:
    attempts, troubles = reading.attempts(folder, name)
    cases = _cases(name, attempts, suite)
    log = reading.tail(folder / f"{name}.log", LOG_LINES)
    ending = endings.read(folder, name)
    explained = any(case.outcome in ("failed", "error") for case in cases)
    troubles = endings.troubles(ending, explained, log) + ([] if cases else ["the suite wrote no result"]) + troubles
    notes = [f"suite {name}: {note}" for note in endings.notes(ending)]
    missing = _missing(cases, suite)
    undeclared = _undeclared(cases, suite)
    if undeclared:
        notes.append(f"suite {name}: cases that suite.yaml does not declare: {_listed(undeclared)}")
    if missing:
        troubles.append(f"declared cases that never reported: {_listed([case.name for case in missing])}")
    if troubles:
        cases.append(Case(name, SUITE_CASE, "error", message="\n".join(troubles)))
    told = [case if case.outcome in ("passed", "skipped") else replace(case, log=tuple(log)) for case in cases]
    return Results(tuple(told + missing), tuple(f"{name}/{case}" for case in undeclared), tuple(notes))


def _cases(name: str, attempts: Sequence[Attempt], suite: Suite | None) -> list[Case]:
    by_case: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_case[attempt.case].append(attempt)
    return [_case(name, case, tries, suite) for case, tries in by_case.items()]


def _case(suite_name: str, name: str, tries: Sequence[Attempt], suite: Suite | None) -> Case:
    """Judge a case by its last attempt; attempts its suite does not declare are not counted."""
    allowed = suite.manifest.retries + 1 if suite else max(item.attempt for item in tries)
    ordered = sorted(tries, key=lambda item: (item.attempt, -WORST_FIRST.index(item.outcome)))
    counted = [item for item in ordered if item.attempt <= allowed]
    if not counted:
        return Case(suite_name, name, "error", message=f"only attempts after number {allowed} were reported: {_ONLY}")
    last = counted[-1]
    notes = [last.message] if last.message else []
    if len({item.attempt for item in tries}) < len(tries):
        notes.append("an attempt was reported more than once; the worst answer counts")
    if len(counted) < len(tries):
        notes.append(f"attempts after number {allowed} were not counted: the suite declares {allowed - 1} retries")
    return Case(
        suite_name, name, last.outcome,
        flaky=last.outcome == "passed" and last.attempt > 1,  # whatever it says, or leaves unsaid, of the earlier ones
        seconds=last.seconds, attempts=len({item.attempt for item in counted}), message="\n".join(notes),
        request=last.request, response=last.response, tags=last.tags,
    )  # fmt: skip


def _missing(cases: Sequence[Case], suite: Suite | None) -> list[Case]:
    if not suite:
        return []
    there = {case.name for case in cases}
    return [Case(suite.name, name, "error", message=NEVER) for name in suite.manifest.cases if name not in there]


def _undeclared(cases: Sequence[Case], suite: Suite | None) -> list[str]:
    if not suite or not suite.manifest.cases:
        return []
    declared = set(suite.manifest.cases)
    return [case.name for case in cases if case.name not in declared]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
