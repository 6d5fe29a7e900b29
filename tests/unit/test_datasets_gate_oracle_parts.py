"""JSON by path, templates, dropped columns and addresses of networks: masked, and judged by the gate part by part."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from datasets_quarantine import POLICY as EXAMPLE
from datasets_quarantine import Quarantine, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_suite.core.errors import BlockedError
from sandbox_suite.core.files import read_json
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS, json_paths, template
from sandbox_suite.datasets.masks.coded import UnknownValuesError

KEYS = Keys(bytes(range(32)))
POLICY = """policy: parts
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
domains: {name: {mode: realistic}, date: {mode: realistic}}
templates:
  label:
    text: "{region}-{name} <{mail}>"
    parts:
      region: {keep: {enum: [DE, FR, CN], why: "three regions"}}
      name: {mask: name, locale: locale}
      mail: {mask: email}
tables:
  people:
    columns:
      id: {keep: {type: int64, pk: true, why: "surrogate key"}}
      locale: {keep: {enum: [de_DE, fr_FR, zh_CN], why: "three regions"}}
      country: {keep: {enum: [DE, FR, CN], why: "three regions"}}
      label: {mask: label}
      ip: {mask: ip}
      mac: {mask: mac}
      phone: {mask: phone}
      secret: {mask: drop}
      doc:
        mask: json
        paths:
          $.contact.email: {mask: email}
          $.contact.phones[*]: {mask: phone}
          $.name: {mask: name, locale: locale}
          $.tax: {mask: national_id, country: country}
          $.born: {mask: date, person: id}
          $.plan: {keep: {enum: [free, paid], why: "two plans"}}
          $.visits: {keep: {range: [0, 1000], why: "a count"}}
          $.trusted: {keep: {type: bool, why: "yes or no"}}
          $.token: {mask: "null"}
          $.raw: {mask: drop}
