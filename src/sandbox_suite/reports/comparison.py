"""Two reports compared: what changed, and whether the second is worse. Pure.

The second is worse where its verdict is worse; a case that passed (flaky or not) failed or is in error; a critical case
that ran to an answer is skipped or gone; a threshold that was kept is missed; a row of the checklist that was proved is
not. A longer time alone is not worse: single runs are noisy, and thresholds and baselines judge times.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = "sandbox-suite/comparison/1"
VERDICTS = {"passed": 0, "incomplete": 1, "regressed": 1, "blocked": 2}
GOOD, ANSWERED, BAD = ("passed", "flaky"), ("passed", "flaky", "failed"), ("failed", "error")
GONE, NEW = "gone", "not there"
MOST_SLOWER = 10
LATENCY = ("p50_ms", "p95_ms", "p99_ms", "max_ms")


@dataclass(frozen=True)
class Change:
    """A case whose outcome is another one. `kind` is `worse`, `better` or `other`."""

    id: str
    before: str
    after: str
    kind: str
    critical: bool


@dataclass(frozen=True)
class Figure:
    """A figure of both; None where it was not measured. The unit is in its name."""

    name: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Comparison:
    """What changed from one report to another. `reasons` say why the second is worse, empty where it is not."""

    before: Mapping[str, Any]  # job, plan, plugin, dataset, verdict, created_at
    after: Mapping[str, Any]
    reasons: tuple[str, ...]
    cases: tuple[Change, ...]
    figures: tuple[Figure, ...]
    steps: tuple[Figure, ...]
    slower: tuple[Figure, ...]  # cases that passed in both and took the most longer; milliseconds

    @property
    def worse(self) -> bool:
        """Tell whether the second is worse."""
        return bool(self.reasons)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return {"schema": SCHEMA, "worse": self.worse, **asdict(self)}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare two reports, as report.json holds them."""
    changes = tuple(_changes(_by_id(before), _by_id(after)))
    return Comparison(
        before=_about(before),
        after=_about(after),
        reasons=tuple(_reasons(before, after, changes)),
        cases=changes,
        figures=tuple(_figures(before, after)),
        steps=tuple(_steps(before, after)),
        slower=tuple(_slower(_by_id(before), _by_id(after))),
    )


def outcome(case: Mapping[str, Any]) -> str:
    """Return a case's outcome in one word: a flaky one is told apart from a passed one."""
    return "flaky" if case["flaky"] else str(case["outcome"])


def _by_id(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {case["id"]: case for case in report["cases"]}


def _about(report: Mapping[str, Any]) -> dict[str, Any]:
    plugin, dataset = report["plugin"], report["dataset"]
    return {
        "job": report["job"],
        "created_at": report["created_at"],
        "plan": report["plan"]["name"],
        "plugin": f"{plugin['id']}@{plugin['version']}",
        "plugin_digest": plugin["digest"],
        "dataset": f"{dataset['name']}@{dataset['version']}",
        "verdict": report["verdict"],
    }


def _changes(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    for id_ in dict.fromkeys([*before, *after]):
        was = outcome(before[id_]) if id_ in before else NEW
        now = outcome(after[id_]) if id_ in after else GONE
        critical = any(case["critical"] for case in (before.get(id_), after.get(id_)) if case)
        if was != now:
            yield Change(id_, was, now, _kind(was, now, critical), critical)


def _kind(was: str, now: str, critical: bool) -> str:
    if now in BAD and was not in BAD:
        return "worse"
    if critical and was in ANSWERED and now not in ANSWERED:
        return "worse"
    return "better" if was in BAD and now in GOOD else "other"


def _reasons(before: Mapping[str, Any], after: Mapping[str, Any], changes: Sequence[Change]) -> Iterator[str]:
    if VERDICTS.get(after["verdict"], 1) > VERDICTS.get(before["verdict"], 1):
        yield f"the verdict was {before['verdict']} and is {after['verdict']}"
    for change in changes:
        if change.kind == "worse":
            yield f"{change.id}{' (critical)' if change.critical else ''} was {change.before} and is {change.after}"
    kept = {item["name"] for item in before["thresholds"] if item["kept"]}
    for item in after["thresholds"]:
        if item["name"] in kept and item["kept"] is False:
            yield f"threshold {item['name']} was kept and is missed"
    proved = {row["row"] for row in before["rows"] if row["state"] == "proved"}
    states = {row["row"]: row["state"] for row in after["rows"]}
    for row in sorted(proved):
        if states.get(row, "not checked") in ("failed", "not checked"):
            yield f"checklist row {row} was proved and is {states.get(row, 'not checked')}"


def _figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Figure]:
    for name in ("pass_rate", "critical_coverage"):
        yield Figure(name, before[name], after[name])
    for name in LATENCY:
        yield Figure(name, before["latency"][name], after["latency"][name])
    was, now = _resources(before), _resources(after)
    for name in dict.fromkeys([*was, *now]):
        yield Figure(name, was.get(name), now.get(name))


def _resources(report: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        f"{item['part']}_{figure}": item[figure]
        for item in report.get("resources", [])
        for figure in ("cpu_seconds", "memory_peak_bytes")
    }


def _steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Figure]:
    was, now = ({step["name"]: step["seconds"] for step in report["steps"]} for report in (before, after))
    for name in dict.fromkeys([*was, *now]):
        yield Figure(name, was.get(name), now.get(name))


def _slower(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[Figure]:
    both = [
        Figure(id_, round(before[id_]["seconds"] * 1000, 3), round(case["seconds"] * 1000, 3))
        for id_, case in after.items()
        if id_ in before and outcome(case) in GOOD and outcome(before[id_]) in GOOD
    ]
    longer = sorted(both, key=lambda item: (item.before or 0) - (item.after or 0))
    return [item for item in longer[:MOST_SLOWER] if (item.after or 0) > (item.before or 0)]
