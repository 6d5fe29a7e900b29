"""The masking policy as its file spells it, and the mistakes a file can hold by itself."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sandbox_suite.core.documents import Path_
from sandbox_suite.datasets.masks import KINDS, Mode

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Reason = Annotated[str, Field(min_length=3, max_length=300)]
# A regex that lets one of these through constrains nothing that matters.
PROBES = ("anna@mail.example", "Anna Schmidt", "anna schmidt", "王伟", "+49 151 23456789", "12 High Street, Leeds")
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
    mask: Annotated[str | None, BeforeValidator(lambda value: "null" if value is None else value)] = None
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
    owners: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]] = []  # who is told when the gate blocks


def mistakes(document: PolicyDocument) -> Iterator[tuple[Path_, str]]:
    """Yield the mistakes that show only when the parts of a policy are seen together."""
    for name, domain in document.domains.items():
        if name not in KINDS or not KINDS[name].modes:
            yield ("domains", name), f"no mask of this name has modes: {', '.join(_with_modes())} have"
        elif domain.mode not in KINDS[name].modes:
            yield ("domains", name, "mode"), _no_mode(name, domain.mode)
    for table, tables in document.tables.items():
        for column, rule in tables.columns.items():
            where = ("tables", table, "columns", column)
            yield from ((where, said) for said in _rule_mistakes(document, table, rule))
    for number, item in enumerate(document.exceptions):
        table, _, column = item.column.partition(".")
        if table not in document.tables or column not in document.tables[table].columns:
            yield ("exceptions", number), f"no rule for `{item.column}`"


def _rule_mistakes(document: PolicyDocument, table: str, rule: RuleDocument) -> Iterator[str]:
    if rule.mask is None:
        return
    modes = KINDS[rule.mask].modes
    said = rule.mode or (document.domains[rule.mask].mode if rule.mask in document.domains else None)
    if modes and said not in modes:
        yield _no_mode(rule.mask, said)
    if rule.mode and not modes:
        yield f"mask `{rule.mask}` has no modes"
    if rule.ref:
        aim = _aim(document, table, rule.ref)
        if aim is None or aim.mask != rule.mask:
            yield f"`ref`: `{rule.ref}` has no rule with the same mask, so the two columns would not join"
    for name in rule.names_from or []:
        yield from _name_mistakes(document, table, rule, name)


def _name_mistakes(document: PolicyDocument, table: str, rule: RuleDocument, name: str) -> Iterator[str]:
    """A name in free text joins with its column only where both are masked by the same locale."""
    aim = _aim(document, table, name)
    if aim is None or aim.mask != "name":
        yield f"`names_from`: `{name}` has no rule with mask `name`"
        return
    owner = name.rpartition(".")[0] or table
    if _qualified(aim.locale, owner) != _qualified(rule.locale, table):
        yield f"`names_from`: `{name}` is masked by `{aim.locale or 'no locale'}`: give `locale` the same column"


def _aim(document: PolicyDocument, table: str, name: str) -> RuleDocument | None:
    owner, _, column = name.rpartition(".")
    tables = document.tables.get(owner or table)
    return tables.columns.get(column) if tables else None


def _qualified(column: str | None, table: str) -> str | None:
    return column if column is None or "." in column else f"{table}.{column}"


def _no_mode(kind: str, said: str | None) -> str:
    only = KINDS[kind].modes[0]
    if said is not None:
        return f"mask `{kind}` has no mode `{said}`: only {only}"
    why = "needs a mode: " if only == "tagged" else "has no tagged form: "
    return f"mask `{kind}` {why}say `domains: {{{kind}: {{mode: {only}}}}}`"


def _with_modes() -> list[str]:
    return [name for name, kind in KINDS.items() if kind.modes]
