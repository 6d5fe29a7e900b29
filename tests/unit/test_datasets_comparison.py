"""Two versions side by side, without a value that nobody may see."""

import datetime
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_datasets_store import KEY

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, comparison, profile, sides
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.comparison import Comparison
from sandbox_suite.datasets.store import Store

NOW = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
RULES: dict[str, dict[str, Any]] = {
    "id": {"keep": {"type": "int64", "pk": True, "why": "surrogate"}},
    "email": {"mask": "email", "mode": "tagged", "domain": "email"},
    "born": {"mask": "date", "mode": "realistic", "domain": "date"},
    "status": {"keep": {"enum": ["active", "closed"], "why": "no person"}},
    "amount": {"keep": {"range": [0, 1000], "why": "an amount"}},
    "seen": {"keep": {"range": ["2024-01-01", "2024-12-31"], "why": "a day"}},
    "code": {"keep": {"regex": "c[0-9]", "why": "a code"}},
    "flag": {"keep": {"type": "bool", "why": "yes or no"}},
}


def rows(**columns: Any) -> pl.DataFrame:
    base: dict[str, list[Any]] = {
        "id": [1, 2, 3, 4],
        "email": ["anna@corp.invalid", "bob@corp.invalid", None, "dora@corp.invalid"],
        "born": [datetime.date(1980 + year, 3, 4) for year in range(4)],
        "status": ["active", "active", "closed", None],
        "amount": [10, 20, 30, 40],
        "seen": [datetime.date(2024, month, 1) for month in (1, 2, 3, 4)],
        "code": ["c1", "c2", "c3", "c4"],
        "flag": [True, False, True, True],
    }
    return pl.DataFrame({**base, **columns})


def arrow(kind: pl.DataType) -> str:
    return {"Int64": "int64", "String": "string", "Date": "date32[day]", "Boolean": "bool"}.get(str(kind), str(kind))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(attestation, "signing_key", lambda home: KEY)
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


def add(
    place: Settings, version: str, frame: pl.DataFrame, raw: bool = False, at: datetime.datetime = NOW, **more: Any
) -> str:
    """Store a version of `demo` with one table; return the digest of its manifest."""
    made = place.home / "made"
    made.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(made / "people.parquet")
    columns: dict[str, dict[str, Any]] = {
        name: {"type": arrow(kind), "nullable": True} for name, kind in frame.schema.items()
    }
    if not raw:
        columns = {name: {**facts, "rule": RULES.get(name, {"mask": "null"})} for name, facts in columns.items()}
    table = {
        "rows": frame.height,
        "primary_key": ["id"],
        "foreign_keys": {},
        "order": frame.columns,
        "columns": columns,
        "file_digest": file_digest(made / "people.parquet"),
        **more,
    }
    head = {"schema": 1, "name": "demo", "version": version, "tables": {"people": table}}
    shown = {**head, **({"state": "raw", "source": "sha256:1"} if raw else {"digest": digest(version.encode())})}
    store = Store(place.home / "datasets")
    found = store.commit(shown, made, None if raw else signed(shown, at))
    store.point(found, "raw" if raw else "attested", "demo", version)
    return found


def signed(shown: dict[str, Any], at: datetime.datetime) -> dict[str, Any]:
    body = {"schema": 1, "manifest": digest(canonical(shown)), "findings": 0, "checks": [{"name": "files"}]}
    times = {"at": at.isoformat(), "expires_at": attestation.expiry(at, [])}
    return attestation.sign({**body, **times, "cache_key": "c" * 64}, KEY)


def compare(place: Settings, left: str, right: str) -> Comparison:
    return comparison.compare(*(sides.find(text, place, NOW) for text in (left, right)))


def told(found: Comparison) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {(one.place.removeprefix("people."), one.what): (one.left, one.right) for one in found.differences}


def facts(found: Comparison) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {key: both for key, both in told(found).items() if key[1] != "content"}


