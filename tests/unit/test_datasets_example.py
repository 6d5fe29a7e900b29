"""Sources: the example data set made from a seed, and files of one's own."""

from pathlib import Path

import polars as pl
import pytest
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.us import ssn

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import example, sources

ROWS = {"customers": 400, "orders": 900, "notes": 600}
YAML = 'dataset: people\nversion: "1"\nfiles: {people: FILE}\ntables: {people: {primary_key: [id]}}\n'


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    made = {name: pl.from_arrow(table) for name, table in example.make(7, ROWS).items()}
    return {name: frame for name, frame in made.items() if isinstance(frame, pl.DataFrame)}


def written(folder: Path, name: str, content: bytes, yaml: str = YAML) -> sources.Source:
    (folder / name).write_bytes(content)
    (folder / "dataset.yaml").write_text(yaml.replace("FILE", name))
    return sources.load(folder)


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    first, again, other = (example.make(seed, ROWS) for seed in (7, 7, 8))
    for name, table in first.items():
        assert table.equals(again[name])
        assert not table.equals(other[name])


def test_a_longer_table_moves_no_other_table() -> None:
    few, more = example.make(7, ROWS), example.make(7, ROWS | {"orders": 1000})
    assert few["notes"].equals(more["notes"])


def test_keys_hold_and_emails_are_one_per_customer(tables: dict[str, pl.DataFrame]) -> None:
    customers = tables["customers"]
    assert {name: len(frame) for name, frame in tables.items()} == ROWS
    assert customers["customer_id"].is_unique().all()
    assert customers["email"].is_unique().all()
    for name in ("orders", "notes"):
        assert tables[name]["customer_id"].is_in(customers["customer_id"].to_list()).all()
    joined = tables["orders"].join(customers, on="customer_id")
    assert (joined["customer_email"] == joined["email"]).all()


@pytest.mark.parametrize(("country", "check"), [("US", ssn), ("DE", idnr), ("FR", nir), ("ES", dni), ("CN", ric)])
def test_national_ids_are_valid(tables: dict[str, pl.DataFrame], country: str, check: object) -> None:
    found = tables["customers"].filter(pl.col("country") == country)["national_id"].to_list()
    assert len(found) > 20
    assert all(check.is_valid(text) for text in found)  # type: ignore[attr-defined]


def test_chinese_customers_have_chinese_names_and_mobiles(tables: dict[str, pl.DataFrame]) -> None:
    chinese = tables["customers"].filter(pl.col("locale") == "zh_CN")
    assert chinese["full_name"].str.contains(r"^[\x{4e00}-\x{9fff}]{2,6}$").mean() > 0.98  # type: ignore[operator]
    assert chinese["phone"].str.contains(r"^\+861[3-9][0-9]{9}$").all()
    birth = chinese["birth_date"].dt.strftime("%Y%m%d")
    assert (chinese["national_id"].str.slice(6, 8) == birth).all()


def test_about_two_notes_of_five_hold_personal_data(tables: dict[str, pl.DataFrame]) -> None:
    joined = tables["notes"].join(tables["customers"], on="customer_id")
    body = joined["body"]
    named = body.str.contains(joined["full_name"], literal=True)
    assert 0.3 < (body.str.contains("@|[0-9]{6}") | named).mean() < 0.5  # type: ignore[operator]
    assert named.sum() > 50


def test_the_shipped_data_set_has_a_hundred_thousand_rows() -> None:
    source = sources.load(CHECKOUT / "examples" / "datasets" / "customer-sample.yaml")
    assert source.document.generator is not None
    assert sum(source.document.generator.rows.values()) == 100_000
    assert (source.name, source.version) == ("customer-sample", "2025-01")
    assert source.digest() == source.digest()


def test_csv_files_are_read_with_the_types_they_are_given(tmp_path: Path) -> None:
    yaml = YAML.replace("[id]}", "[id], columns: {born: date, seen: timestamp, zip: text, vip: bool}}")
    rows = "id,born,seen,zip,vip\n1,2001-02-03,2025-01-01T10:00:00,01067,true\n"
    source = written(tmp_path, "p.csv", rows.encode(), yaml)
    assert {name: item.type for name, item in source.schema()["people"].items()} == {
        "id": "int64",
        "born": "date32[day]",
        "seen": "timestamp[us]",
        "zip": "string",
        "vip": "bool",
    }
    assert source.read("people")["zip"].to_pylist() == ["01067"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.parquet", b"PAR1 and no more", "cannot be read"),
        ("p.csv", b"id,id\n1,2\n", "column `id` stands twice"),
        ("p.csv", b"", "is empty"),
        ("p.csv", b"id,name\n1,\xff\xfe\n", "cannot be read"),
        ("p.csv", b"name\nanna\n", "people.id: is described"),
        ("p.csv", b"id,Full Name\n1,a\n", "column names are lower-case"),
        ("p.xls", b"", "not .csv or .parquet"),
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    source = written(tmp_path, name, content)
    with pytest.raises(RequestError) as caught:
        source.read("people")
    assert said in caught.value.explanation.what


def test_a_cell_that_does_not_parse_is_not_quoted(tmp_path: Path) -> None:
    yaml = YAML.replace("[id]}", "[id], columns: {born: date}}")
    source = written(tmp_path, "p.csv", b"id,born\n1,swordfish\n", yaml)
    with pytest.raises(RequestError) as caught:
        source.read("people")
    assert "swordfish" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(YAML.replace("FILE", "gone.csv"))
    with pytest.raises(RequestError, match=r"gone\.csv"):
        sources.load(tmp_path).read("people")


def test_a_description_tells_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(
        'dataset: people\nversion: "1"\nfiles: {a: a.csv, b: b.csv}\n'
        "tables: {a: {primary_key: [id], foreign_keys: {c: gone.id}}, z: {primary_key: [id]}}\n"
    )
    with pytest.raises(RequestError) as caught:
        sources.load(tmp_path)
    for said in ("table `z` has no file", "table `b` is not described", "`a.c` refers to unknown table `gone`"):
        assert said in caught.value.explanation.what


def test_a_described_column_that_a_file_lacks_is_told(tmp_path: Path) -> None:
    source = written(tmp_path, "p.csv", b"id\n1\n", YAML.replace("[id]}", "[id], columns: {born: date}}"))
    with pytest.raises(RequestError, match=r"people\.born: is described"):
        source.read("people")
