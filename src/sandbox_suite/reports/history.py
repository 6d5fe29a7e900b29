"""The last jobs of a plan: how they ended, how long they took, which cases do not hold still."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.reports import reading
from sandbox_suite.reports.comparison import outcome

SCHEMA = "sandbox-suite/trend/1"
ENDINGS = {2: "refused", 3: "blocked", 4: "cancelled"}  # exit code of the step that ended a job without a report


@dataclass(frozen=True)
class Entry:
    """A job of the plan. `verdict` is its report's; without one it is blocked, refused, cancelled, failed or none."""

    job: str
    created_at: str
    verdict: str
    plugin: str = ""
    dataset: str = ""
    pass_rate: float | None = None
    p95_ms: float | None = None
    seconds: float | None = None  # from its first step to the report
    counts: Mapping[str, int] = field(default_factory=dict)
    inputs: str = ""  # digests of plugin and dataset: jobs with the same ones should end alike
    outcomes: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Unsteady:
    """A case that was flaky, or ended well and badly on the same plugin and dataset."""

    id: str
    runs: int
    passed: int
    flaky: int
    failed: int  # or in error


@dataclass(frozen=True)
class Trend:
    """The jobs, oldest first, and the cases that do not hold still, worst first."""

    plan: str
    jobs: tuple[Entry, ...]
    unsteady: tuple[Unsteady, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the trend as JSON."""
        jobs = [{name: value for name, value in asdict(job).items() if name != "outcomes"} for job in self.jobs]
        return {"schema": SCHEMA, "plan": self.plan, "jobs": jobs, "unsteady": [asdict(one) for one in self.unsteady]}


def trend(home: Path, plan: str, last: int) -> Trend:
    """Return the `last` jobs of a plan that ended, told from their folders."""
    if last < 1:
        raise RequestError(f"the last {last} jobs cannot be told", remedy="ask for 1 or more")
    jobs: list[Entry] = []
    for folder in sorted(home.glob("jobs/*/request.json"), reverse=True):  # ids are sorted by time
        if len(jobs) == last:
            break
        if _plan(folder) == plan and (entry := _entry(folder.parent)):
            jobs.append(entry)
    jobs.reverse()
    return Trend(plan, tuple(jobs), tuple(unsteady(jobs)))


def _plan(request: Path) -> str:
    try:
        return str(read_json(request)["plan"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _entry(folder: Path) -> Entry | None:
    """Return the job in `folder`; None where it has not come to an end that its folder shows."""
    file = folder / "report" / "report.json"
    if file.exists():
        try:
            return of_report(reading.parsed(file.read_bytes(), str(file)))
        except (OSError, RequestError):
            return Entry(folder.name, _begun(folder), "none")
    ended = [step for step in _steps(folder) if step.get("outcome") != "ok"]
    if not ended:
        return None
    return Entry(folder.name, _begun(folder), ENDINGS.get(ended[0].get("exit_code", 5), "failed"))


def _begun(folder: Path) -> str:
    """Return when the job was submitted, as its first audit record says; empty where it has none."""
    path = folder / "audit.jsonl"
    records = log.read(path) if path.exists() else []
    return records[0].time if records else ""


def _steps(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in folder.glob("steps/*.json"):
        try:
            left = read_json(path)
        except (OSError, ValueError):
            continue
        if isinstance(left, Mapping) and not path.name.startswith("undo-"):
            yield left


def of_report(report: Mapping[str, Any]) -> Entry:
    """Return a job as its report tells it."""
    plugin, dataset = report["plugin"], report["dataset"]
    ends = [(step["started"] or 0) + step["seconds"] for step in report["steps"]]
    return Entry(
        job=report["job"],
        created_at=report["created_at"],
        verdict=report["verdict"],
        plugin=f"{plugin['id']}@{plugin['version']}",
        dataset=f"{dataset['name']}@{dataset['version']}",
        pass_rate=report["pass_rate"],
        p95_ms=report["latency"]["p95_ms"],
        seconds=round(max(ends), 3) if ends else None,
        counts=report["counts"],
        inputs=f"{plugin['digest']} {dataset['digest']}",
        outcomes={case["id"]: outcome(case) for case in report["cases"]},
    )


def unsteady(jobs: Sequence[Entry]) -> list[Unsteady]:
    """Return the cases that were flaky, or that ended well and badly on the same inputs; the worst first."""
    seen: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for job in jobs:
        for id_, word in job.outcomes.items():
            if word != "skipped":
                seen[id_].append((job.inputs, word))
    found = [_counted(id_, answers) for id_, answers in seen.items() if _moves(answers)]
    return sorted(found, key=lambda one: (-one.flaky - one.failed, one.id))


def _moves(answers: Sequence[tuple[str, str]]) -> bool:
    by_inputs: defaultdict[str, set[bool]] = defaultdict(set)
    for inputs, word in answers:
        by_inputs[inputs].add(word in ("passed", "flaky"))
    return any(word == "flaky" for _, word in answers) or any(len(ways) > 1 for ways in by_inputs.values())


def _counted(id_: str, answers: Sequence[tuple[str, str]]) -> Unsteady:
    words = [word for _, word in answers]
    return Unsteady(
        id_, len(words), words.count("passed"), words.count("flaky"), words.count("failed") + words.count("error")
    )
