"""The masking policy as its file spells it. What its parts say of each other, `policy_mistakes` looks at."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sandbox_suite.datasets.masks import Mode

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
    paths: Annotated[dict[str, RuleDocument], Field(min_length=1)] | None = None

    @property
    def options(self) -> set[str]:
        """The options that the rule sets beside its mask."""
        return self.model_fields_set - {"keep", "mask", "ref", "mode", "match"}


class PartDocument(RuleDocument):
    """A part of a template: its rule, and a regex of what it is in the text where the default does not do."""

    match: str | None = None


class TemplateDocument(Closed):
    """A mask made of masks: `text` with `{part}` in it, and a rule for each part."""

    text: str = Field(min_length=1, max_length=500)
    parts: dict[Name, PartDocument] = Field(min_length=1)


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
    templates: dict[Name, TemplateDocument] = {}
    tables: dict[Name, TableDocument] = Field(min_length=1)
    exceptions: list[ExceptionDocument] = []
    owners: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]] = []  # who is told when the gate blocks
