"""A job's folder as the steps before `report` leave it, made of results that a test gives."""

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Draft
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs.model import Request
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.jobs.steps import report
from sandbox_suite.jobs.steps.context import Context

JOB = "j8f3k2m9q0abc4"
DIGEST = "sha256:" + "3f" * 32
BEGIN = datetime.datetime(2026, 11, 24, 13, 5, 12, tzinfo=datetime.UTC)
STEPS = ("admit", "dataset", "provision", "deploy", "load", "verify", "regress", "collect")
PARTS = ("database", "plugin", "runner")
LIMITS = {"cpus": 1.0, "memory_mb": 512, "pids": 100, "read_only": True}


def settings_of(home: Path) -> Settings:
    """Return the settings of an installation at `home`; its memory is a folder too."""
    made = load(home / "none.yaml", {"SANDBOX_HOME": str(home)})
    return type(made)(**{**made.__dict__, "runtime": home / "runtime"})


def line(case: str, outcome: str = "passed", suite: str = "api", **more: Any) -> dict[str, Any]:
    """Return one result, as a script writes it."""
    return {"case": case, "suite": suite, "outcome": outcome, "seconds": 0.01, **more}


def make(home: Path, results: Sequence[Mapping[str, Any]], job: str = JOB, **plan: Any) -> Path:
    """Write the folder of a job that was collected, and return it; `plan` changes what its plan.json says."""
    folder = settings_of(home).job(job)
    folder.mkdir(parents=True)
    request = Request(plan="smoke", tenant="acme", actor="tester", reason="to see")
    write_json(folder / "request.json", {"job": job, **request.as_dict()})
    suites = sorted({str(result["suite"]) for result in results} or {"api"})
    write_json(folder / "plan.json", {**_plan(job, suites), **plan})
    _artifacts(folder / "artifacts", results, suites)
    _outputs(folder, job)
    _steps(folder, job, request)
    checks: list[dict[str, Any]] = [
        {"name": "the plugin answers", "row": "S-15", "outcome": "passed", "seconds": 0.01, "message": ""},
        {"name": "forks fail", "row": "S-14", "outcome": "skipped", "seconds": 0.0, "message": "needs fork"},
        *({"name": name, "row": name, "outcome": "passed", "seconds": 0.0, "message": ""}
          for name in ("S-01", "S-02", "S-04", "S-11")),
    ]  # fmt: skip
    rows = {check["row"]: "not applicable" if check["outcome"] == "skipped" else "proved" for check in checks}
    write_json(folder / "verification.json", {"checks": checks, "rows": rows})
    return folder


def run(home: Path, job: str = JOB) -> dict[str, Any]:
    """Run the step `report` on a job's folder; return what it made."""
    used = settings_of(home)
    asked = json.loads((used.job(job) / "request.json").read_text())
    asked.pop("job")
    context = Context(job, "report", 1, Request.from_dict(asked), used.job(job), used, lambda line: None, lambda: BEGIN)
    return report.run(context)


def _plan(job: str, suites: Sequence[str]) -> dict[str, Any]:
    return {
        "job": job,
        "tenant": "acme",
        "plan": "smoke",
        "description": "fifty checks",
        "plugin": {"id": "com.example.desk", "version": "1.2.0", "digest": DIGEST, "signer": "qa"},
        "dataset": {
            "name": "customer-sample", "version": "2025-01", "digest": DIGEST, "attested": True, "policy": "p.yaml",
            "grants": {}, "proofs": [{"table": "orders", "expected": DIGEST, "sql": "SELECT 1"}],
        },
        "suites": [
            {"name": name, "language": "python", "run": ["x"], "timeout_seconds": 60, "retries": 1, "cases": [],
             "folder": f"suites/{name}"}
            for name in suites
        ],
        "critical": [],
        "thresholds": {"pass_rate": 0.95, "critical_coverage": 0.95},
        "deadline_seconds": 300,
        "images": {part: f"sandbox-suite/{part}:1" for part in PARTS},
        "limits": dict.fromkeys(PARTS, LIMITS),
    }  # fmt: skip


def _artifacts(folder: Path, results: Sequence[Mapping[str, Any]], suites: Sequence[str]) -> None:
    for name in suites:
        own = [result for result in results if result["suite"] == name]
        last = {result["case"]: result["outcome"] for result in own}
        failed = any(outcome in ("failed", "error") for outcome in last.values())
        lines = "".join(json.dumps(result) + "\n" for result in own)
        write_atomic(folder / "results" / f"{name}.jsonl", lines.encode(errors="surrogateescape"))
        write_atomic(folder / "results" / f"{name}.rc", f"{int(failed)}\n".encode())
        write_atomic(folder / "results" / f"{name}.log", b"first line\nlast line\n")
    seconds = {name: sum(float(r.get("seconds", 0)) for r in results if r["suite"] == name) + 0.1 for name in suites}
    write_json(
        folder / "results" / "run.json",
        {"run_id": "1", "suites": [{"name": name, "rc": 0, "seconds": seconds[name]} for name in suites]},
    )
    write_atomic(folder / "logs" / "plugin.log", b"listening\n")
    for part in PARTS:
        write_json(
            folder / "metrics" / f"{part}.json",
            {"part": part, "cpu_us": 836000, "memory_bytes": 42 << 20, "memory_peak_bytes": 45 << 20, "processes": 5},
        )


def _outputs(folder: Path, job: str) -> None:
    containers = {
        part: {"name": f"sbx-{job}-{part}", "id": part * 5, "image": f"sandbox-suite/{part}:1", "user": part}
        for part in PARTS
    }
    write_json(folder / "outputs.json", {"job": job, "network": f"sbx-{job}", "containers": containers})


def _steps(folder: Path, job: str, request: Request) -> None:
    """Leave what each step left: a second of work each, one after the other."""
    clock = _ticking()
    for step in ("", *STEPS):
        made: dict[str, Any] = {"proofs": {"orders": DIGEST}} if step == "load" else {}
        made |= {"task_seconds": [["Start the plugin", "plugin", 0.5]]} if step == "deploy" else {}
        draft = Draft(
            job, "acme", "tester", "step.run" if step else "job.submit", step or "plan smoke", "ok", "to see", step,
            int(bool(step)),
        )  # fmt: skip
        log.append(folder / "audit.jsonl", draft, clock)
        if step:
            Outcome("ok", 1, made=made, timing={"own": 1.0}).write(folder, step)
            write_atomic(folder / "logs" / f"{step}.log", f"{step} ran\n".encode())


def _ticking() -> Clock:
    moments: Iterator[datetime.datetime] = (BEGIN + datetime.timedelta(seconds=at) for at in range(10_000))
    return lambda: next(moments)
