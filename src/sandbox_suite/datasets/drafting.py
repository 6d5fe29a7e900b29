"""A policy proposed from detection: a rule where the values leave no doubt, everything else denied with what was seen.

What is denied stands in the draft as a comment, so that loading it and asking what it covers names the column again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox_suite.datasets.detection import Label, Labels
from sandbox_suite.datasets.masks import KINDS
from sandbox_suite.datasets.sources import Column, Source, Table

MASKS = {"date_of_birth": "date"}  # kinds of data whose mask is called otherwise
RESERVED = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)  # YAML takes them for something else
CODES = {"country": "[A-Za-z]{2}", "locale": "[a-z]{2}[_-][A-Z]{2}"}  # forms that masks of other columns go by
FEW = 20  # different values up to which an `enum` is worth a thought
SHOWN = 3  # rules that a comment tells of


@dataclass(frozen=True)
class Proposal:
    """What a draft says of one column."""

    table: str
    column: str
    rule: str  # YAML in flow style; empty: denied
    why: tuple[str, ...]  # for the comment above it

    @property
    def place(self) -> str:
        """Return `table.column`."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Draft:
    """A proposed policy."""

    dataset: str
    text: str  # the file
    proposals: tuple[Proposal, ...]

    @property
    def denied(self) -> list[Proposal]:
        """Return the columns that a person has to decide."""
        return [item for item in self.proposals if not item.rule]

    def as_dict(self) -> dict[str, Any]:
        """Return the draft as JSON: the file, and which columns it denies."""
        return {"dataset": self.dataset, "policy": self.text, "denied": [item.place for item in self.denied]}

    @property
    def loadable(self) -> bool:
        """Say whether the draft has a rule at all: a policy without any is none."""
        return any(item.rule for item in self.proposals)


def draft(source: Source, labels: Labels) -> Draft:
    """Return the policy that `labels` (of `source`) suggest."""
    schema = source.schema()
    proposals = tuple(
        item for name, table in source.tables.items() for item in _Table(table, schema[name], labels).proposals()
    )
    return Draft(f"{source.name}@{source.version}", "".join(_file(source, proposals)), proposals)


@dataclass(frozen=True)
class _Table:
    """A table with what detection says of the whole data set."""

    table: Table
    schema: Mapping[str, Column]
    labels: Labels

    def proposals(self) -> Iterator[Proposal]:
        for column, spec in self.schema.items():
            label = self.labels[self.table.name][column]
            rule, doubt = self._rule(column, spec, label)
            seen = [str(item) for item in label.evidence[:SHOWN]]
            yield Proposal(self.table.name, column, rule, tuple(seen + ([doubt] if doubt else [])))

    def _rule(self, column: str, spec: Column, label: Label) -> tuple[str, str]:
        """Return (rule, why there is none)."""
        if not label.kind:
            return self._harmless(column, spec, label)
        mask = MASKS.get(label.kind, label.kind)
        if not label.sure:
            return "", f"may be {label.kind}: look at it, then `{{mask: {mask}}}`, or say why it may be kept"
        if label.kind == "secret":
            return self._secret(spec)
        return self._masked(mask, column, spec, label)

    def _secret(self, spec: Column) -> tuple[str, str]:
        if spec.nullable:
            return '{mask: "null"}', ""
        return ('{mask: constant, value: "removed"}', "") if spec.type == "string" else ("", "secret, not text")

    def _masked(self, mask: str, column: str, spec: Column, label: Label) -> tuple[str, str]:
        kind = KINDS.get(mask)
        if kind is None or mask == "json":
            return "", f"{label.kind}: needs a rule for each of its fields, or `{{mask: drop}}`"
        if kind.types and spec.type not in kind.types:
            return "", f"mask `{mask}` takes no {spec.type}: import the column as {' or '.join(kind.types)}"
        if mask in ("name", "address") and column in self.table.primary_key:
            return "", f"mask `{mask}` is not one-to-one, and this is a key"
        known = kind.options | {"ref"}
        options = {"mask": mask} | {name: found for name, found in self._options(mask, column).items() if name in known}
        missing = sorted(kind.required - options.keys())
        if missing:
            return "", f"mask `{mask}` needs `{missing[0]}`, and no column was found for it"
        return _flow(options), ""

    def _options(self, mask: str, column: str) -> dict[str, str | list[str]]:
        found: dict[str, str | list[str]] = {}
        for option in ("locale", "country"):
            near = self._formed(option)
            if near:
                found[option] = near
        person = self._person()
        if person:
            found["person"] = person
        names = self._names()
        if mask == "free_text" and names:
            found["names_from"] = names
            found["locale"] = self._locale_of(names[0])
        target = self.table.foreign_keys.get(column)
        if (
            target
            and self._label(target).sure
            and MASKS.get(self._label(target).kind, self._label(target).kind) == mask
        ):
            found["ref"] = target
        return found

    def _formed(self, form: str) -> str:
        """Return the column that says each row's country or locale, of this table or of one that it refers to."""
        for name in self.schema:
            if self._label(f"{self.table.name}.{name}").form == form:
                return name
        for target in self.table.foreign_keys.values():
            other = target.partition(".")[0]
            for name, label in self.labels.get(other, {}).items():
                if label.form == form:
                    return f"{other}.{name}"
        return ""

    def _person(self) -> str:
        """Return the column that tells people apart: the key of a table of people, else a key that leads to one."""
        if len(self.table.primary_key) == 1 and _people(self.labels[self.table.name]):
            return self.table.primary_key[0]
        for column, target in self.table.foreign_keys.items():
            if _people(self.labels.get(target.partition(".")[0], {})):
                return column
        return ""

    def _names(self) -> list[str]:
        own = [name for name, label in self.labels[self.table.name].items() if label.kind == "name" and label.sure]
        if own:
            return own
        for target in self.table.foreign_keys.values():
            other = target.partition(".")[0]
            found = [name for name, label in self.labels.get(other, {}).items() if label.kind == "name" and label.sure]
            if found:
                return [f"{other}.{name}" for name in found]
        return []

    def _locale_of(self, name: str) -> str:
        """Return the locale that a name's column is masked by, so that names in free text join with it."""
        other = name.rpartition(".")[0] or self.table.name
        found = next((column for column, label in self.labels[other].items() if label.form == "locale"), "")
        return f"{other}.{found}" if found and other != self.table.name else found

    def _label(self, place: str) -> Label:
        table, _, column = place.partition(".")
        return self.labels.get(table, {}).get(column, Label("", False))

    def _harmless(self, column: str, spec: Column, label: Label) -> tuple[str, str]:
        if spec.type == "bool":
            return '{keep: {type: bool, why: "yes or no, proposed by detection"}}', ""
        if label.form in CODES and spec.type == "string":
            return f'{{keep: {{regex: "{CODES[label.form]}", why: "code of a {label.form}, which masks go by"}}}}', ""
        role = "pk" if self.table.primary_key == (column,) else "fk" if column in self.table.foreign_keys else ""
        form = label.form if role == "pk" else self._label(self.table.foreign_keys.get(column, "")).form
        kind = {"counter": "int64", "uuid": "uuid"}.get(form if label.form == form else "", "")
        if role and kind and spec.type == {"int64": "int64", "uuid": "string"}[kind]:
            why = "numbers of a counter" if kind == "int64" else "random numbers"
            return f'{{keep: {{type: {kind}, {role}: true, why: "surrogate key: {why}"}}}}', ""
        return "", _thought(label, spec)


