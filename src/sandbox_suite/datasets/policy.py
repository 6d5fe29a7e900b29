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
from sandbox_suite.datasets import coverage
from sandbox_suite.datasets.masks import KINDS
from sandbox_suite.datasets.policy_document import (
    ExceptionDocument,
    KeyDocument,
    PolicyDocument,
    RowsDocument,
    RuleDocument,
    mistakes,
)
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
        if said.keep is not None:
            return Rule(table, column, "keep", said.keep.model_dump(mode="json", exclude_none=True))
        kind = said.mask or ""
        options = said.model_dump(mode="json", exclude_none=True, exclude={"mask", "keep"})
        if KINDS[kind].modes:
            options["mode"] = said.mode or self.document.domains[kind].mode
            options["domain"] = kind
        if "on_unknown" in KINDS[kind].options:
            options.setdefault("on_unknown", "block")
        return Rule(table, column, kind, options)


def load(path: Path) -> Policy:
    """Return the policy at `path`; RequestError names every mistake with its line."""
    document = documents.load(path, PolicyDocument, "masking policy")
    found = [
        f"{documents.place(path, where)}: {'.'.join(map(str, where))}: {said}" for where, said in mistakes(document)
    ]
    if found:
        raise RequestError("\n".join(found), remedy=f"correct the masking policy {path.name}")
    return Policy(document)