"""
TAX = {"DE": "86095742719", "FR": "260125103044853", "CN": "11010519491231002X"}


def document(number: int, country: str) -> dict[str, Any]:
    return {
        "contact": {"email": f"person{number}@mail.test", "phones": [f"+49151{number:08d}", f"1381234{number:04d}"]},
        "name": f"Petra Beispiel{'abcdefghij'[number % 10]}",
        "tax": TAX[country],
        "born": "1990-01-02",
        "plan": "free",
        "visits": number,
        "trusted": True,
        "token": "abcdef",
        "raw": {"anything": ["at", "all"]},
    }


def people(folder: Path, rules: str = POLICY, **columns: list[Any]) -> tuple[Path, Path]:
    """Write a source with 30 people and its policy."""
    countries = [("DE", "FR", "CN")[number % 3] for number in range(30)]
    given_: dict[str, list[Any]] = {
        "id": list(range(1, 31)),
        "locale": [{"DE": "de_DE", "FR": "fr_FR", "CN": "zh_CN"}[country] for country in countries],
        "country": countries,
        "label": [
            f"{country}-Petra Musterfrau{number} <petra{number}@mail.test>" for number, country in enumerate(countries)
        ],
        "ip": [f"84.17.{number}.201" for number in range(30)],
        "mac": [f"00:1a:2b:3c:4d:{number:02x}" for number in range(30)],
        "phone": [f"+49160{number:08d}" for number in range(30)],
        "secret": ["hush"] * 30,
        "doc": [json.dumps(document(number, country)) for number, country in enumerate(countries)],
    }
    pl.DataFrame(given_ | columns).write_parquet(folder / "people.parquet")
    (folder / "dataset.yaml").write_text(
        'dataset: people\nversion: "1"\nfiles: {people: people.parquet}\ntables: {people: {primary_key: [id]}}\n'
    )
    (folder / "policy.yaml").write_text(rules)
    return folder / "dataset.yaml", folder / "policy.yaml"


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    folder = tmp_path_factory.mktemp("parts")
    source, rules = people(folder)
    return make(folder, rules, source=source)


@pytest.fixture
def spoiled(masked: Quarantine, tmp_path: Path) -> Quarantine:
    return masked.copy(tmp_path)


def kinds(quarantine: Quarantine) -> set[str]:
    verdict = quarantine.judge()
    assert not verdict.passed
    return {finding.kind for finding in verdict.findings}


def doc(quarantine: Quarantine, row: int, side: str = "masked") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(quarantine.frame("people", side)["doc"][row])
    return found


def test_well_masked_parts_pass_and_the_dropped_column_is_gone(masked: Quarantine) -> None:
    verdict = masked.judge()
    assert verdict.findings == []
    assert verdict.manifest is not None
    assert "secret" not in verdict.manifest["tables"]["people"]["order"]
    assert "secret" not in masked.frame("people").columns
    assert "secret" not in read_json(masked.folder / "quarantine.json")["tables"]["people"]["columns"]


def test_a_document_keeps_its_form_and_joins_with_columns(masked: Quarantine) -> None:
    before, after = doc(masked, 4, "raw"), doc(masked, 4)
    assert list(after) == [key for key in before if key != "raw"]
    assert after["contact"]["email"].endswith("@example.com")
    assert [after[key] for key in ("plan", "visits", "trusted", "token")] == ["free", 4, True, None]
    keys, asked = Keys(bytes(range(32))), {"mode": "tagged", "on_unknown": "block"}
    phone = KINDS["phone"].module().scalar(before["contact"]["phones"][0], {}, keys, asked)
    assert after["contact"]["phones"][0] == phone


def test_a_label_keeps_its_form(masked: Quarantine) -> None:
    label = masked.frame("people")["label"][0]
    assert label.startswith("DE-")
    assert label.endswith("@example.com>")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda now, was: now["contact"].update(email=was["contact"]["email"]), "identity"),
        (lambda now, was: now["contact"].update(email="someone@mail.test"), "codomain"),
        (lambda now, was: now["contact"].update(email="u0123456789abcdef@example.com"), "recomputed"),
        (lambda now, was: now["contact"]["phones"].__setitem__(1, was["contact"]["phones"][1]), "identity"),
        (lambda now, was: now["contact"]["phones"].append("+0491510000000"), "codomain"),
        (lambda now, was: now.update(name=was["name"].upper()), "identity"),
        (lambda now, was: now.update(tax=was["tax"]), "identity"),
        (lambda now, was: now.update(born="1990-01-03"), "recomputed"),
        (lambda now, was: now.update(plan="paid"), "keep"),
        (lambda now, was: now.update(token="abcdef"), "codomain"),
        (lambda now, was: now.update(raw=was["raw"]), "codomain"),
        (lambda now, was: now.update(nick="x"), "codomain"),
        (lambda now, was: now.pop("visits"), "null"),
        (lambda now, was: now["contact"].pop("email"), "null"),
    ],
)
def test_a_wrong_place_in_a_document_blocks(spoiled: Quarantine, change: Any, kind: str) -> None:
    now = doc(spoiled, 7)
    change(now, doc(spoiled, 7, "raw"))
    assert kind in kinds(spoiled.put("people", "doc", 7, json.dumps(now)))


def test_an_original_behind_a_key_that_stands_twice_blocks(spoiled: Quarantine) -> None:
    text = spoiled.frame("people")["doc"][3]
    leak = json.dumps(doc(spoiled, 3, "raw")["name"])
    assert "codomain" in kinds(spoiled.put("people", "doc", 3, f'{{"name":{leak},{text[1:]}'))


@pytest.mark.parametrize("text", ["no document", "[]", '"x"', "", "{"])
def test_something_else_than_a_document_blocks(spoiled: Quarantine, text: str) -> None:
    assert kinds(spoiled.put("people", "doc", 3, text)) & {"codomain", "null"}


@pytest.mark.parametrize(
    ("find", "put", "kind"),
    [
        ("DE-", "XX-", "codomain"),
        ("@example.com", "@mail.test", "codomain"),
        ("<", "[", "codomain"),
    ],
)
def test_a_wrong_part_of_a_label_blocks(spoiled: Quarantine, find: str, put: str, kind: str) -> None:
    label = spoiled.frame("people")["label"][0]
    assert kind in kinds(spoiled.put("people", "label", 0, label.replace(find, put)))


def test_another_persons_pseudonym_in_a_label_blocks(spoiled: Quarantine) -> None:
    first, second = spoiled.frame("people")["label"][0], spoiled.frame("people")["label"][3]
    mixed = first.split(" <")[0] + " <" + second.split(" <")[1]
    assert "recomputed" in kinds(spoiled.put("people", "label", 0, mixed))


def test_a_dropped_column_that_is_still_there_blocks(spoiled: Quarantine) -> None:
    spoiled.change("people", lambda frame: frame.with_columns(secret=pl.lit("hush")))
    assert "dropped" in kinds(spoiled)


def test_a_raw_address_blocks(spoiled: Quarantine) -> None:
    assert "identity" in kinds(spoiled.put("people", "ip", 0, spoiled.frame("people", "raw")["ip"][0]))


def test_addresses_outside_their_range_block(spoiled: Quarantine) -> None:
    spoiled.put("people", "ip", 1, "84.17.3.9").put("people", "mac", 1, "00:1A:2B:3C:4D:FF")
    found = {finding.column for finding in spoiled.judge().findings if finding.kind == "codomain"}
    assert {"people.ip", "people.mac"} <= found


def test_a_leak_of_a_part_in_another_column_blocks(masked: Quarantine, tmp_path: Path) -> None:
    rules = POLICY.replace(
        '$.plan: {keep: {enum: [free, paid], why: "two plans"}}',
        '$.plan: {keep: {regex: "[a-z0-9@.]{3,30}", why: "wide"}}',
    )
    rules = rules.replace("anna@", "")
    source, file = people(tmp_path, rules.replace("[a-z0-9@.]{3,30}", "[0-9+]{3,20}"))
    frame = pl.read_parquet(tmp_path / "people.parquet")
    leaky = [json.dumps(json.loads(text) | {"plan": "+4915100000009"}) for text in frame["doc"]]
    source, file = people(tmp_path, file.read_text(), doc=leaky)
    assert {"phone", "original"} <= kinds(make(tmp_path, file, source=source))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"contact": {"email": 5}}', '{"other": null}', '{"plan": "gold"}', "{", '{"a":1,"a":2}', "NaN"]
)
def test_an_unknown_place_blocks_by_row_or_is_taken_out(tmp_path: Path, text: str) -> None:
    docs = [text] + [json.dumps(document(number, "DE")) for number in range(1, 30)]
    source, rules = people(tmp_path, doc=docs, country=["DE"] * 30, locale=["de_DE"] * 30)
    if text:
        with pytest.raises(BlockedError, match=r"people\.doc: mask `json`: 1 values .* rows 1\n"):
            make(tmp_path, rules, source=source)
    again = tmp_path / "again"
    again.mkdir()
    source, rules = people(
        again,
        POLICY.replace("mask: json\n", "mask: json\n        on_unknown: drop\n"),
        doc=docs,
        country=["DE"] * 30,
        locale=["de_DE"] * 30,
    )
    dropped = make(again, rules, source=source)
    assert dropped.judge().findings == []
    assert dropped.frame("people")["doc"][0] in (None, "{}", '{"contact":{}}', "")


def test_a_key_cannot_be_dropped(tmp_path: Path) -> None:
    source, rules = people(
        tmp_path, POLICY.replace('id: {keep: {type: int64, pk: true, why: "surrogate key"}}', "id: {mask: drop}")
    )
    with pytest.raises(BlockedError, match=r"people\.id: a column of a key cannot be dropped"):
        make(tmp_path, rules, source=source)


def test_a_data_set_whose_kinds_are_all_tagged_passes(tmp_path: Path) -> None:
    rules = yaml.safe_load(EXAMPLE.read_text())
    for kind in ("phone", "national_id", "iban", "card"):
        del rules["domains"][kind]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(rules))
    made = make(tmp_path, tmp_path / "policy.yaml")
    assert made.judge().findings == []
    assert made.frame("customers")["phone"].str.starts_with("+0").all()
    assert made.frame("notes")["body"].str.contains(r"\+0[0-9]").any()


# Columns against single values

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["x", "a@b.de", "+4915112345678", "1990-01-02", "free", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "odd key"]), inner, max_size=3)
    ),
    max_leaves=8,
)
RULES: dict[str, dict[str, Any]] = {
    "$.a": {"mask": "email", "mode": "tagged"},
    "$.b.a": {"mask": "phone", "mode": "tagged"},
    "$.b.b": {"keep": {"enum": ["free", 1, True], "why": "few"}},
    "$.c[*]": {"mask": "date", "person": "who"},
    '$["odd key"].a': {"mask": "constant", "value": "c"},
    '$["odd key"].b': {"mask": "null"},
    '$["odd key"].c': {"mask": "drop"},
}


@pytest.mark.parametrize("on_unknown", ["block", "drop"])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    documents=st.lists(
        JSON.map(json.dumps) | st.sampled_from(["", "{", '{"a":1e999}', '{"a":"\\ud800"}']), min_size=1, max_size=4
    )
)
def test_documents_of_a_column_equal_single_ones(on_unknown: str, documents: list[str]) -> None:
    asked = {
        "on_unknown": on_unknown,
        "paths": {path: {**rule, "on_unknown": on_unknown} for path, rule in RULES.items()},
    }
    single: list[Any] = []
    for text in documents:
        try:
            single.append(json_paths.scalar(text, {"$.c[*]/person": "p"}, KEYS, asked))
        except UnknownValuesError:
            single.append(UnknownValuesError)
    unknown = [row for row, masked in enumerate(single) if masked is UnknownValuesError]
    people_ = {"$.c[*]/person": pl.Series(["p"] * len(documents))}
    if unknown:
        with pytest.raises(UnknownValuesError) as caught:
            json_paths.vector(pl.Series(documents), people_, KEYS, asked)
        assert caught.value.rows == unknown
    else:
        assert json_paths.vector(pl.Series(documents), people_, KEYS, asked).to_list() == single


LABEL = {
    "on_unknown": "drop",
    "text": "{a}/{b} ({c})",
    "parts": {
        "a": {"match": "DE|FR", "rule": {"keep": {"enum": ["DE", "FR"]}}},
        "b": {"match": "(?s:.+?)", "rule": {"mask": "name", "mode": "realistic"}},
        "c": {"match": "[0-9 +]+", "rule": {"mask": "phone", "mode": "tagged", "on_unknown": "block"}},
    },
}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["DE", "FR", "/", "Anna", "王伟", " (", ")", "+49 1511234567", "12", "\n"]), max_size=7
        ).map("".join)
        | st.builds("DE/{} (+49{})".format, st.text("ab /()", min_size=1, max_size=5), st.integers(10**8, 10**10)),
        min_size=1,
        max_size=4,
    )
)
def test_texts_of_a_template_equal_single_ones(values: list[str]) -> None:
    masked = template.vector(pl.Series(values), {}, KEYS, LABEL).to_list()
    assert masked == [template.scalar(value, {}, KEYS, LABEL) for value in values]
