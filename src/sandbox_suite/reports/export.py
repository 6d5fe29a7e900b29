"""Exporting a job: a folder or an archive that tells the whole story elsewhere, and can be proved there."""

import zipfile
from pathlib import Path

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Head
from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.files import digest, read_json, write_atomic
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.reports import manifest
from sandbox_suite.reports.archive import Archive, Redact

MOST_BYTES, LARGEST = 256 << 20, 64 << 20  # of all files, of one
# What a reader needs. Left out: `vars/` and request.json (they name the files of secrets), `stack/` (Pulumi's state).
TAKEN = (
    "plan.json", "outputs.json", "verification.json", "baseline.json", "logs/*.log", "steps/*.json",
    "artifacts/*.json", "artifacts/logs/*", "artifacts/metrics/*", "artifacts/results/*",
)  # fmt: skip


def export(job: Path, out: Path, redact: Redact) -> tuple[dict[str, int], dict[str, str]]:
    """Export the job whose folder is `job` to `out`, a folder or a `.zip`; return (bytes by name, what was left out).

    Refused where a file of the report or the audit log is not as it was when the report was written. What was written
    is read again and compared.
    """
    wrong = errors([*manifest.check(job / "report"), *_audited(job)])
    if wrong:
        raise RequestError(
            "\n".join(f"{finding.place}: {finding.message}" for finding in wrong),
            remedy=f"`./invoke sandbox.retry --job {job.name} --from-step report` writes the report again",
        )
    archive = _packed(job, redact)
    if out.suffix == ".zip":
        _write_zip(archive, job.name, out)
    else:
        _write_folder(archive, job.name, out)
    return {name: len(data) for name, data in sorted(archive.files.items())}, archive.left_out


def _audited(job: Path) -> list[Finding]:
    """Return what is wrong with the audit log, as against the head that the report noted."""
    path, report = job / "audit.jsonl", job / "report" / "report.json"
    if not report.exists():
        return log.verify(path).problems
    noted = read_json(report)["audit"]
    return log.verify(path, Head(noted["records"], noted["head"])).problems


def _packed(job: Path, redact: Redact) -> Archive:
    archive = Archive(redact, most=MOST_BYTES, largest=LARGEST)
    for path in sorted((job / "report").glob("*")):
        archive.add(f"report/{path.name}", path.read_bytes())  # redacted when it was written; its digest must stay
    archive.add_unchanged("audit.jsonl", job / "audit.jsonl")
    for pattern in TAKEN:
        for path in sorted(job.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                archive.add_file(path.relative_to(job).as_posix(), path)
    return archive


def _write_zip(archive: Archive, job: str, out: Path) -> None:
    try:
        write_atomic(out, archive.packed(job=job))
        with zipfile.ZipFile(out) as written:
            read = {name: written.read(name) for name in written.namelist() if name != manifest.NAME}
    except (OSError, zipfile.BadZipFile) as error:
        raise _unwritable(out, error) from error
    _compare(archive, read, out)


def _write_folder(archive: Archive, job: str, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RequestError(f"{out} is there already, and not empty", remedy="name a new folder, or a .zip")
    try:
        for name, data in archive.files.items():
            write_atomic(out / name, data)
        manifest.write(out, [out / name for name in archive.files], job=job, left_out=archive.left_out)
        read = {name: (out / name).read_bytes() for name in archive.files}
    except OSError as error:
        raise _unwritable(out, error) from error
    _compare(archive, read, out)


def _unwritable(out: Path, error: Exception) -> RequestError:
    return RequestError(f"{out} cannot be written: {error}", remedy="name another place")


def _compare(archive: Archive, read: dict[str, bytes], out: Path) -> None:
    expected = {name: digest(data) for name, data in archive.files.items()}
    if {name: digest(data) for name, data in read.items()} != expected:
        raise InfrastructureError(f"what was written to {out} reads differently", remedy="look at that disk")
