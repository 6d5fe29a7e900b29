"""Whether a policy fits a schema: default deny, types, the columns that options name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox_suite.core.findings import Finding
from sandbox_suite.datasets.masks import KINDS, needs
from sandbox_suite.datasets.policy_rule import Rule
from sandbox_suite.datasets.sources import Column

Schema = Mapping[str, Mapping[str, Column]]  # {table: {column: Column}}
Rules = Mapping[str, Mapping[str, Rule]]  # {table: {column: Rule}}
KEEP_TYPES = {  # type of a `keep` -> the columns' types that it means; databases have narrower numbers, and zones
    "int64": ("int64", "int32", "int16", "int8"),
    "bool": ("bool",),
    "date": ("date32[day]",),
    "timestamp": ("timestamp[us]", "timestamp[us, tz=UTC]"),
    "float64": ("double", "float"),
    "text": ("string",),
    "uuid": ("string",),
}


def findings(rules: Rules, schema: Schema) -> list[Finding]:
    """Return what keeps the rules from fitting the schema."""
    shared = [table for table in rules if table in schema]
    return [
        *_table_findings(rules, schema),
        *(item for table in shared for item in _column_findings(rules, table, schema)),
    ]


def _table_findings(rules: Rules, schema: Schema) -> Iterator[Finding]:
    for table in schema.keys() - rules.keys():
        yield Finding("error", "the policy says nothing of this table", table, "policy-table-unlabelled")
    for table in rules.keys() - schema.keys():
        yield Finding("error", "the policy has rules for a table that is not there", table, "policy-table-missing")


def _column_findings(all_rules: Rules, table: str, schema: Schema) -> Iterator[Finding]:
    rules, columns = all_rules[table], schema[table]
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
        if wanted and column.type not in wanted:
            yield Finding("error", f"is {column.type}, the policy says {rule.options['type']}", place, "policy-type")
        if "regex" in rule.options and column.type != "string":
            yield Finding("error", f"`regex` constrains text, this is {column.type}", place, "policy-type")
    elif KINDS[rule.kind].types and column.type not in KINDS[rule.kind].types:
        yield Finding("error", f"mask `{rule.kind}` takes no {column.type}", place, "policy-type")
    elif rule.kind == "null" and not column.nullable:
        yield Finding("error", "mask `null` on a column that may not be NULL", place, "policy-null")


def _named_columns(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.kind == "keep":
        return
    for wanted, column in needs(rule.options).items():
        option = wanted.rpartition("/")[2]
        yield ("names_from" if option.startswith("name:") else option), column