def test_the_same_content_has_no_difference(place: Settings) -> None:
    add(place, "1", rows())
    add(place, "2", rows())
    found = compare(place, "demo@1", "demo@2")
    assert found.differences == []
    assert found.profiles == {}
    assert found.as_dict()["same"] is True


def test_other_rows_are_told_where_no_count_shows_them(place: Settings) -> None:
    add(place, "1", rows())
    add(place, "2", rows(email=["eve@corp.invalid", "bob@corp.invalid", None, "dora@corp.invalid"]))
    ((key, digests),) = told(compare(place, "demo@1", "demo@2")).items()
    assert key == ("people", "content")
    assert digests[0] != digests[1]


def test_a_changed_schema_is_told(place: Settings) -> None:
    add(place, "1", rows().drop("flag"))
    add(place, "2", rows().with_columns(pl.col("amount").cast(pl.String)).drop("code"), primary_key=["id", "email"])
    found = told(compare(place, "demo@1", "demo@2"))
    assert found["flag", "column"] == (None, "bool")
    assert found["code", "column"] == ("string", None)
    assert found["amount", "type"] == ("int64", "string")
    assert found["people", "primary key"] == (["id"], ["id", "email"])


def test_a_changed_rule_is_told(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    add(place, "1", rows())
    monkeypatch.setitem(RULES, "email", {"mask": "null"})
    add(place, "2", rows())
    assert told(compare(place, "demo@1", "demo@2"))["email", "rule"][1] == {"mask": "null"}


def test_rows_and_distributions_of_kept_columns_are_told(place: Settings) -> None:
    add(place, "1", rows())
    add(
        place,
        "2",
        rows(status=["closed"] * 4, amount=[10, 20, 500, 900], flag=pl.Series([None] * 4, dtype=pl.Boolean)).head(3),
    )
    found = told(compare(place, "demo@1", "demo@2"))
    assert found["people", "rows"] == (4, 3)
    assert found["status", "shares"] == ({"active": 0.666667, "closed": 0.333333}, {"closed": 1.0})
    assert found["status", "nulls"] == (1, 0)
    assert found["amount", "max"] == (40, 500)
    assert found["seen", "max"] == ("2024-04-01", "2024-03-01")
    assert found["flag", "shares"] == ({"True": 0.75, "False": 0.25}, {})


def test_a_masked_column_shows_counts_only(place: Settings) -> None:
    add(place, "1", rows())
    add(place, "2", rows(email=[None] * 3 + ["eve@corp.invalid"], born=[datetime.date(1999, 9, 9)] * 4))
    found = compare(place, "demo@1", "demo@2")
    assert told(found)["email", "nulls"] == (1, 3)
    assert told(found)["born", "distinct"] == (4, 1)
    assert set(found.profiles["people"]["born"][0] or {}) == {"nulls", "distinct"}
    text = json.dumps(found.as_dict())
    for value in ("corp.invalid", "1999", "1980", '"c1"'):
        assert value not in text


def test_raw_rows_without_a_policy_show_counts_only(place: Settings) -> None:
    add(place, "1", rows(), raw=True)
    add(place, "2", rows(status=["anna@corp.invalid"] * 4, amount=[1, 2, 3, 99999]), raw=True)
    found = compare(place, "demo@1", "demo@2")
    for column, (left, right) in found.profiles["people"].items():
        assert set(left or {}) == set(right or {}) == {"nulls", "distinct"}, column


def test_raw_rows_show_of_kept_columns_what_their_rule_promises_and_how_much_is_outside(place: Settings) -> None:
    add(place, "1", rows())
    add(place, "1", rows(), raw=True)
    strange = rows(
        id=[7, 8, 9, 491512345678],
        status=["active", "closed", "anna@corp.invalid", "Anna Lange"],
        amount=[1, 2, 3, 491512345678],
        seen=[datetime.date(2024, 5, 5), datetime.date(1980, 3, 4), None, None],
    )
    add(place, "2", strange)
    add(place, "2", strange, raw=True)
    found = compare(place, "raw:demo@1", "raw:demo@2")
    right = {column: pair[1] or {} for column, pair in found.profiles["people"].items()}
    assert right["status"] == {"nulls": 0, "distinct": 4, "shares": {"active": 0.25, "closed": 0.25}, "outside": 2}
    assert (right["amount"]["max"], right["amount"]["outside"]) == (3, 1)
    assert (right["seen"]["max"], right["seen"]["outside"]) == ("2024-05-05", 1)
    assert set(right["id"]) == {"nulls", "distinct"}, "nobody has proved what a raw key holds"
    text = json.dumps(found.as_dict())
    for value in ("corp.invalid", "Lange", "4915", "1980"):
        assert value not in text


def test_raw_and_attested_of_one_version_can_be_compared(place: Settings) -> None:
    add(place, "1", rows(), raw=True)
    add(place, "1", rows(email=["u1@example.com"] * 4))
    found = compare(place, "raw:demo@1", "attested:demo@1")
    assert (found.left.state, found.right.state) == ("raw", "attested")
    assert facts(found) == {("email", "nulls"): (1, 0), ("email", "distinct"): (3, 1)}


def test_two_contents_of_one_version_are_told_apart_by_digest(place: Settings) -> None:
    one = add(place, "1", rows())
    two = add(place, "1", rows(amount=[1, 1, 1, 1]))
    assert told(compare(place, one[:12], two[:12]))["amount", "min"] == (10, 1)


def test_an_expired_version_can_still_be_compared(place: Settings) -> None:
    add(place, "1", rows(), at=NOW - datetime.timedelta(days=200))
    add(place, "2", rows(amount=[1, 2, 3, 4]))
    found = compare(place, "demo@1", "demo@2")
    assert (found.left.state, found.right.state) == ("expired", "attested")
    assert told(found)["amount", "max"] == (40, 4)


def test_tables_that_come_and_go_are_told(place: Settings) -> None:
    add(place, "1", rows())
    left, right = (sides.find("demo@1", place, NOW) for _ in range(2))
    right.manifest["tables"]["visits"] = right.manifest["tables"].pop("people")
    left.manifest["tables"]["visits"] = {**left.manifest["tables"]["people"], "rows": 9}
    assert facts(comparison.compare(left, right)) == {
        ("people", "table"): ("4 rows", None),
        ("visits", "rows"): (9, 4),
    }


@pytest.mark.parametrize("spoil", ["manifest.json", "tables/people.parquet", "attestation.json"])
def test_what_was_changed_in_the_store_is_not_compared(place: Settings, spoil: str) -> None:
    path = Store(place.home / "datasets").raw(add(place, "1", rows())) / spoil
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content.replace(b"people", b"peeple").replace(b"findings", b"findinks")[: len(content) - 1] + b" ")
    with pytest.raises(NotAttestedError):
        sides.find("demo@1", place, NOW)


@pytest.mark.parametrize("text", ["demo", "demo@9", "cooked:demo@1", "raw:demo@1", "deadbeef", "../x@1", "", "@"])
def test_what_is_not_stored_is_a_mistake_that_says_what_is(place: Settings, text: str) -> None:
    add(place, "1", rows())
    with pytest.raises(RequestError):
        sides.find(text, place, NOW)


def test_numbers_that_are_none_and_empty_tables_have_profiles(tmp_path: Path) -> None:
    keep = {"keep": {"range": [0, 10], "why": "a share"}}
    pl.DataFrame({"share": [float("nan"), 1.0, None, float("inf")]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"share": []}, schema={"share": pl.Float64}).write_parquet(tmp_path / "b.parquet")
    assert profile.table(tmp_path / "a.parquet", {"share": keep}, True)["share"]["max"] == 1.0
    assert profile.table(tmp_path / "b.parquet", {"share": keep}, True)["share"] == {"nulls": 0, "distinct": 0}
