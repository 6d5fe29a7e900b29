"""What verification found: checks, and the rows of the plugin's security checklist they prove."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["passed", "failed", "error", "skipped"]
RowState = Literal["proved", "not applicable", "failed"]

# The rows that a verification must speak of; the numbers are the host platform's.
ROWS = {
    "S-01": "The plugin reaches only its own directory",
    "S-02": "No network but the sandbox's own",
    "S-04": "A database role of its own, confined to its schema, with a random password",
    "S-11": "The package's signature was verified; what runs is what was signed",
    "S-14": "The plugin cannot start further processes",
    "S-15": "The plugin answers /healthz",
}


@dataclass(frozen=True)
class Check:
    """One check. `row` is the checklist row it belongs to, empty where it proves the sandbox alone."""

    name: str
    row: str
    outcome: Outcome  # skipped: does not apply here, and `message` says why
    seconds: float
    message: str = ""


@dataclass(frozen=True)
class Verification:
    """Every check of a sandbox, and the state of each row."""

    checks: tuple[Check, ...]
    rows: Mapping[str, RowState]

    @property
    def complete(self) -> bool:
        """Tell whether every check could be made, and every row has one."""
        made = bool(self.checks) and all(check.outcome != "error" for check in self.checks)
        return made and self.rows.keys() >= ROWS.keys()

    @property
    def failed(self) -> tuple[str, ...]:
        """Return what failed, a line each: what the verdict names."""
        return tuple(
            f"{f'{check.row} ' if check.row else ''}{check.name}: {(check.message.splitlines() or [check.outcome])[0]}"
            for check in self.checks
            if check.outcome in ("failed", "error")
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what verification.json holds."""
        return {"checks": [asdict(check) for check in self.checks], "rows": dict(self.rows)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Verification":
        """Read verification.json back."""
        return cls(tuple(Check(**check) for check in value["checks"]), dict(value["rows"]))


def of(checks: Sequence[Check]) -> Verification:
    """Return the verification made of `checks`: a row is proved when one of its checks passed and none failed."""
    names = sorted({check.row for check in checks if check.row})
    return Verification(tuple(checks), {name: _state([c for c in checks if c.row == name]) for name in names})


def _state(checks: Sequence[Check]) -> RowState:
    outcomes = {check.outcome for check in checks}
    if outcomes & {"failed", "error"}:
        return "failed"
    return "proved" if "passed" in outcomes else "not applicable"
