"""A draft of a policy: sure columns get a rule, all others stay denied; and what a new version breaks in a policy."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import drafting, example, policy, policy_check, sources
from sandbox_suite.datasets.detection import label_source
from sandbox_suite.datasets.example import ids
from sandbox_suite.datasets.sources import Column, Described

RANDOM = np.random.default_rng(3)
ROWS = 200
TODAY = datetime.date(2030, 1, 1)
POLICY = """policy: shop
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
tables:
  people:
    rows: {min: 150}
    columns:
      id: {keep: {type: int64, pk: true, why: "surrogate key"}}
      email: {mask: email}
      status: {keep: {enum: [open, closed], why: "no person"}}
      made: {keep: {range: [2020-01-01, 2025-01-01], why: "no person"}}
      code: {keep: {regex: "A-[0-9]{3}", why: "no person"}}
"""


def people(rows: int = ROWS) -> dict[str, Any]:
    given, family = example.pool("en", "given"), example.pool("en", "family")
    return {
        "id": list(range(1, rows + 1)),
        "name_of_them": [f"{given[n % len(given)]} {family[n * 7 % len(family)]}" for n in range(rows)],
        "email": [f"u{n}@mail.example" for n in range(rows)],
        "born": [datetime.date(1940, 1, 1) + datetime.timedelta(days=int(n) * 100) for n in range(rows)],
        "tax": ids.national_ids(RANDOM, "DE", np.full(rows, 7000)),
        "land": ["DE"] * rows,
        "status": ["open", "closed"] * (rows // 2),
        "made": [datetime.date(2024, 1, 1 + n % 28) for n in range(rows)],
        "code": [f"A-{n:03d}" for n in range(rows)],
        "ok": [True, False] * (rows // 2),
    }


def source(folder: Path, tables: Mapping[str, Mapping[str, Any]], keys: str = "") -> Described:
    text = (
        f'dataset: shop\nversion: "1"\nfiles: {{{", ".join(f"{name}: {name}.parquet" for name in tables)}}}\ntables:\n'
    )
    for name, columns in tables.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
        text += f"  {name}: {{primary_key: [{next(iter(columns))}]{keys if name != 'people' else ''}}}\n"
    (folder / "dataset.yaml").write_text(text)
    return sources.load(folder)


def drafted(made: Described, folder: Path) -> tuple[drafting.Draft, policy.Policy]:
    found = drafting.draft(made, label_source(made))
    (folder / "draft.yaml").write_text(found.text)
    return found, policy.load(folder / "draft.yaml")


def test_a_draft_loads_and_what_it_denies_is_what_it_does_not_cover(tmp_path: Path) -> None:
    made = source(tmp_path, {"people": people()})
    found, loaded = drafted(made, tmp_path)
    uncovered = {item.place for item in loaded.covers(made.schema())}
    assert uncovered == {item.place for item in found.denied} == {"people.status", "people.made", "people.code"}


def test_sure_columns_get_the_mask_of_their_kind_with_the_columns_it_needs(tmp_path: Path) -> None:
    _, loaded = drafted(source(tmp_path, {"people": people()}), tmp_path)
    rules = loaded.rules("people")
    assert {name: rule.kind for name, rule in rules.items()} == {
        **{"id": "keep", "name_of_them": "name", "email": "email", "born": "date"},
        **{"tax": "national_id", "land": "keep", "ok": "keep"},
    }
    assert (rules["born"].options["person"], rules["tax"].options["country"]) == ("id", "land")


def test_no_value_of_a_data_set_stands_in_its_draft(tmp_path: Path) -> None:
    columns = people()
    found, _ = drafted(source(tmp_path, {"people": columns}), tmp_path)
    shown = {str(value) for name in ("name_of_them", "email", "born", "tax", "code") for value in columns[name]}
    assert not [value for value in shown if value in found.text]
    assert "open" not in found.text


def test_what_only_the_name_of_a_column_says_is_denied_with_that_as_evidence(tmp_path: Path) -> None:
    odd = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}x{chr(98 + n % 19)}" for n in range(ROWS)]
    found, _ = drafted(source(tmp_path, {"people": {"id": list(range(ROWS)), "last_name": odd}}), tmp_path)
    (denied,) = found.denied
    assert denied.column == "last_name"
    assert denied.why[0] == "name by name: called `last_name`"
    assert f"# {denied.why[0]}" in found.text


def test_free_text_joins_with_the_names_that_its_foreign_key_leads_to(tmp_path: Path) -> None:
    notes = {"note": list(range(ROWS)), "who": list(range(1, ROWS + 1))}
    notes["body"] = [f"please write to u{n}@mail.example about the order" for n in range(ROWS)]  # type: ignore[misc]
    made = source(tmp_path, {"people": people(), "notes": notes}, ", foreign_keys: {who: people.id}")
    _, loaded = drafted(made, tmp_path)
    rules = loaded.rules("notes")
    assert (rules["who"].kind, rules["body"].options["names_from"]) == ("keep", ["people.name_of_them"])


def test_a_column_that_refers_to_a_known_one_is_taken_for_the_same(tmp_path: Path) -> None:
    few = {"order_id": list(range(3)), "buyer": ["u1@mail.example", "u2@mail.example", None]}
    columns = {"email": people()["email"], **people()}
    made = source(tmp_path, {"people": columns, "orders": few}, ", foreign_keys: {buyer: people.email}")
    _, loaded = drafted(made, tmp_path)
    assert loaded.rules("orders")["buyer"].options["ref"] == "people.email"


def test_a_table_without_any_sure_column_is_denied_as_a_whole(tmp_path: Path) -> None:
    made = source(tmp_path, {"people": people(), "tags": {"tag": ["a", "b"], "yes": [1, 2]}})
    _, loaded = drafted(made, tmp_path)
    assert ("tags", "policy-table-unlabelled") in {(item.place, item.id) for item in loaded.covers(made.schema())}


def test_a_draft_without_any_rule_says_so(tmp_path: Path) -> None:
    made = source(tmp_path, {"tags": {"tag": ["a", "b"]}})
    assert not drafting.draft(made, label_source(made)).loadable


def test_columns_called_like_words_of_yaml_are_quoted(tmp_path: Path) -> None:
    columns = {"id": list(range(ROWS)), "on": people()["email"]}
    _, loaded = drafted(source(tmp_path, {"people": columns}), tmp_path)
    assert loaded.rules("people")["on"].kind == "email"


# ---- what a version breaks


def checked(
    folder: Path, before: Mapping[str, Mapping[str, Column]] | None = None, **changes: Any
) -> set[tuple[str, str, str]]:
    columns = {name: values for name, values in people().items() if name in ("id", "email", "status", "made", "code")}
    columns = {name: values for name, values in (columns | changes).items() if values is not None}
    (folder / "policy.yaml").write_text(POLICY)
    made = source(folder, {"people": columns})
    found = policy_check.check(made, policy.load(folder / "policy.yaml"), TODAY, before)
    return {(item.severity, item.place, item.id) for item in found}


def test_a_version_that_fits_breaks_nothing(tmp_path: Path) -> None:
    assert checked(tmp_path) == set()


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"status": ["open", "frozen"] * 100}, ("people.status", "check-enum")),
        ({"made": [datetime.date(2019, 12, 31)] * ROWS}, ("people.made", "check-range")),
        ({"made": ["2024-01-01"] * ROWS}, ("people.made", "check-range")),
        ({"code": ["A-001", "A-001\n"] * 100}, ("people.code", "check-regex")),
        ({"code": [1] * ROWS}, ("people.code", "policy-type")),
        ({"email": [1] * ROWS}, ("people.email", "policy-type")),
        ({"email": None}, ("people.email", "policy-column-missing")),
        ({"phone": ["x"] * ROWS}, ("people.phone", "policy-column-unlabelled")),
        ({"code": ids.ibans(RANDOM, "DE", ROWS)}, ("people.code", "detected-iban")),
    ],
)
def test_what_breaks_a_policy_is_named(tmp_path: Path, changes: dict[str, Any], finding: tuple[str, str]) -> None:
    assert ("error", *finding) in checked(tmp_path, **changes)


def test_too_few_rows_are_named(tmp_path: Path) -> None:
    few = {name: values[:10] for name, values in people().items() if name in ("id", "email", "status", "made", "code")}
    assert ("error", "people", "check-rows") in checked(tmp_path, **few)


def test_changes_since_the_version_before_are_notes(tmp_path: Path) -> None:
    kinds = {"id": "int64", "email": "string", "status": "string", "made": "string", "old": "string"}
    before = {"people": {name: Column(kind, True) for name, kind in kinds.items()}}
    assert checked(tmp_path, before) == {
        ("note", "people.made", "changed-type"),
        ("note", "people.old", "changed-column"),
        ("note", "people.code", "changed-column"),
    }


def test_keys_that_lead_nowhere_are_counted_whatever_their_type(tmp_path: Path) -> None:
    orders = {"order_id": [1, 2, 3], "who": ["1", "999999", None]}
    made = source(tmp_path, {"people": people(), "orders": orders}, ", foreign_keys: {who: people.id}")
    (tmp_path / "policy.yaml").write_text(POLICY)
    found = policy_check.check(made, policy.load(tmp_path / "policy.yaml"), TODAY)
    (lost,) = [item for item in found if item.id == "check-reference"]
    assert (lost.place, lost.message) == ("orders.who", "1 values refer to no `people.id`")


def test_findings_stand_in_the_order_they_matter() -> None:
    found = [Finding("note", "", "a", "x"), Finding("error", "", "z", "x"), Finding("error", "", "b", "x")]
    assert [item.place for item in policy_check.worst(found)] == ["b", "z", "a"]


def test_the_policy_of_the_example_fits_the_example() -> None:
    made = sources.load(CHECKOUT / "examples" / "datasets" / "customer-sample.yaml")
    loaded = policy.load(CHECKOUT / "config" / "masking" / "customers-qa.yaml")
    assert policy_check.check(made, loaded, TODAY) == []
