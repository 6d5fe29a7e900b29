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
        ("{mask: address}", "mask `address` has no tagged form: say `domains: {address: {mode: realistic}}`"),
        ("{mask: name, mode: tagged}", "mask `name` has no mode `tagged`"),
        ("{mask: template}", "unknown mask `template`"),
        ("{mask: json}", "mask `json` needs `paths`"),
        ('{mask: json, paths: {"contact": {mask: email}}}', "`contact` is no path"),
        ('{mask: json, paths: {"$.a[0]": {mask: email}}}', "`$.a[0]` is no path"),
        ('{mask: json, paths: {"$.a": {mask: email}, "$.a.b": {mask: email}}}', "speak of one place"),
        ('{mask: json, paths: {"$.a": {mask: free_text}}}', "`$.a`: mask `free_text` masks whole columns only"),
        ('{mask: json, paths: {"$.a": {mask: email, ref: people.id}}}', "`$.a`: `ref` belongs to a column"),
        ('{mask: json, paths: {"$.a": {mask: address}}}', "`$.a`: mask `address` has no tagged form"),
        ('{mask: email, paths: {"$.a": {mask: email}}}', "`paths` does not belong to mask `email`"),
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


def test_mistakes_of_form_and_of_sense_are_told_together_and_none_follows_from_another(tmp_path: Path) -> None:
    what = mistake(
        tmp_path,
        "mail: {mask: email, colour: red}",
        "copy: {mask: email, ref: people.mail}",
        "note: {mask: free_text, names_from: [people.mail]}",
        "home: {mask: address}",
        head=HEAD.replace("version: 1", "version: none").replace("domains: {", "domains: {iban: {mode: loud}, "),
        tail="exceptions:\n  - {column: people.shoe, finding: card, owner: team, until: 2030-01-01, why: 'no card'}\n",
    )
    lines = what.splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "5", "10", "13", "15"]
    assert "version" in lines[0]
    assert "colour" in lines[2]
    assert "no tagged form" in lines[3]
    assert "people.shoe" in lines[4]


TEMPLATE = """templates:
  label:
    text: "{region}-{name} <{mail}>"
    parts:
      region: {keep: {enum: [DE, FR], why: "two regions"}}
      name: {mask: name}
      mail: {mask: email}
tables:"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{region}-{name}", "{region}-{nick}", "names every part of `parts` once"),
        ("{region}-{name}", "{region}{name}", "stands something literal"),
        ("name: {mask: name}", "name: {mask: rot13}", "`name`: unknown mask `rot13`"),
        ("name: {mask: name}", "name: {mask: date, person: id}", "masks no part of a text"),
        ("name: {mask: name}", "name: {mask: label}", "masks whole columns only"),
        ("name: {mask: name}", "name: {mask: name, match: '(a)'}", "no groups"),
        ("name: {mask: name}", "name: {mask: name, match: 'a(?=b)'}", "looks neither ahead"),
        ("enum: [DE, FR]", "range: [1, 9]", "says an `enum` of texts or a `regex`"),
        ("  label:", "  email:", "is a kind of mask already"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    head = HEAD.replace("tables:", TEMPLATE.replace(old, new))
    assert said in mistake(tmp_path, head=head)


def test_a_template_is_a_mask_with_its_parts_filled_in(tmp_path: Path) -> None:
    loaded = policy.load(
        written(tmp_path, "tag: {mask: label, on_unknown: drop}", head=HEAD.replace("tables:", TEMPLATE))
    )
    rule = loaded.rules("people")["tag"]
    assert rule.kind == "template"
    assert rule.options["on_unknown"] == "drop"
    assert rule.options["parts"]["mail"]["rule"] == {"mask": "email", "mode": "tagged", "domain": "email"}
    assert rule.options["parts"]["region"]["match"] == "DE|FR"
    assert loaded.covers({"people": {"id": KEY, "tag": TEXT}}) == []


def test_paths_follow_their_column_in_what_they_do_with_the_unknown(tmp_path: Path) -> None:
    rule = "{mask: json, on_unknown: drop, paths: {$.mail: {mask: email}, $.tel: {mask: phone, on_unknown: block}}}"
    found = policy.load(written(tmp_path, f"doc: {rule}")).rules("people")["doc"].options["paths"]
    assert [found[path]["on_unknown"] for path in ("$.mail", "$.tel")] == ["drop", "block"]


def test_a_mode_is_tagged_where_nothing_is_said_and_there_is_such_a_form(tmp_path: Path) -> None:
    rules = policy.load(written(tmp_path, "card: {mask: card}", "phone: {mask: phone}", "note: {mask: free_text}"))
    found = rules.rules("people")
    assert found["card"].options["mode"] == "tagged"
    assert found["phone"].options["mode"] == "realistic"
    assert found["note"].options["modes"]["phone"] == "realistic"
    assert found["note"].options["modes"]["card"] == "tagged"


def test_columns_of_two_modes_do_not_join(tmp_path: Path) -> None:
    what = mistake(tmp_path, "one: {mask: phone}", "two: {mask: phone, mode: tagged, ref: people.one}")
    assert "has another mode" in what


def test_columns_that_paths_name_must_be_there(tmp_path: Path) -> None:
    loaded = policy.load(written(tmp_path, "doc: {mask: json, paths: {$.name: {mask: name, locale: tongue}}}"))
    assert [item.id for item in loaded.covers({"people": {"id": KEY, "doc": TEXT}})] == ["policy-option-column"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("default: deny", "default: allow", "default"),
        ("secret://sandbox/mask", "swordfish", "key.ref"),
        ("version: 1", "version: 0", "version"),
        ("domains: {", "domains: {shoe: {mode: tagged}, ", "no mask of this name has modes"),
        ("email: {mode: tagged}", "email: {mode: realistic}", "mask `email` has no mode `realistic`"),
        ("tables:", "colour: red\ntables:", "colour"),
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
