"""Detection: what a column looks like, without showing a value, and the veto against a wrong `keep`."""

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sandbox_suite.datasets import example, policy, sources
from sandbox_suite.datasets.detection import detect, veto
from sandbox_suite.datasets.example import ids

RANDOM = np.random.default_rng(11)
DAYS = np.full(200, 7000)
YAML = """policy: small
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
tables:
  people:
    columns:
      id: {keep: {type: int64, pk: true, why: "surrogate key"}}
      code: {keep: {regex: "[0-9X]{18}", why: "number of an article"}}
exceptions:
  - {column: people.code, finding: national_id, owner: team, until: 2030-01-01, why: "made numbers"}
"""


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("email", ["-"] * 5000 + ["write to a.b@mail.example"]),
        ("phone", ["-"] * 5000 + ["call +49 151 2345678"]),
        ("phone", ids.phones(RANDOM, "US", 100)),
        ("phone", [text[3:] for text in ids.phones(RANDOM, "CN", 100)]),
        ("iban", ids.ibans(RANDOM, "DE", 100)),
        ("card", ids.cards(RANDOM, 100)),
        ("name", [f"{a} {b}" for a, b in zip(example.pool("en", "given"), example.pool("en", "family"), strict=False)]),
        ("name", [b + a for a, b in zip(example.pool("zh", "given"), example.pool("zh", "family"), strict=False)]),
        *(("national_id", ids.national_ids(RANDOM, country, DAYS)) for country in ("US", "GB", "DE", "FR", "ES", "CN")),
    ],
)
def test_a_column_of_personal_data_is_detected_and_no_value_is_shown(kind: str, values: list[str]) -> None:
    found = {item.kind: item for item in detect(pl.Series(values))}
    assert kind in found
    assert not any(len(value) > 4 and value in str(found[kind]) for value in values)


def test_one_chinese_id_among_thousands_is_detected() -> None:
    values = ["-"] * 5000 + ids.national_ids(RANDOM, "CN", DAYS)[:1]
    assert [item.kind for item in detect(pl.Series(values))] == ["national_id"]


@pytest.mark.parametrize(
    "values",
    [
        list(range(1, 500)),
        [f"SKU-{number:05d}" for number in range(500)],
        ["active", "closed"] * 100,
        ["2025-01-15"] * 100,
        [4_000_000_000_000_000 + number for number in range(300)],
        [86_000_000_000 + number for number in range(300)],
        [],
        [None, None],
    ],
)
def test_harmless_columns_are_left_alone(values: list[int | str | None]) -> None:
    assert detect(pl.Series(values, dtype=pl.String if not values else None)) == []


def test_a_kept_column_of_ids_is_vetoed_until_an_owner_excepts_it(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": list(range(200)), "code": ids.national_ids(RANDOM, "CN", DAYS)})
    frame.write_parquet(tmp_path / "people.parquet")
    (tmp_path / "dataset.yaml").write_text(
        'dataset: people\nversion: "1"\nfiles: {people: people.parquet}\ntables: {people: {primary_key: [id]}}\n'
    )
    (tmp_path / "small.yaml").write_text(YAML)
    source, loaded = sources.load(tmp_path), policy.load(tmp_path / "small.yaml")
    (before,) = veto(source, loaded, datetime.date(2030, 1, 1))
    (after,) = veto(source, loaded, datetime.date(2030, 1, 2))
    assert (before.severity, after.severity) == ("note", "error")
    assert (after.place, after.id) == ("people.code", "detected-national_id")
