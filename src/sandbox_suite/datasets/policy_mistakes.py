"""The mistakes of a policy that show only when its parts are seen together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox_suite.core.documents import Path_
from sandbox_suite.datasets.masks import KINDS, Kind, paths
from sandbox_suite.datasets.policy_document import (
    ExceptionDocument,
    PartDocument,
    PolicyDocument,
    RuleDocument,
    TemplateDocument,
)

Mistake = tuple[Path_, str]
PIECE = re.compile(r"\{(\w+)\}")
FOREIGN = ("(?=", "(?!", "(?<", "(?P", "(?(")  # what one of the two regex engines lacks, or what names groups


@dataclass(frozen=True)
class Looked:
    """A policy, and the places that were left out of it because they are no rules at all: nothing is said of those."""

    document: PolicyDocument
    spoiled: frozenset[Path_] = frozenset()

    def mistakes(self) -> Iterator[Mistake]:
        """Yield every mistake with its place."""
        yield from self._domains()
        for name, template in self.document.templates.items():
            yield from _at(("templates", name), self._template(name, template))
        for table, rules in self.document.tables.items():
            for column, rule in rules.columns.items():
                yield from _at(("tables", table, "columns", column), self._rule(table, rule))
        for number, item in enumerate(self.document.exceptions):
            yield from _at(("exceptions", number), self._exception(item))

    def _domains(self) -> Iterator[Mistake]:
        for name, domain in self.document.domains.items():
            if name not in KINDS or not KINDS[name].modes:
                have = ", ".join(kind.name for kind in KINDS.values() if kind.modes)
                yield ("domains", name), f"no mask of this name has modes: {have} have"
            elif domain.mode not in KINDS[name].modes:
                yield ("domains", name, "mode"), _no_mode(KINDS[name], domain.mode)

    def _exception(self, item: ExceptionDocument) -> Iterator[str]:
        table, _, column = item.column.partition(".")
        if not self._known(table, column):
            yield f"no rule for `{item.column}`"

    def _rule(self, table: str, rule: RuleDocument) -> Iterator[str]:
        """Yield what is wrong with the rule of a column."""
        yield from self._own(rule)
        if rule.ref:
            yield from self._join(table, rule, rule.ref)
        for name in rule.names_from or []:
            yield from self._named(table, rule, name)
        if rule.mask == "json" and rule.paths:
            yield from self._paths(rule.paths)

    def _own(self, rule: RuleDocument) -> Iterator[str]:
        """Yield what is wrong with a rule by itself."""
        if (rule.keep is None) == (rule.mask is None):
            yield "either `keep` or `mask` is needed, not both"
        elif rule.mask is None:
            for option in sorted(rule.model_fields_set - {"keep", "match"}):
                yield f"`{option}` belongs to `mask`, not to `keep`"
        else:
            yield from self._mask(rule, rule.mask)

    def _mask(self, rule: RuleDocument, name: str) -> Iterator[str]:
        kind = KINDS["template"] if name in self.document.templates else KINDS.get(name)
        if kind is None or name == "template":
            if ("templates", name) not in self.spoiled:
                known = [*(other for other in KINDS if other != "template"), *self.document.templates]
                yield f"unknown mask `{name}`: one of {', '.join(known)} is possible"
            return
        for option in sorted(rule.options - kind.options):
            yield f"`{option}` does not belong to mask `{name}`"
        for option in sorted(kind.required - rule.options):
            yield f"mask `{name}` needs `{option}`"
        yield from self._mode(kind, rule)

    def _mode(self, kind: Kind, rule: RuleDocument) -> Iterator[str]:
        said = self.mode(kind, rule)
        if rule.mode and not kind.modes:
            yield f"mask `{kind.name}` has no modes"
        elif kind.modes and said not in kind.modes and ("domains", kind.name) not in self.spoiled:
            yield _no_mode(kind, said)

    def mode(self, kind: Kind, rule: RuleDocument) -> str | None:
        """Return a rule's mode: its own, its domain's, else `tagged` where the kind has such a form."""
        domain = self.document.domains.get(kind.name)
        return rule.mode or (domain.mode if domain else "tagged" if "tagged" in kind.modes else None)

    def _join(self, table: str, rule: RuleDocument, ref: str) -> Iterator[str]:
        aim = self._aim(table, ref)
        if aim is None:
            if not self._spoiled(table, ref):
                yield f"`ref`: `{ref}` has no rule with the same mask, so the two columns would not join"
        elif aim.mask != rule.mask:
            yield f"`ref`: `{ref}` has no rule with the same mask, so the two columns would not join"
        elif rule.mask and rule.mask in KINDS and self.mode(KINDS[rule.mask], rule) != self.mode(KINDS[rule.mask], aim):
            yield f"`ref`: `{ref}` has another mode, so the two columns would not join"

    def _named(self, table: str, rule: RuleDocument, name: str) -> Iterator[str]:
        """A name in free text joins with its column only where both are masked by the same locale."""
        aim = self._aim(table, name)
        if aim is None or aim.mask != "name":
            if not self._spoiled(table, name):
                yield f"`names_from`: `{name}` has no rule with mask `name`"
        elif _qualified(aim.locale, name.rpartition(".")[0] or table) != _qualified(rule.locale, table):
            yield f"`names_from`: `{name}` is masked by `locale` {aim.locale}, this column by {rule.locale}"

    def _paths(self, rules: dict[str, RuleDocument]) -> Iterator[str]:
        yield from paths.mistakes(rules)
        for path, rule in rules.items():
            yield from (f"`{path}`: {said}" for said in (*self._own(rule), *self._inside(rule)))

    def _template(self, name: str, template: TemplateDocument) -> Iterator[str]:
        if name in KINDS:
            yield f"`{name}` is a kind of mask already"
        pieces = PIECE.split(template.text)
        if sorted(pieces[1::2]) != sorted(template.parts):
            yield "`text` names every part of `parts` once, and no other"
        if not all(pieces[2:-1:2]):
            yield "`text`: between two parts stands something literal"
        if all(part.keep for part in template.parts.values()):
            yield "no part is masked: say `keep` for the column"
        for part, rule in template.parts.items():
            yield from (f"`{part}`: {said}" for said in (*self._own(rule), *self._part(rule)))

    def _part(self, rule: PartDocument) -> Iterator[str]:
        yield from self._inside(rule)
        if rule.keep is not None:
            texts = all(isinstance(item, str) for item in rule.keep.enum or [])
            if (rule.keep.enum is None) == (rule.keep.regex is None) or not texts:
                yield "a kept part says an `enum` of texts or a `regex`"
            if rule.match is not None:
                yield "`match` belongs to a masked part"
        elif rule.mask and rule.mask in KINDS and "string" not in KINDS[rule.mask].types:
            yield f"mask `{rule.mask}` masks no part of a text"
        for regex in (rule.match, rule.keep.regex if rule.keep else None):
            if regex is not None:
                yield from _regex(regex)

    def _inside(self, rule: RuleDocument) -> Iterator[str]:
        if rule.ref:
            yield "`ref` belongs to a column"
        kind = KINDS.get(rule.mask or "")
        if rule.mask in self.document.templates or (kind and not kind.inside):
            yield f"mask `{rule.mask}` masks whole columns only"

    def _aim(self, table: str, name: str) -> RuleDocument | None:
        owner, _, column = name.rpartition(".")
        tables = self.document.tables.get(owner or table)
        return tables.columns.get(column) if tables else None

    def _known(self, table: str, column: str) -> bool:
        return self._aim(table, column) is not None or self._spoiled(table, column)

    def _spoiled(self, table: str, name: str) -> bool:
        owner, _, column = name.rpartition(".")
        where: Path_ = ("tables", owner or table, "columns", column)
        return where in self.spoiled or where[:2] in self.spoiled


def _at(place: Path_, said: Iterator[str]) -> Iterator[Mistake]:
    yield from ((place, text) for text in said)


def _regex(regex: str) -> Iterator[str]:
    try:
        groups = re.compile(regex).groups
    except re.error as error:
        yield f"`{regex}` is no regex: {error}"
        return
    if groups or any(sign in regex for sign in FOREIGN):
        yield "a regex of a part has no groups but `(?:...)`, and looks neither ahead nor back"


def _qualified(column: str | None, table: str) -> str | None:
    return column if column is None or "." in column else f"{table}.{column}"


def _no_mode(kind: Kind, said: str | None) -> str:
    only = kind.modes[0]
    if said is not None:
        return f"mask `{kind.name}` has no mode `{said}`: only {only}"
    return f"mask `{kind.name}` has no tagged form: say `domains: {{{kind.name}: {{mode: {only}}}}}`"