def _people(labels: Mapping[str, Label]) -> bool:
    return any(label.kind in ("name", "email", "national_id", "phone") for label in labels.values())


def _thought(label: Label, spec: Column) -> str:
    """Say what was seen of a harmless column, without a value."""
    if not label.distinct:
        return f"nothing to look at: no value in {label.rows} rows"
    more = "at least " if label.distinct >= 3000 else ""
    seen = f"nothing found: {more}{label.distinct} different values in {label.rows} rows, {spec.type}"
    if label.distinct <= FEW and spec.type in ("string", "int64"):
        return f"{seen}; `keep` with an `enum`?"
    if spec.type.startswith(("date", "timestamp", "int", "double", "float")):
        return f"{seen}; `keep` with a `range`?"
    return f"{seen}; `keep` with a `regex`, or a mask?"


def _file(source: Source, proposals: tuple[Proposal, ...]) -> Iterator[str]:
    ruled = sum(bool(item.rule) for item in proposals)
    yield f"# Proposed from what the values of {source.name}@{source.version} look like; nobody has decided anything.\n"
    yield f"# {ruled} of {len(proposals)} columns have a rule. The others are denied until somebody gives them one.\n"
    yield f"policy: {source.name}\nversion: 1\n"
    yield 'key: {ref: "secret://sandbox/mask", id: k1}\ndefault: deny\n'
    yield from _domains(proposals)
    yield "\ntables:\n"
    for name in source.tables:
        yield from _lines(name, [item for item in proposals if item.table == name])


def _domains(proposals: tuple[Proposal, ...]) -> Iterator[str]:
    """Say the mode of every kind that is used: `tagged` where there is such a form."""
    used = {part for item in proposals for part in KINDS if item.rule.startswith(f"{{mask: {part}")}
    used |= {kind for kind in KINDS if "free_text" in used and KINDS[kind].modes}  # found inside the text
    modes = {name: KINDS[name].modes for name in KINDS if name in used and KINDS[name].modes}
    if modes:
        yield "\n# Values of one kind share a key, in any table and inside free text, so that they join.\ndomains:\n"
    for name, possible in modes.items():
        yield f"  {name}: {{mode: {'tagged' if 'tagged' in possible else possible[0]}}}\n"


def _lines(table: str, proposals: list[Proposal]) -> Iterator[str]:
    mark = "" if any(item.rule for item in proposals) else "# "  # a table without rules is denied as a whole
    yield f"  {mark}{_key(table)}:\n  {mark}  rows: {{min: 1, max_drop: 0}}\n  {mark}  columns:\n"
    for item in proposals:
        yield from (f"      # {line}\n" for line in item.why)
        yield f"      {_key(item.column)}: {item.rule}\n" if item.rule else f"      # DENIED {item.column}\n"


def _key(name: str) -> str:
    return json.dumps(name) if name in RESERVED else name


def _flow(options: Mapping[str, str | list[str]]) -> str:
    """Return a mapping in YAML's flow style."""
    shown = [
        f"{name}: [{', '.join(value)}]" if isinstance(value, list) else f"{name}: {value}"
        for name, value in options.items()
        if value
    ]
    return "{" + ", ".join(shown) + "}"
