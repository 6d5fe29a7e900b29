"""A finding: something a look turned up, with a stable id, so that exceptions and reports can name it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing found. `place` is a file and line, a column or a resource; `id` stays the same between releases."""

    severity: Severity
    message: str
    place: str
    id: str

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON shows it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.severity}: {self.place}: {self.message} [{self.id}]"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that stop the work."""
    return [finding for finding in findings if finding.severity == "error"]
