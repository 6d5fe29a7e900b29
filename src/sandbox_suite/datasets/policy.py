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
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest
from sandbox_suite.core.findings import Finding
from sandbox_suite.datasets.masks import COLUMN_OPTIONS, KINDS, Mode
from sandbox_suite.datasets.sources import Column

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Reason = Annotated[str, Field(min_length=3, max_length=300)]
# A regex that lets one of these through constrains nothing that matters.
PROBES = ("anna@mail.example", "Anna Schmidt", "anna schmidt", "王伟", "+49 151 23456789", "12 High Street, Leeds")
KEEP_TYPES = {
    "int64": "int64",
    "bool": "bool",
    "date": "date32[day]",
    "timestamp": "timestamp[us]",
    "float64": "double",
    "text": "string",
    "uuid": "string",
}
NARROW = ("bool", "uuid")  # types that hold no personal data by themselves
Bound = int | float | datetime.date | datetime.datetime


class Closed(BaseModel):
    """A part of the policy: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Keep(Closed):
    """Why a column may stay as it is, and what its values are held to."""

    type: Literal["int64", "bool", "date", "timestamp", "float64", "text", "uuid"] | None = None
    pk: bool = False
    fk: bool = False
    enum: Annotated[list[str | int | bool], Field(min_length=1, max_length=1000)] | None = None
    range: Annotated[list[Bound], Field(min_length=2, max_length=2)] | None = None
    regex: str | None = None
    why: Reason

    @model_validator(mode="after")
    def _constrained(self) -> Keep:
        key = (self.pk or self.fk) and self.type in ("int64", "uuid")
        ways = [self.enum is not None, self.range is not None, self.regex is not None, key or self.type in NARROW]
        if not any(ways):
            raise ValueError("`keep` without a constraint: give `enum`, `range`, `regex`, or a key with its `type`")
        if self.regex is not None:
            _narrow(self.regex)
        if self.range is not None and not self.range[0] <= self.range[1]:  # type: ignore[operator]
            raise ValueError("`range`: the first bound is above the second")
        return self


def _narrow(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`regex` is not one: {error}") from error
    wide = [probe for probe in PROBES if compiled.fullmatch(probe)]
    if wide:
        raise ValueError(f"`regex` constrains nothing: it lets {wide[0]!r} through")


class RuleDocument(Closed):
    """What happens to a column: `keep`, or `mask` with the options of its kind."""

    keep: Keep | None = None
    mask: str | None = None
    mode: Mode | None = None
    ref: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")] | None = None
    locale: str | None = None
    country: str | None = None
    person: str | None = None
    names_from: list[str] | None = None
    on_unknown: Literal["block", "drop"] | None = None
    value: str | int | float | bool | datetime.date | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> RuleDocument:
        mistakes = list(self._mistakes())
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _mistakes(self) -> Iterator[str]:
        given = self.model_fields_set - {"keep", "mask", "ref", "mode"}
        if (self.keep is None) == (self.mask is None):
            yield "either `keep` or `mask` is needed, not both"
        elif self.mask is None:
            for option in sorted(self.model_fields_set - {"keep"}):
                yield f"`{option}` belongs to `mask`, not to `keep`"
        elif self.mask not in KINDS:
            yield f"unknown mask `{self.mask}`: one of {', '.join(KINDS)} is possible"
        else:
            kind = KINDS[self.mask]
            for option in sorted(given - kind.options):
                yield f"`{option}` does not belong to mask `{self.mask}`"
            for option in sorted(kind.required - given):
                yield f"mask `{self.mask}` needs `{option}`"


class DomainDocument(Closed):
    """How all columns of a kind are masked. Values of one kind share a key, so that they join."""

    mode: Mode
    keep: Literal["prefix"] | None = None  # of a phone number: says that its prefix stays


class RowsDocument(Closed):
    """How many rows a masked table must have."""

    min: int = Field(default=0, ge=0)
    max_drop: int = Field(default=0, ge=0)


class TableDocument(Closed):
    """The rules of a table."""

    rows: RowsDocument = RowsDocument()
    columns: dict[Name, RuleDocument] = Field(min_length=1)


class KeyDocument(Closed):
    """Where the key is: a reference, never the key."""

    ref: str = Field(pattern=r"^secret://sandbox/[a-z][a-z0-9-]{0,62}$")
    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")


class ExceptionDocument(Closed):
    """A finding that an owner accepts until a day; afterwards it blocks again."""

    column: str = Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")
    finding: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    until: datetime.date
    why: Reason


class PolicyDocument(Closed):
    """The whole policy file."""

    policy: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: int = Field(ge=1)
    key: KeyDocument
    default: Literal["deny"]
    domains: dict[str, DomainDocument] = {}
    tables: dict[Name, TableDocument] = Field(min_length=1)
    exceptions: list[ExceptionDocument] = []


@dataclass(frozen=True)
class Rule:
    """A column's rule with every default filled in."""

    table: str
    column: str
    kind: str  # `keep`, or a kind of mask
    options: Mapping[str, Any]

    def canonical(self) -> dict[str, Any]:
        """Return the rule as JSON: what the quarantine records and the gate recomputes with."""
        if self.kind == "keep":
            return {"keep": dict(self.options)}
        return {"mask": self.kind, **self.options}


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
        """`sha256:<hex>` of the canonical policy: what decides, not its comments."""
        return digest(canonical(self.document.model_dump(mode="json", exclude_none=True)))

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

    def covers(self, schema: Mapping[str, Mapping[str, Column]]) -> list[Finding]:
        """Return what keeps the policy from fitting a schema: unlabelled or missing tables and columns, wrong types."""
        return list(_table_findings(self, schema)) + [
            finding
            for table in self.document.tables
            if table in schema
            for finding in _column_findings(self, table, schema)
        ]

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
    mistakes = [
        f"{documents.place(path, where)}: {'.'.join(map(str, where))}: {said}" for where, said in _cross(document)
    ]
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy=f"correct the masking policy {path.name}")
    return Policy(document)


