"""report: judge what was collected and write report.json, junit.xml and report.html."""

import datetime
import platform
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import read_json
from sandbox_suite.jobs import events, journal
from sandbox_suite.jobs.audit import path as audit_path
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import STEPS
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.regression import plans, results, verdict
from sandbox_suite.regression.suites import Suite
from sandbox_suite.reports import model, rendering
from sandbox_suite.verification.model import Verification

CONVERGING = ("deploy", "load", "regress", "collect")


def run(context: Context) -> dict[str, Any]:
    """Judge and render; return the verdict and where the report is."""
    plan = context.plan
    planned = plans.load().get(plan["plan"])
    thresholds = plans.thresholds(planned, context.request.thresholds)
    found = results.read(context.folder / "artifacts", [Suite.from_dict(suite) for suite in plan["suites"]])
    checked = _verification(context)
    trail = log.verify(audit_path(context.folder))
    complete = trail.intact and not any(context.made(step).get("missing_records") for step in CONVERGING)
    judged = verdict.judge(found, planned, thresholds, complete, checked)
    report = model.Report(
        job=context.job,
        tenant=context.request.tenant,
        created_at=iso(context.clock()),
        plan=planned,
        plugin=model.Plugin(*(plan["plugin"][key] for key in ("id", "version", "digest", "signer"))),
        dataset=_dataset(context, plan["dataset"]),
        results=found,
        judgement=judged,
        thresholds=thresholds,
        verification=checked,
        steps=_steps(context),
        audit=model.Audit(str(audit_path(context.folder)), trail.records, trail.head, complete),
        environment=_environment(plan),
        reason=context.request.reason,
    )
    written = rendering.render(report, context.folder / "report")
    for reason in judged.reasons:
        context.say(f"! {reason}")
    return {
        "verdict": judged.verdict,
        "pass_rate": judged.pass_rate,
        "critical_coverage": judged.critical_coverage,
        "cases": found.counts(),
        "flaky": [case.id for case in found.cases if case.flaky],
        "reasons": list(judged.reasons),
        "report": {name: str(path) for name, path in written.items()},
    }


def _verification(context: Context) -> Verification | None:
    file = context.folder / "verification.json"
    return Verification.from_dict(read_json(file)) if file.exists() else None


def _dataset(context: Context, dataset: dict[str, Any]) -> model.Dataset:
    found = context.made("load").get("proofs", {})
    proofs = tuple(model.Proof(p["table"], p["expected"], found.get(p["table"], "")) for p in dataset["proofs"])
    return model.Dataset(dataset["name"], dataset["version"], dataset["digest"], dataset["attested"], proofs)


def _steps(context: Context) -> list[model.Step]:
    past = events.read(Database(context.settings.home), context.job)
    facts = journal.steps(past)
    begun = {event.step: _moment(event.time) for event in past if event.kind == "started"}
    first = min(begun.values())
    return [
        model.Step(name, facts[name].outcome, round(facts[name].seconds, 3), round(begun[name] - first, 3))
        for name in STEPS[: STEPS.index("report")]
        if name in begun
    ]


def _moment(time: str) -> float:
    return datetime.datetime.fromisoformat(time).timestamp()


def _environment(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "host": {"system": platform.platform(), "python": platform.python_version()},
        "images": plan["images"],
        **{f"limits of {part}": limits for part, limits in plan["limits"].items()},
    }
