"""Reading reports back: of a job, from a file, a folder or an archive."""

import json
import zipfile
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.reports.model import SCHEMA

LARGEST = 256 << 20  # bytes of a report.json that are read
PLACES = ("report.json", "report/report.json")
REMEDY = "`./invoke sandbox.list` shows jobs; a report is made by the step `report`"


def folder_of(home: Path, job: str) -> Path:
    """Return the report folder of the one job that `job` begins; it outlives the job's row and its sandbox."""
    found = sorted(home.glob(f"jobs/{job}*/report/report.json")) if job.isalnum() else []
    exact = [path for path in found if path.parts[-3] == job]
    if len(exact or found) != 1:
        known = f"{len(found)} reports begin with it" if found else "no report has it"
        raise RequestError(f"no single report of job `{job}`: {known}", remedy=REMEDY)
    return (exact or found)[0].parent


def load(home: Path, named: str) -> dict[str, Any]:
    """Return the report that `named` means: a path where there is one (file, folder, export), else a job."""
    path = Path(named)
    if path.suffix == ".zip" and path.is_file():
        return parsed(_from_archive(path), str(path))
    places = [path, *(path / place for place in PLACES)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        if "/" in named or path.suffix:
            raise RequestError(f"there is no report at {named}", remedy="name a job, a report.json, or an export")
        file = folder_of(home, named) / "report.json"
    return parsed(_bytes(file), str(file))


def parsed(data: bytes, place: str) -> dict[str, Any]:
    """Return the report in `data`, checked to be one that this version understands."""
    try:
        report = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{place} is no report: {error}", remedy="name a report.json") from error
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        said = report.get("schema") if isinstance(report, dict) else None
        raise RequestError(f"{place} is no report of {SCHEMA}, but {said!r}", remedy="name a report.json")
    missing = sorted(_needed() - report.keys())
    if missing:
        raise RequestError(f"{place} lacks {', '.join(missing)}", remedy="name a whole report.json")
    return report


def _needed() -> frozenset[str]:
    return frozenset(
        ("job", "created_at", "plan", "plugin", "dataset", "verdict", "pass_rate", "critical_coverage", "thresholds",
         "counts", "latency", "cases", "rows", "steps")
    )  # fmt: skip


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST)
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}", remedy="name another report") from error


def _from_archive(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((place for place in PLACES if place in archive.namelist()), None)
            if name is None:
                raise RequestError(f"{path} holds no report.json", remedy="name an archive that `report.export` made")
            with archive.open(name) as member:
                return member.read(LARGEST)
    except (OSError, zipfile.BadZipFile) as error:
        raise RequestError(f"{path} is no archive: {error}", remedy="name another report") from error
