"""Checks of shape: the policy covers everything, files are what they claim, rows, keys, NULLs and uniqueness hold."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from sandbox_suite.core.files import file_digest
from sandbox_suite.datasets.gate import oracle, oracle_ranges
from sandbox_suite.datasets.gate.case import Case, Table, rows_where
from sandbox_suite.datasets.gate.spans import lent
from sandbox_suite.datasets.gate.verdict import GateFinding

# Masks that give every value a pseudonym of its own: in which modes.
ONE_TO_ONE = {
    "email": ("tagged",),
    "phone": ("tagged", "realistic"),
    "national_id": ("tagged", "realistic"),
    "iban": ("tagged", "realistic"),
    "card": ("tagged", "realistic"),
    "ip": ("realistic",),
    "mac": ("realistic",),
}
MANY_TO_ONE = ("US", "DE")  # whose national ids are tagged into a range that is smaller than the issued one


def policy_covers_schema(case: Case) -> Iterator[GateFinding]:
    """Every raw table and column has a rule, and the masker claims the same policy, key, kernel and rules."""
    for name, described in case.raw_manifest["tables"].items():
        rules = case.policy.rules(name)
        if name not in case.tables:
            yield GateFinding("missing", name, "", "the masked side has no such table")
            continue
        for column in dict.fromkeys([*described["columns"], *case.tables[name].masked.columns]):
            if column not in rules:
                yield GateFinding("unlabelled", f"{name}.{column}", "", "the policy has no rule: denied")
            elif any(kind not in oracle_ranges.RANGES for kind in _kinds(rules[column])):
                yield GateFinding("unlabelled", f"{name}.{column}", "", "a mask that this gate does not know")
        yield from _same_columns(case.tables[name])
    for name in case.claimed["tables"].keys() - case.raw_manifest["tables"].keys():
        yield GateFinding("unlabelled", name, "", "the masked side has a table that the raw data lacks")
    yield from _claims(case)


def _kinds(rule: Any) -> Iterator[str]:
    """Yield the kinds of masks of a rule and of its parts."""
    if rule.kind != "keep":
        yield rule.kind
    inner = [
        *rule.options.get("paths", {}).values(),
        *(part["rule"] for part in rule.options.get("parts", {}).values()),
    ]
    yield from (str(part["mask"]) for part in inner if "keep" not in part)


def _same_columns(table: Table) -> Iterator[GateFinding]:
    for column in table.raw.columns:
        if column in table.rules and table.rules[column].kind == "drop":
            if column in table.masked.columns:
                yield GateFinding("dropped", f"{table.name}.{column}", "drop", "the policy drops this column")
        elif column not in table.masked.columns:
            yield GateFinding("missing", f"{table.name}.{column}", "", "the masked side has no such column")
        elif table.raw.schema[column] != table.masked.schema[column]:
            yield GateFinding("type", f"{table.name}.{column}", "", "masked and raw column differ in type")
    for column in table.masked.columns:
        if column not in table.raw.columns:
            yield GateFinding("unlabelled", f"{table.name}.{column}", "", "the raw data has no such column")


def _claims(case: Case) -> Iterator[GateFinding]:
    claimed, policy = case.claimed, case.policy
    expected = {
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "kernel": oracle.kernel(),
        "key_fingerprint": oracle.key_fingerprint(case.master),
        "name": case.raw_manifest["name"],
        "version": case.raw_manifest["version"],
    }
    for what, value in expected.items():
        if claimed.get(what) != value:
            yield GateFinding("claim", what, "", f"the masker used another {what.replace('_', ' ')}")
    for name, table in case.claimed["tables"].items():
        for column, rule in policy.rules(name).items():
            if rule.kind == "drop":
                if column in table["columns"]:
                    yield GateFinding("claim", f"{name}.{column}", rule.kind, "the masker kept a column to be dropped")
            elif table["columns"].get(column, {}).get("rule") != rule.canonical():
                yield GateFinding("claim", f"{name}.{column}", rule.kind, "the masker used another rule")


def files(case: Case) -> Iterator[GateFinding]:
    """Every file is the one that its manifest names, and there is no other."""
    known = {"quarantine.json"}
    for name, table in case.claimed["tables"].items():
        path = case.quarantine / "tables" / f"{name}.parquet"
        known.add(f"tables/{name}.parquet")
        if not path.is_file() or file_digest(path) != table["file_digest"]:
            yield GateFinding("digest", name, "", "the masked file is not the one in quarantine.json")
    for name, log in case.claimed["spans"].items():
        path = case.quarantine / "spans" / f"{name}.parquet"
        known.add(f"spans/{name}.parquet")
        if not path.is_file() or file_digest(path) != log["file_digest"]:
            yield GateFinding("digest", name, "", "the span log is not the one in quarantine.json")
    for path in sorted(case.quarantine.rglob("*")):
        relative = path.relative_to(case.quarantine).as_posix()
        if not path.is_dir() and relative not in known:
            yield GateFinding("digest", "quarantine", "", f"a file that no rule explains: {relative}")


def rows_and_keys(case: Case) -> Iterator[GateFinding]:
    """As many rows as the policy allows, in the same order, with whole primary keys and foreign keys that resolve."""
    for table in case.tables.values():
        limits = case.policy.rows.get(table.name)
        original, claimed = case.raw_manifest["tables"][table.name]["rows"], case.claimed["tables"][table.name]["rows"]
        masked, drop = table.masked.height, limits.max_drop if limits else 0
        if not original - drop <= masked <= original or masked < (limits.min if limits else 0) or masked != claimed:
            message = f"{masked} masked rows of {original}, {claimed} claimed, {drop} may be dropped"
            yield GateFinding("rows", table.name, "", message)
        if table.raw.height != masked:
            yield GateFinding("rows", table.name, "", "masked rows cannot be matched with raw rows")
        else:
            yield from _keys(case, table)


def _keys(case: Case, table: Table) -> Iterator[GateFinding]:
    for column in filter(table.has, table.primary_key):
        if table.rules[column].kind == "keep" and not table.raw[column].equals(table.masked[column]):
            rows = rows_where(table.raw[column].ne_missing(table.masked[column]))
            yield case.finding("key", table, column, "the key is not the raw row's key", rows, "masked")
    key = [column for column in table.primary_key if column in table.masked.columns]
    if len(key) < len(table.primary_key):
        yield GateFinding("key", table.name, "", "a column of the primary key is not there")
    if key and (twice := table.masked.select(pl.struct(key).is_duplicated()).to_series()).any():
        yield case.finding("key", table, key[0], "the primary key is not unique", rows_where(twice), "masked")
    for column, reference in table.foreign_keys.items():
        yield from _foreign_key(case, table, column, reference)


def _foreign_key(case: Case, table: Table, column: str, reference: str) -> Iterator[GateFinding]:
    other, _, name = reference.partition(".")
    if column not in table.masked.columns or other not in case.tables or name not in case.tables[other].masked.columns:
        yield GateFinding("key", f"{table.name}.{column}", "", f"`{reference}` is not there")
        return
    values = table.masked[column]
    lost = values.is_not_null() & ~values.is_in(case.tables[other].masked[name].unique().implode())
    if lost.any():
        yield case.finding("key", table, column, f"no row in `{reference}`", rows_where(lost), "masked")


def nulls_and_uniqueness(case: Case) -> Iterator[GateFinding]:
    """NULLs stand where they stood; equal values stay equal, and different ones stay different where promised."""
    for table in case.every:
        for column, rule in table.rules.items():
            if not table.has(column) or rule.kind in ("null", "constant") or table.raw.height != table.masked.height:
                continue
            lost = table.masked[column].is_null()
            moved = table.raw[column].is_null() != lost
            if rule.options.get("on_unknown") == "drop":
                moved &= ~lost
            if moved.any():
                yield case.finding("null", table, column, "NULL differs from the raw row", rows_where(moved))
            if rule.options.get("mode") in ONE_TO_ONE.get(rule.kind, ()):
                yield from _one_to_one(case, table, column)


def _one_to_one(case: Case, table: Table, column: str) -> Iterator[GateFinding]:
    kind, options = table.rules[column].kind, table.rules[column].options
    group = lent(case, table, options["country"]) if kind == "national_id" else pl.lit("")
    both = pl.DataFrame({"raw": table.raw[column], "masked": table.masked[column]}).with_row_index("row")
    both = both.with_columns(oracle.normalise(kind, pl.col("raw", "masked")), group=group).filter(pl.col("raw") != "")
    if kind == "national_id" and options["mode"] == "tagged":
        both = both.filter(~pl.col("group").str.to_uppercase().is_in(MANY_TO_ONE))
    pairs = both.drop_nulls(["raw", "masked"]).unique(["group", "raw", "masked"], maintain_order=True)
    for side, message in (
        ("raw", "equal values have different pseudonyms"),
        ("masked", "two values share a pseudonym"),
    ):
        twice = pairs.filter(pl.struct("group", side).is_duplicated())["row"].to_list()
        if twice:
            yield case.finding("unique", table, column, message, twice)
