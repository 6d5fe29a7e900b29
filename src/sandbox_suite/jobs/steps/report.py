"""report: judge what was collected and write the report; told from the job's folder alone, whenever that is."""

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import read_json
from sandbox_suite.jobs import against as interleaving
from sandbox_suite.jobs import baselines, outcome
from sandbox_suite.jobs.audit import path as audit_path
from sandbox_suite.jobs.model import STEPS
from sandbox_suite.jobs.steps import proofs
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.regression import results, verdict
from sandbox_suite.regression.performance import counters, figures, judging, machine
from sandbox_suite.regression.plans import Plan
from sandbox_suite.regression.suites import Suite
from sandbox_suite.reports import against, cases, hiding, inventory, measured, model, rendering, steps
from sandbox_suite.reports.checklist import Row
from sandbox_suite.verification.model import Verification

CONVERGING = ("deploy", "load", "regress", "collect")
BEFORE = STEPS[: STEPS.index("report")]


def run(context: Context) -> dict[str, Any]:
    """Judge and render; return the verdict and where the report is."""
    # First of all: `destroy` runs beside this step and removes the secrets. What was collected is redacted already.
    secrets = context.settings.job_runtime(context.job) / "secrets"
    redact, known = hiding.redactor(secrets), hiding.known(secrets)
    plan = context.plan
    planned = _planned(plan)
    found = results.read(context.folder / "artifacts", [Suite.from_dict(suite) for suite in plan["suites"]])
    checked = _verification(context)
    trail = log.verify(audit_path(context.folder))
    complete = trail.intact and not any(context.made(step).get("missing_records") for step in CONVERGING)
    evidence = _evidence(context.folder, plan, found)
    figured = _figures(context.folder, found, evidence)
    rows = proofs.checklist(context.folder, plan, found.cases, checked, trail.records, complete)
    elsewhere = [f"checklist: {row.line}" for row in rows if row.state == "failed" and not _told_by(checked, row)]
    host = _looked(context.folder).get("host", {})
    held = baselines.of_job(context.settings.home, context.folder, plan, host)
    if held:
        evidence = replace(evidence, baseline=against.shown(held))
    performance = judging.judge(
        {case.id: case.seconds * 1000 for case in found.cases if case.outcome == "passed" and not case.flaky},
        figured, held, planned.thresholds.relative(), machine.of(host),
    )  # fmt: skip
    performance = replace(performance, interleaved=_interleaved(context.folder))
    elsewhere += performance.slower
    judged = verdict.judge(found, planned, planned.thresholds, complete, checked, figured, elsewhere)
    report = model.Report(
        job=context.job,
        tenant=context.request.tenant,
        created_at=iso(context.clock()),
        plan=planned,
        plugin=model.Plugin(*(plan["plugin"][key] for key in ("id", "version", "digest", "signer"))),
        dataset=_dataset(context, plan["dataset"]),
        results=found,
        judgement=judged,
        thresholds=planned.thresholds,
        verification=checked,
        steps=steps.told(log.read(audit_path(context.folder)), _left(context.folder), BEFORE),
        audit=model.Audit(str(audit_path(context.folder)), trail.records, trail.head, complete),
        environment=_environment(context.folder, plan),
        reason=context.request.reason,
        evidence=evidence,
        performance=performance,
        checklist=rows,
    )
    written = rendering.render(report, context.folder / "report", redact, context.folder, known)
    for reason in (*judged.reasons, *(f"advice: {line}" for line in performance.reasons)):
        context.say(f"! {reason}")
    return {
        "verdict": judged.verdict,
        "pass_rate": judged.pass_rate,
        "critical_coverage": judged.critical_coverage,
        "cases": found.counts(),
        "flaky": [case.id for case in found.cases if case.flaky],
        "reasons": list(judged.reasons),
        "performance": performance.advice,
        "report": {name: str(path) for name, path in written.items()},
    }


def _planned(plan: dict[str, Any]) -> Plan:
    """Return the plan as it was when the job was admitted, its thresholds as they were asked for."""
    plugin, dataset = plan["plugin"], plan["dataset"]
    return Plan(
        name=plan["plan"],
        description=plan["description"],
        plugin=f"{plugin['id']}@{plugin['version']}",
        dataset=f"{dataset['name']}@{dataset['version']}",
        policy=dataset["policy"],
        grants=dataset["grants"],
        suites=[suite["folder"] for suite in plan["suites"]],
        critical=plan["critical"],
        checklist=plan.get("checklist", {}),
        thresholds=plan["thresholds"],
        deadline_seconds=plan["deadline_seconds"],
    )


def _verification(context: Context) -> Verification | None:
    file = context.folder / "verification.json"
    return Verification.from_dict(read_json(file)) if file.exists() else None


def _told_by(checked: Verification | None, row: Row) -> bool:
    """Tell whether the verdict names a failed row already: it names what failed in verification."""
    return checked is not None and checked.rows.get(row.row) == "failed"


def _dataset(context: Context, dataset: dict[str, Any]) -> model.Dataset:
    found = context.made("load").get("proofs", {})
    proofs = tuple(model.Proof(p["table"], p["expected"], found.get(p["table"], "")) for p in dataset["proofs"])
    return model.Dataset(dataset["name"], dataset["version"], dataset["digest"], dataset["attested"], proofs)


def _left(folder: Path) -> dict[str, dict[str, Any]]:
    left = {step: outcome.read(folder, step) for step in BEFORE}
    return {step: {"timing": one.timing, "made": one.made} for step, one in left.items() if one}


def _evidence(folder: Path, plan: dict[str, Any], found: results.Results) -> model.Evidence:
    artifacts = folder / "artifacts"
    runs = measured.suites(artifacts)
    outputs = folder / "outputs.json"
    return model.Evidence(
        suites=runs,
        places=cases.places(found.cases, runs),
        plugin_logs=cases.plugin_logs(found.cases, artifacts / "logs"),
        resources=measured.resources(artifacts, plan["limits"], measured.counted(folder)),
        statements=measured.statements(artifacts),
        inventory=inventory.facts(read_json(outputs), plan["limits"], _looked(folder).get("parts", {}))
        if outputs.exists()
        else (),
        baseline=measured.baseline(folder / "baseline.json"),
    )


def _figures(folder: Path, found: results.Results, evidence: model.Evidence) -> dict[str, float | None]:
    seconds = [suite.seconds for suite in evidence.suites if suite.seconds is not None]
    queries = counters.queries(measured.counted(folder))
    return figures.measure(found, seconds, measured.used(evidence.resources), queries)


def _interleaved(folder: Path) -> dict[str, Any] | None:
    file = folder / interleaving.RESULT
    found: dict[str, Any] | None = read_json(file) if file.exists() else None
    return found


def _looked(folder: Path) -> dict[str, Any]:
    """Return what `collect` saw of the environment; an empty mapping where it could not look."""
    file = folder / "artifacts" / "inventory.json"
    looked: dict[str, Any] = read_json(file) if file.exists() else {}
    return looked


def _environment(folder: Path, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    host = {"system": platform.platform(), "python": platform.python_version()}
    return {
        "host": _looked(folder).get("host", host),
        "images": plan["images"],
        **{f"limits of {part}": limits for part, limits in plan["limits"].items()},
    }
