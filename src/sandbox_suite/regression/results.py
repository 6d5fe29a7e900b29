"""What a regression left behind, as cases: nothing that went wrong is lost, and nothing passes silently.

A suite leaves `<suite>.jsonl` or `<suite>.xml` (JUnit), `<suite>.rc` (exit code of its script) and `<suite>.log`.
Whatever cannot be read as a case becomes a case of its own with outcome `error`, called `(suite)`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sandbox_suite.regression import reading
from sandbox_suite.regression.reading import Attempt
from sandbox_suite.regression.suites import Suite

Outcome = Literal["passed", "failed", "error", "skipped"]
WORST_FIRST = ("error", "failed", "skipped", "passed")  # which of two answers of one attempt counts
SUITE_CASE = "(suite)"
TIMED_OUT = 124  # what timeout(1) ends with
LOG_LINES = 40


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
    names = sorted({path.stem for path in _files(folder)} | manifests.keys())
    return Results(tuple(case for name in names for case in _suite(folder, name, manifests.get(name))))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of the sorted `values` that `share` of them do not exceed; None without values."""
    return values[max(0, -(-len(values) * round(share * 100) // 100) - 1)] if values else None


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.glob("*") if path.suffix in (".jsonl", ".xml", ".rc", ".log"))


def _suite(folder: Path, name: str, suite: Suite | None) -> list[Case]:
    attempts, troubles = reading.attempts(folder, name)
    cases = _cases(name, attempts, suite)
    log = reading.tail(folder / f"{name}.log", LOG_LINES)
    troubles += _ending(reading.exit_code(folder / f"{name}.rc"), cases, log)
    if suite:
        troubles += _missing(cases, suite)
    if troubles:
        cases.append(Case(name, SUITE_CASE, "error", message="\n".join(troubles)))
    return [case if case.outcome in ("passed", "skipped") else replace(case, log=tuple(log)) for case in cases]


def _cases(name: str, attempts: Sequence[Attempt], suite: Suite | None) -> list[Case]:
    by_case: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_case[attempt.case].append(attempt)
    return [_case(name, case, tries, suite) for case, tries in by_case.items()]


def _case(suite_name: str, name: str, tries: Sequence[Attempt], suite: Suite | None) -> Case:
    """Judge a case by its last attempt; attempts its suite does not declare are not counted."""
    allowed = suite.manifest.retries + 1 if suite else max(item.attempt for item in tries)
    ordered = sorted(tries, key=lambda item: (item.attempt, -WORST_FIRST.index(item.outcome)))
    counted = [item for item in ordered if item.attempt <= allowed] or ordered[:1]
    last = counted[-1]
    notes = [last.message] if last.message else []
    if len({item.attempt for item in tries}) < len(tries):
        notes.append("an attempt was reported more than once; the worst answer counts")
    if len(counted) < len(tries):
        notes.append(f"attempts after number {allowed} were not counted: the suite declares {allowed - 1} retries")
    return Case(
        suite_name, name, last.outcome,
        flaky=last.outcome == "passed" and any(item.outcome in ("failed", "error") for item in counted[:-1]),
        seconds=last.seconds, attempts=len({item.attempt for item in counted}), message="\n".join(notes),
        request=last.request, response=last.response, tags=last.tags,
    )  # fmt: skip


def _ending(code: int | None, cases: Sequence[Case], log: Sequence[str]) -> list[str]:
    """Say what is wrong with how a suite's script ended."""
    troubles = [] if cases else ["the suite wrote no result"]
    if code is None:
        troubles.append("the script has no exit code: it never ended, or was killed with the runner")
    elif code == TIMED_OUT:
        troubles.append("the script was ended at its timeout")
    elif code > 128:
        troubles.append(f"the script was killed by signal {code - 128}")
    elif code > 1 or (code == 1 and all(case.outcome in ("passed", "skipped") for case in cases)):
        said = f"; its last words: {log[-1]}" if log else ""
        troubles.append(f"the script ended with exit code {code}, which no failed case explains{said}")
    return troubles


def _missing(cases: Sequence[Case], suite: Suite) -> list[str]:
    missing = [name for name in suite.manifest.cases if name not in {case.name for case in cases}]
    return [f"declared cases without a result: {', '.join(missing)}"] if missing else []
