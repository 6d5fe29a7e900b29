"""The masking policy: every column has a rule or a constrained `keep`; what has neither is denied.

policy: customers-qa
version: 3
key: {ref: "secret://sandbox/mask", id: k2026-11}
default: deny
domains: {email: {mode: tagged}, phone: {mode: realistic}}
tables:
  customers:
    columns:
      status: {keep: {enum: [active, closed], why: "says nothing of a person"}}
      email: {mask: email}
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest
from sandbox_suite.core.findings import Finding
from sandbox_suite.datasets import coverage, policy_canonical, policy_partial
from sandbox_suite.datasets.policy_document import (
    ExceptionDocument,
    KeyDocument,
    PolicyDocument,
    RowsDocument,
    RuleDocument,
)
from sandbox_suite.datasets.policy_mistakes import Looked
from sandbox_suite.datasets.policy_rule import Rule

__all__ = ["Policy", "Rule", "load"]


@dataclass(frozen=True)
class Policy:
    """A policy whose every rule makes sense by itself. Whether it fits a data set, `covers` says."""

    document: PolicyDocument

    @property
    def name(self) -> str:
        """The name of the policy."""
        return self.document.policy

    @property
    def version(self) -> int:
        """The version its author gave it."""
        return self.document.version

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the canonical policy: what decides, not its comments or owners."""
        return digest(canonical(self.document.model_dump(mode="json", exclude_none=True, exclude={"owners"})))

    @property
    def key(self) -> KeyDocument:
        """The reference to the key and its id."""
        return self.document.key

    @property
    def rows(self) -> Mapping[str, RowsDocument]:
        """Return {table: how many rows it must have}."""
        return {name: table.rows for name, table in self.document.tables.items()}

    def rules(self, table: str) -> dict[str, Rule]:
        """Return {column: Rule} of a table; empty where the policy does not know the table."""
        found = self.document.tables.get(table)
        return {name: self._rule(table, name, rule) for name, rule in found.columns.items()} if found else {}

    def exceptions(self, today: datetime.date) -> list[ExceptionDocument]:
        """Return the exceptions that still hold on `today` (their last day included)."""
        return [item for item in self.document.exceptions if today <= item.until]

    def covers(self, schema: coverage.Schema) -> list[Finding]:
        """Return what keeps the policy from fitting a schema: unlabelled or missing tables and columns, wrong types."""
        return coverage.findings({table: self.rules(table) for table in self.document.tables}, schema)

    def _rule(self, table: str, column: str, said: RuleDocument) -> Rule:
        options = policy_canonical.rule(Looked(self.document), said)
        if "keep" in options:
            return Rule(table, column, "keep", options["keep"])
        return Rule(table, column, options.pop("mask"), options)


def load(path: Path) -> Policy:
    """Return the policy at `path`; RequestError names every mistake with its line."""
    found, document = documents.check(path, PolicyDocument)
    read = not any(item.id in ("document-syntax", "document-unreadable") for item in found)
    looked = Looked(document) if document else policy_partial.partial(path) if read else None
    said = [f"{item.place}: {item.message}" for item in found]
    if looked:
        said += [f"{documents.place(path, where)}: {_spelled(where)}: {what}" for where, what in looked.mistakes()]
    if said or document is None:
        raise RequestError("\n".join(sorted(said, key=_line)), remedy=f"correct the masking policy {path.name}")
    return Policy(document)


def _spelled(where: documents.Path_) -> str:
    return ".".join(map(str, where))


def _line(said: str) -> int:
    number = said.split(":")[1] if said.count(":") > 1 else ""
    return int(number) if number.isdigit() else 0
