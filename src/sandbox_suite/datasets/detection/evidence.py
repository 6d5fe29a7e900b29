"""What speaks for a column holding personal data. Shares, counts and rules; never a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

How = Literal[
    "shape",  # how values are written
    "check-digit",  # more values are valid than chance would make
    "numbering-plan",  # the same, for telephone numbers
    "words",  # lists of names, street words
    "structure",  # how words and numbers follow each other, and how often they come back
    "spread",  # over which years, octets, ... values are spread
    "name",  # the column is called so
    "comment",  # its comment says so
    "foreign-key",  # it refers to a column that is known
    "same-row",  # it repeats another column of its row
]
KINDS = (
    *("email", "name", "phone", "card", "iban", "national_id", "address", "date_of_birth"),
    *("ip", "mac", "free_text", "json", "secret"),
)


@dataclass(frozen=True)
class Evidence:
    """One rule that spoke for one kind."""

    kind: str  # one of KINDS
    how: How
    rule: str  # in words, such as `check digit of PESEL`
    hits: int  # values (of the whole column) that the rule speaks of
    of: int  # values that are not NULL
    note: str = ""  # further counts
    inside: bool = False  # found inside longer values, not as the whole value
    strong: bool = True  # enough by itself

    @property
    def share(self) -> float:
        """Return the share of values, 0 to 1."""
        return self.hits / self.of if self.of else 0.0

    @property
    def by_value(self) -> bool:
        """Say whether values spoke, not the column's name, comment or keys."""
        return self.how not in ("name", "comment", "foreign-key")

    def as_dict(self) -> dict[str, Any]:
        """Return the evidence as JSON shows it."""
        return {**asdict(self), "share": round(self.share, 4)}

    def __str__(self) -> str:
        where = "inside" if self.inside else "in"
        counted = f", {where} {self.hits} of {self.of} values" if self.by_value else ""
        return f"{self.kind} by {self.how}: {self.rule}{counted}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Label:
    """What a column is taken for. `kind` is empty where nothing was found."""

    kind: str
    sure: bool  # enough to propose a mask; else a person decides
    evidence: tuple[Evidence, ...] = ()
    rows: int = 0  # values, NULL included
    distinct: int = 0  # different values; of a large column: at least so many
    type: str = ""  # as Arrow spells it
    form: str = ""  # of harmless columns: `counter`, `uuid`, `country`, `locale`

    @property
    def inner(self) -> tuple[str, ...]:
        """Return the kinds found inside longer values."""
        return tuple(sorted({item.kind for item in self.evidence if item.inside}))

    def as_dict(self) -> dict[str, Any]:
        """Return the label as JSON shows it."""
        return {
            "kind": self.kind,
            "sure": self.sure,
            "rows": self.rows,
            "distinct": self.distinct,
            "type": self.type,
            "form": self.form,
            "inside": list(self.inner),
            "evidence": [item.as_dict() for item in self.evidence],
        }
