"""The periodic field audit: every field of every stored version, as detection sees it, against every policy.

A finding is acknowledged in a file, with owner, reason and last day; what is not acknowledged is new. Where nothing
changed, the report says the same again, but for its time.

acknowledged:
  - {dataset: shop, column: orders.sku, finding: field-kept-card, owner: data, until: 2027-01-31, reason: "IMEI"}
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sandbox_suite.core import documents
from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import field_findings, field_page, field_versions
from sandbox_suite.datasets import policy as policies
from sandbox_suite.datasets.field_findings import Seen
from sandbox_suite.datasets.field_versions import Version
from sandbox_suite.datasets.policy import Policy
from sandbox_suite.datasets.store import Store

FILE = "field_audit.yaml"  # in the folder of the settings


class Acknowledgement(BaseModel):
    """A finding that its owner has looked at. After its last day it is new again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(min_length=1)  # or the name of the policy, where the finding is about a policy
    column: str = Field(min_length=1)  # the finding's place: table.column, a table, a file
    finding: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    until: datetime.date
    reason: str = Field(min_length=3, max_length=300)


class Acknowledged(BaseModel):
    """The file of acknowledged findings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    acknowledged: list[Acknowledgement] = []


@dataclass(frozen=True)
class Entry:
    """One finding, in whatever versions it turned up."""

    dataset: str
    finding: Finding
    versions: tuple[str, ...]
    acknowledgement: Acknowledgement | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what an acknowledgement names: dataset, place, id."""
        return self.dataset, self.finding.place, self.finding.id

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as JSON."""
        said = self.acknowledgement.model_dump(mode="json") if self.acknowledgement else None
        return {
            "dataset": self.dataset,
            **self.finding.as_dict(),
            "versions": list(self.versions),
            "acknowledgement": said,
        }


@dataclass(frozen=True)
class Report:
    """What a field audit found."""

    at: str  # ISO 8601, UTC
    versions: tuple[str, ...]  # that were looked at: state:name@version
    policies: tuple[str, ...]  # files
    entries: tuple[Entry, ...]
    fields: tuple[dict[str, Any], ...]  # of every dataset: what detection takes each for, what policies do with it
    notes: tuple[str, ...]

    @property
    def new(self) -> list[Entry]:
        """Return what nobody has acknowledged."""
        return [item for item in self.entries if item.acknowledgement is None]

    @property
    def acknowledged(self) -> list[Entry]:
        """Return what somebody has."""
        return [item for item in self.entries if item.acknowledgement is not None]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "at": self.at,
            "new": [item.as_dict() for item in self.new],
            "acknowledged": [item.as_dict() for item in self.acknowledged],
            "notes": list(self.notes),
            "versions": list(self.versions),
            "policies": list(self.policies),
            "fields": list(self.fields),
        }


def run(settings: Settings, file: Path, now: datetime.datetime, say: Say) -> Report:
    """Look at everything that is stored; RequestError where the file of acknowledgements is none."""
    said = documents.load(file, Acknowledged, "field audit") if file.exists() else Acknowledged()
    loaded, found = _policies(settings.config / "masking", now.date())
    root = settings.home / "datasets"
    versions: Sequence[Version] = ()
    if (root / "ref").is_dir():
        with Store(root).using():
            versions = field_versions.all_of(Store(root), settings.cache / "field-labels", say)
    found += [item for version in versions for item in field_findings.of(version, list(loaded.values()), now.date())]
    entries = tuple(_judged(entry, said, now.date()) for entry in _merged(found))
    return Report(
        iso(now),
        tuple(version.name for version in versions),
        tuple(sorted(loaded)),
        entries,
        tuple(field_findings.fields(versions, list(loaded.values()))),
        tuple(_stale(said, entries)),
    )


def write(report: Report, place: Path) -> list[Path]:
    """Write `place`.json and `place`.md."""
    page, machine = place.with_name(f"{place.name}.md"), place.with_name(f"{place.name}.json")
    write_json(machine, report.as_dict())
    write_atomic(page, "".join(f"{line}\n" for line in field_page.lines(report.as_dict())).encode())
    return [machine, page]


def _policies(folder: Path, today: datetime.date) -> tuple[dict[str, Policy], list[Seen]]:
    """Return {file: policy} of those that load, and what is wrong with the files."""
    loaded: dict[str, Policy] = {}
    found: list[Seen] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            loaded[path.name] = policies.load(path)
        except RequestError as error:
            said = f"cannot be loaded: {len(error.explanation.what.splitlines())} mistakes"
            found.append(Seen(path.stem, "", Finding("error", said, path.name, "policy-broken")))
            continue
        found += field_findings.of_policy(loaded[path.name], today)
    return loaded, found


def _merged(found: Iterable[Seen]) -> list[Entry]:
    """Return one entry per dataset, place and id, in a fixed order."""
    merged: dict[tuple[str, str, str], Entry] = {}
    for item in found:
        key = (item.dataset, item.finding.place, item.finding.id)
        before = merged.get(key)
        versions = {*(before.versions if before else ()), *([item.version] if item.version else [])}
        merged[key] = Entry(item.dataset, item.finding, tuple(sorted(versions)))
    return [merged[key] for key in sorted(merged)]


def _judged(entry: Entry, said: Acknowledged, today: datetime.date) -> Entry:
    for item in said.acknowledged:
        if (item.dataset, item.column, item.finding) == entry.key and today <= item.until:
            return Entry(entry.dataset, entry.finding, entry.versions, item)
    return entry


def _stale(said: Acknowledged, entries: tuple[Entry, ...]) -> Iterable[str]:
    keys = {entry.key for entry in entries}
    held = {entry.key for entry in entries if entry.acknowledgement}
    for item in said.acknowledged:
        key = (item.dataset, item.column, item.finding)
        if key not in keys:
            yield f"nothing to acknowledge any more: {item.finding} of {item.dataset} {item.column}"
        elif key not in held:
            yield f"acknowledged until {item.until}, which has passed: {item.finding} of {item.dataset} {item.column}"
