"""A masking policy: what it refuses, all at once and with the line, and what it says of a schema."""

import datetime
from pathlib import Path

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import policy
from sandbox_suite.datasets.sources import Column

HEAD = """policy: small
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
domains: {email: {mode: tagged}, name: {mode: realistic}, phone: {mode: realistic}}
tables:
  people:
    columns:
      id: {keep: {type: int64, pk: true, why: "surrogate key"}}
"""
KEY, TEXT = Column("int64", False), Column("string", True)


def written(folder: Path, *columns: str, head: str = HEAD, tail: str = "") -> Path:
    file = folder / "small.yaml"
    file.write_text(head + "".join(f"      {column}\n" for column in columns) + tail)
    return file


def mistake(folder: Path, *columns: str, head: str = HEAD, tail: str = "") -> str:
    with pytest.raises(RequestError) as caught:
        policy.load(written(folder, *columns, head=head, tail=tail))
    return caught.value.explanation.what


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{mask: rot13}", "unknown mask `rot13`"),
        ("{}", "either `keep` or `mask` is needed"),
        ('{keep: {type: bool, why: "why not"}, mask: email}', "either `keep` or `mask` is needed"),
        ("{mask: email, colour: red}", "Extra inputs are not permitted"),
        ("{mask: email, country: land}", "`country` does not belong to mask `email`"),
        ("{mask: national_id, mode: realistic}", "mask `national_id` needs `country`"),
        ("{mask: constant}", "mask `constant` needs `value`"),
        ("{mask: card}", "mask `card` has no tagged form: say"),
        ("{mask: phone, mode: tagged}", "mask `phone` has no mode `tagged`"),
        ("{mask: null, mode: tagged}", "mask `null` has no modes"),
        ("{mask: email, ref: people.id}", "would not join"),
        ('{keep: {why: "harmless"}}', "`keep` without a constraint"),
        ('{keep: {type: text, why: "harmless"}}', "`keep` without a constraint"),
        ('{keep: {type: int64, why: "a number"}}', "`keep` without a constraint"),
        ('{keep: {regex: ".*", why: "harmless"}}', "constrains nothing"),
        ('{keep: {regex: "[a-z ]+", why: "harmless"}}', "constrains nothing"),
        ('{keep: {regex: "(", why: "harmless"}}', "`regex` is not one"),
        ('{keep: {range: [9, 1], why: "harmless"}}', "first bound is above"),
        ("{keep: {enum: [a]}}", "why: Field required"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, rule: str, said: str) -> None:
    what = mistake(tmp_path, f"odd: {rule}")
    assert said in what
    assert "small.yaml:10: " in what


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    what = mistake(
        tmp_path, "a: {mask: rot13}", "b: {keep: {regex: '.*', why: harmless}}", "c: {mask: email, value: 1}"
    )
    assert [line.split(":")[1] for line in what.splitlines()] == ["10", "11", "12"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("default: deny", "default: allow", "default"),
        ("secret://sandbox/mask", "swordfish", "key.ref"),
        ("version: 1", "version: 0", "version"),
        ("domains: {", "domains: {shoe: {mode: tagged}, ", "no mask of this name has modes"),
        ("email: {mode: tagged}", "email: {mode: realistic}", "mask `email` has no mode `realistic`"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in mistake(tmp_path, head=HEAD.replace(old, new))


def test_an_exception_needs_a_column_an_owner_and_an_end(tmp_path: Path) -> None:
    assert "no rule for `people.shoe`" in mistake(
        tmp_path,
        tail="exceptions:\n"
        "  - {column: people.shoe, finding: card, owner: team, until: 2030-01-01, why: 'not a card'}\n",
    )
    assert "owner: Field required" in mistake(
        tmp_path, tail="exceptions:\n  - {column: people.id, finding: card, until: 2030-01-01, why: 'not a card'}\n"
    )


def test_an_exception_holds_to_its_last_day(tmp_path: Path) -> None:
    tail = "exceptions:\n  - {column: people.id, finding: card, owner: team, until: 2030-01-01, why: 'not a card'}\n"
    loaded = policy.load(written(tmp_path, tail=tail))
    assert len(loaded.exceptions(datetime.date(2030, 1, 1))) == 1
    assert loaded.exceptions(datetime.date(2030, 1, 2)) == []


def test_a_name_in_free_text_is_masked_like_its_column(tmp_path: Path) -> None:
    rules = ("locale: {keep: {enum: [en], why: 'few'}}", "name: {mask: name, locale: locale}")
    what = mistake(tmp_path, *rules, "note: {mask: free_text, names_from: [name]}")
    assert "`name` is masked by `locale`" in what
    assert "has no rule with mask `name`" in mistake(tmp_path, "note: {mask: free_text, names_from: [id]}")
    policy.load(written(tmp_path, *rules, "note: {mask: free_text, names_from: [people.name], locale: people.locale}"))


def test_the_digest_follows_what_decides_and_not_the_comments(tmp_path: Path) -> None:
    first = policy.load(written(tmp_path, "mail: {mask: email}")).digest
    assert policy.load(written(tmp_path, "mail:  {mask:  email}  # comment")).digest == first
    assert policy.load(written(tmp_path, "mail: {mask: phone}")).digest != first


def test_a_rule_is_recorded_with_its_defaults_filled_in(tmp_path: Path) -> None:
    loaded = policy.load(written(tmp_path, "phone: {mask: phone}", "why: {keep: {enum: [a, b], why: 'two letters'}}"))
    rules = loaded.rules("people")
    assert rules["phone"].canonical() == {
        "mask": "phone",
        "mode": "realistic",
        "domain": "phone",
        "on_unknown": "block",
    }
    assert rules["why"].canonical()["keep"]["enum"] == ["a", "b"]


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"people": {"id": KEY, "mail": TEXT}}, []),
        ({"people": {"id": KEY, "mail": TEXT, "shoe": TEXT}}, [("people.shoe", "policy-column-unlabelled")]),
        ({"people": {"id": KEY}}, [("people.mail", "policy-column-missing")]),
        ({"people": {"id": KEY, "mail": KEY}}, [("people.mail", "policy-type")]),
        ({"people": {"id": TEXT, "mail": TEXT}}, [("people.id", "policy-type")]),
        ({"people": {"id": KEY, "mail": TEXT}, "pets": {"id": KEY}}, [("pets", "policy-table-unlabelled")]),
        ({}, [("people", "policy-table-missing")]),
    ],
)
def test_what_does_not_fit_a_schema_is_found(
    tmp_path: Path, schema: dict[str, dict[str, Column]], found: list[tuple[str, str]]
) -> None:
    loaded = policy.load(written(tmp_path, "mail: {mask: email}"))
    assert [(item.place, item.id) for item in loaded.covers(schema)] == found


def test_a_mask_that_gives_null_needs_a_column_that_may_be_null(tmp_path: Path) -> None:
    loaded = policy.load(written(tmp_path, "mail: {mask: null}"))
    schema = {"people": {"id": KEY, "mail": Column("string", False)}}
    assert [item.id for item in loaded.covers(schema)] == ["policy-null"]


def test_a_column_that_an_option_names_must_be_there(tmp_path: Path) -> None:
    loaded = policy.load(written(tmp_path, "name: {mask: name, locale: tongue}"))
    assert [item.id for item in loaded.covers({"people": {"id": KEY, "name": TEXT}})] == ["policy-option-column"]


def test_the_shipped_policy_loads() -> None:
    assert policy.load(CHECKOUT / "config" / "masking" / "customers-qa.yaml").name == "customers-qa"
