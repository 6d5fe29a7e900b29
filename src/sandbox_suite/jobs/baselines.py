"""Baselines: a job is held against the one accepted for its plan, plugin and machine; a job is accepted as one.

Who accepted what, and why, is a record in `<home>/baselines/audit.jsonl`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Draft
from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_json
from sandbox_suite.regression.performance import baseline as baselines
from sandbox_suite.regression.performance import machine
from sandbox_suite.regression.performance.baseline import Accepted, Baseline
from sandbox_suite.reports import against, measured, reading

COPY = "baseline.json"  # in a job's folder: what it was held against, however often it is told again


def of_job(home: Path, folder: Path, plan: Mapping[str, Any], host: Mapping[str, Any]) -> Baseline | None:
    """Return what a job is held against, noted in its folder; None where nothing was accepted."""
    noted = measured.stored(folder / COPY)
    if noted:
        return noted
    found = baselines.load(home, plan["plan"], plan["plugin"]["id"], machine.of(host))
    others = found.without(plan["job"]) if found else None
    if others is None or not others.runs:
        return None
    write_json(folder / COPY, others.as_dict(), mode=0o600)
    return others


def accept(home: Path, job: str, reason: str, actor: str, clock: Clock) -> tuple[Baseline, Path]:
    """Make a job, and those before it on the same plugin, dataset and machine, the baseline; return it and its file."""
    if not reason.strip():
        raise RequestError("a baseline is accepted for a reason", remedy="say why: `--reason WORDS`")
    report = reading.load(home, job)
    mistake = _unfit(report)
    if mistake:
        raise RequestError(f"job `{report['job']}` can be no baseline: {mistake}", remedy="accept a job that passed")
    alike = sorted(_alike(home, report), key=lambda other: str(other["created_at"]))[-baselines.MOST :]
    plugin, dataset = report["plugin"], report["dataset"]
    made = Baseline(
        plan=report["plan"]["name"],
        plugin=plugin["id"],
        version=plugin["version"],
        plugin_digest=plugin["digest"],
        dataset=f"{dataset['name']}@{dataset['version']}",
        dataset_digest=dataset["digest"],
        machine=report["performance"]["machine"],
        accepted=Accepted(report["job"], actor, iso(clock()), reason),
        runs=tuple(against.run(one) for one in alike),
    )
    file = baselines.store(home, made)
    _record(home, made, report["tenant"], clock)
    return made, file


def _unfit(report: Mapping[str, Any]) -> str:
    if report["verdict"] != "passed":
        return f"its verdict is {report['verdict']}"
    performance = report.get("performance")
    if not performance or performance["machine"] == machine.UNKNOWN:
        return "it does not say on what machine it ran, or what it measured"
    return "" if against.run(report).cases else "no case of it has a time"


def _alike(home: Path, wanted: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the wanted report and those before it which differ from it in nothing but chance."""
    for file in home.glob("jobs/*/report/report.json"):
        try:
            report = reading.parsed(file.read_bytes(), str(file))
        except (OSError, RequestError):
            continue
        if _inputs(report) == _inputs(wanted) and report["created_at"] <= wanted["created_at"] and not _unfit(report):
            yield report


def _inputs(report: Mapping[str, Any]) -> str:
    performance = report.get("performance") or {}
    return json.dumps(
        [report["plan"]["name"], report["plugin"]["id"], report["plugin"]["digest"], report["dataset"]["digest"],
         performance.get("machine")]
    )  # fmt: skip


def _record(home: Path, made: Baseline, tenant: str, clock: Clock) -> None:
    accepted = made.accepted
    draft = Draft(
        accepted.job, tenant, accepted.actor, "baseline.accept", f"{made.plan} {made.plugin} {made.machine}", "ok",
        reason=accepted.reason, details={"version": made.version, "runs": [run.job for run in made.runs]},
    )  # fmt: skip
    log.append(home / "baselines" / "audit.jsonl", draft, clock)
