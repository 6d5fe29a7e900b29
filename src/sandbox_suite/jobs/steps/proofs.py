"""The security checklist of a job: what each source proves, gathered from the job's folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.plugins import package
from sandbox_suite.plugins import rows as static
from sandbox_suite.regression.results import Case
from sandbox_suite.reports import checklist as sheet
from sandbox_suite.reports import log_leaks, measured, stored_secrets
from sandbox_suite.reports.checklist import Proof, Row
from sandbox_suite.verification.model import Verification

STATIC = "plugin-check.json"  # in the job's folder: the package may be gone when the report is told again


def checklist(
    folder: Path, plan: Mapping[str, Any], cases: Sequence[Case], checked: Verification | None, records: int,
    complete: bool,
) -> tuple[Row, ...]:  # fmt: skip
    """Return every row of the checklist."""
    looked = log_leaks.look(folder / "artifacts" / "logs")
    return sheet.rows(
        [
            *sheet.of_verification(checked),
            *_static(folder, Path(plan["plugin"].get("package") or "")),
            *sheet.of_cases(cases, plan.get("checklist", {})),
            sheet.of_logs(looked.files, looked.lines, looked.found),
            stored_secrets.proof(measured.database(folder / "artifacts")),
            sheet.of_audit(records, complete),
        ]
    )


def _static(folder: Path, path: Path) -> Iterator[Proof]:
    """Yield what the package says, looked at once."""
    file = folder / STATIC
    if not file.exists():
        found = _looked(path)
        if found is None:
            yield Proof("S-03", "plugin.check", "not checked", "the package is not there any more")
            return
        write_json(file, found, mode=0o600)
    for item in read_json(file):
        yield Proof(item["row"], "plugin.check", item["state"], item["says"])


def _looked(path: Path) -> list[dict[str, Any]] | None:
    try:
        held = package.read(path)
    except (OSError, RequestError):
        return None
    return [item.as_dict() for item in static.of(held.manifest, held.files)]
