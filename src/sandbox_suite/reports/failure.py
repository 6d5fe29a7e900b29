"""failure.zip: what a data owner or a developer needs to see of a job that did not pass, and no secret."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.reports.archive import Archive, Redact, failing_lines

README = """What is in here: a job's report, and the evidence of what failed in it. Secrets are redacted.

report/report.html    open this first; it needs no network and no script
report/report.json    the same for programs; junit.xml and summary.md too
logs/                 what each step printed
artifacts/logs/       what the plugin printed
artifacts/results/    the results of the cases that failed, and the logs of their suites
audit.jsonl           the job's audit records
verification.json     the checks of the sandbox
manifest.json         the digest of each file, and what was left out
"""


def wanted(content: Mapping[str, Any]) -> bool:
    """Tell whether there is anything to send to anybody."""
    return bool(content["verdict"] != "passed" or _failed(content))


def pack(
    content: Mapping[str, Any], job: Path, report: Sequence[Path], redact: Redact, secrets: Sequence[str]
) -> bytes:
    """Return the archive of the job whose folder is `job`; `report` are the files of its report, redacted already."""
    archive = Archive(redact, [secret.encode(errors="surrogateescape") for secret in secrets])
    archive.add("README.txt", README.encode())
    for path in report:
        archive.add(f"report/{path.name}", path.read_bytes())
    archive.add_unchanged("audit.jsonl", job / "audit.jsonl")
    if (job / "verification.json").exists():
        archive.add_file("verification.json", job / "verification.json")
    for path in sorted([*(job / "logs").glob("*.log"), *(job / "artifacts" / "logs").glob("*.log")]):
        archive.add_file(path.relative_to(job).as_posix(), path)
    for name, cases in _failed(content).items():
        for path in _of_suite(job / "artifacts" / "results", name):
            _add_result(archive, path.relative_to(job).as_posix(), path, cases)
    return archive.packed(job=content["job"], verdict=content["verdict"])


def _failed(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the cases that failed or were in error, by suite."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for case in content["cases"]:
        if case["outcome"] in ("failed", "error"):
            found[case["suite"]].append(case["name"])
    return dict(found)


def _of_suite(results: Path, suite: str) -> Iterator[Path]:
    """Yield the files that a suite left: `<suite>.*`, and whatever it called `<suite>-...` or `<suite>_...`."""
    for path in sorted(results.glob("*")):
        if path.is_file() and path.name.startswith((f"{suite}.", f"{suite}-", f"{suite}_")):
            yield path


def _add_result(archive: Archive, name: str, path: Path, cases: Sequence[str]) -> None:
    if path.suffix == ".jsonl":
        archive.add(name, failing_lines(path, cases, archive.redact))
    else:
        archive.add_file(name, path)