def _cross(document: PolicyDocument) -> Iterator[tuple[documents.Path_, str]]:
    """Yield the mistakes that show only when the parts of a policy are seen together."""
    for name, domain in document.domains.items():
        if name not in KINDS or not KINDS[name].modes:
            yield ("domains", name), f"no mask of this name has modes: {', '.join(_with_modes())} have"
        elif domain.mode not in KINDS[name].modes:
            yield ("domains", name, "mode"), _no_mode(name, domain.mode)
    for table, tables in document.tables.items():
        for column, rule in tables.columns.items():
            where = ("tables", table, "columns", column)
            yield from ((where, said) for said in _rule_mistakes(document, rule))
    for number, item in enumerate(document.exceptions):
        table, _, column = item.column.partition(".")
        if table not in document.tables or column not in document.tables[table].columns:
            yield ("exceptions", number), f"no rule for `{item.column}`"


def _rule_mistakes(document: PolicyDocument, rule: RuleDocument) -> Iterator[str]:
    if rule.mask is None:
        return
    modes = KINDS[rule.mask].modes
    said = rule.mode or (document.domains[rule.mask].mode if rule.mask in document.domains else None)
    if modes and (said or "tagged") not in modes:
        yield _no_mode(rule.mask, said)
    if modes and said is None and "tagged" in modes:
        yield f"say `domains: {{{rule.mask}: {{mode: tagged}}}}`"
    if rule.mode and not modes:
        yield f"mask `{rule.mask}` has no modes"
    if rule.ref:
        table, _, column = rule.ref.partition(".")
        aim = document.tables[table].columns.get(column) if table in document.tables else None
        if aim is None or aim.mask != rule.mask:
            yield f"`ref`: `{rule.ref}` has no rule with the same mask, so the two columns would not join"


def _no_mode(kind: str, said: str | None) -> str:
    only = KINDS[kind].modes[0]
    if said is None:
        return f"mask `{kind}` has no tagged form: say `domains: {{{kind}: {{mode: {only}}}}}`"
    return f"mask `{kind}` has no mode `{said}`: only {only}"


def _with_modes() -> list[str]:
    return [name for name, kind in KINDS.items() if kind.modes]


def _table_findings(policy: Policy, schema: Mapping[str, Mapping[str, Column]]) -> Iterator[Finding]:
    for table in schema.keys() - policy.document.tables.keys():
        yield Finding("error", "the policy says nothing of this table", table, "policy-table-unlabelled")
    for table in policy.document.tables.keys() - schema.keys():
        yield Finding("error", "the policy has rules for a table that is not there", table, "policy-table-missing")


def _column_findings(policy: Policy, table: str, schema: Mapping[str, Mapping[str, Column]]) -> Iterator[Finding]:
    rules, columns = policy.rules(table), schema[table]
    for column in columns:
        if column not in rules:
            said = "no rule and no `keep`: denied"
            yield Finding("error", said, f"{table}.{column}", "policy-column-unlabelled")
    for column, rule in rules.items():
        place = f"{table}.{column}"
        if column not in columns:
            yield Finding("error", "a rule for a column that is not there", place, "policy-column-missing")
            continue
        yield from _type_findings(rule, columns[column], place)
        for option, name in _named_columns(rule):
            owner, _, bare = name.rpartition(".")
            if bare not in schema.get(owner or table, {}):
                yield Finding("error", f"`{option}`: no column `{name}`", place, "policy-option-column")


def _type_findings(rule: Rule, column: Column, place: str) -> Iterator[Finding]:
    if rule.kind == "keep":
        wanted = KEEP_TYPES.get(rule.options.get("type", ""))
        if wanted and wanted != column.type:
            yield Finding("error", f"is {column.type}, the policy says {rule.options['type']}", place, "policy-type")
        if "regex" in rule.options and column.type != "string":
            yield Finding("error", f"`regex` constrains text, this is {column.type}", place, "policy-type")
    elif column.type not in KINDS[rule.kind].types:
        yield Finding("error", f"mask `{rule.kind}` takes no {column.type}", place, "policy-type")
    elif rule.kind == "null" and not column.nullable:
        yield Finding("error", "mask `null` on a column that may not be NULL", place, "policy-null")


def _named_columns(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.kind == "keep":
        return
    for option in COLUMN_OPTIONS:
        if option in rule.options:
            yield option, rule.options[option]
    for name in rule.options.get("names_from", []):
        yield "names_from", name
