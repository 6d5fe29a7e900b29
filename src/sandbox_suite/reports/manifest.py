"""manifest.json: the digest of each file of a report, so that a copy can be proved to be what was written."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import digest, file_digest, read_json, write_json
from sandbox_suite.core.findings import Finding

NAME = "manifest.json"
SCHEMA = "sandbox-suite/manifest/1"


def of(files: Mapping[str, bytes], **about: Any) -> dict[str, Any]:
    """Return the manifest of files given by name."""
    held = {name: {"sha256": digest(data), "bytes": len(data)} for name, data in sorted(files.items())}
    return {"schema": SCHEMA, **about, "files": held}


def write(folder: Path, files: Iterable[Path], **about: Any) -> Path:
    """Write the manifest of files in `folder`; return where it is."""
    held = {
        path.relative_to(folder).as_posix(): {"sha256": file_digest(path), "bytes": path.stat().st_size}
        for path in sorted(files)
    }
    write_json(folder / NAME, {"schema": SCHEMA, **about, "files": held})
    return folder / NAME


def check(folder: Path) -> list[Finding]:
    """Return what in `folder` is not as its manifest says; nothing where there is no manifest (an older report)."""
    file = folder / NAME
    if not file.exists():
        return []
    return [
        finding
        for name, said in _files(file).items()
        for finding in _differs(folder / name, name, str(said.get("sha256")))
    ]


def _files(file: Path) -> Mapping[str, Any]:
    try:
        files = read_json(file)["files"]
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            raise ValueError("a name leads out of the folder")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{file} is no manifest: {error}", remedy="render the report again") from error
    return dict(files)


def _differs(path: Path, name: str, said: str) -> list[Finding]:
    if not path.is_file():
        return [Finding("error", "is missing", name, "report-file-missing")]
    if file_digest(path) != said:
        return [Finding("error", "was changed after it was written", name, "report-file-changed")]
    return []
