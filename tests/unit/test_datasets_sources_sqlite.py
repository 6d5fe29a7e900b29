"""Sources: SQLite databases; declared keys, types from declaration and values, and what is refused."""

import datetime
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from datasets_importing import bring, refused, settings

from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import places

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE, vip BOOLEAN,
  score NUMERIC, seen DATETIME);
CREATE TABLE orders (no TEXT, line INT, customer INTEGER REFERENCES customers, referrer REFERENCES customers (id),
  note TEXT, photo BLOB, PRIMARY KEY (no, line)) WITHOUT ROWID;
CREATE TABLE empty (id INTEGER PRIMARY KEY, at TIMESTAMP, size REAL, raw BLOB, anything);
CREATE VIEW everybody AS SELECT * FROM customers;
INSERT INTO customers VALUES (2, 'Bo', NULL, 0, 2, NULL), (1, 'Änna', '1980-01-02', 1, 1.5, '2025-01-01 10:00:00');
INSERT INTO orders VALUES ('b', 1, 2, NULL, '', x'00ff'), ('a', 1, 1, 2, NULL, NULL);
"""


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return settings(tmp_path)


def made(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def frame(home: Settings, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(places.find("clinic@1", home).read(table)))


def test_rows_types_and_declared_keys_come_through(home: Settings, tmp_path: Path) -> None:
    done = bring(home, made(tmp_path / "shop.db", SHOP))
    assert set(done.tables) == {"customers", "orders", "empty"}
    assert frame(home, "customers").rows() == [
        (1, "Änna", datetime.date(1980, 1, 2), True, 1.5, datetime.datetime(2025, 1, 1, 10)),
        (2, "Bo", None, False, 2.0, None),
    ]
    assert frame(home, "orders").rows() == [("a", 1, 1, 2, None, None), ("b", 1, 2, None, "", b"\x00\xff")]
    orders = done.tables["orders"]
    assert orders["primary_key"] == ["no", "line"]
    assert orders["foreign_keys"] == {"customer": "customers.id", "referrer": "customers.id"}
    assert orders["discovered"] == []
    assert not done.tables["customers"]["columns"]["name"]["nullable"]
    assert [item["type"] for item in done.tables["empty"]["columns"].values()] == [
        "int64",
        "timestamp[us]",
        "double",
        "binary",
        "string",
    ]
    assert done.notes == ("table empty of shop.db: has no rows",)


def test_the_database_is_left_as_it_was(home: Settings, tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db", SHOP)
    before = file.read_bytes()
    bring(home, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.glob("shop*")] == ["shop.db"]


def test_tables_can_be_chosen(home: Settings, tmp_path: Path) -> None:
    file = made(tmp_path / "shop.db", SHOP)
    refused(home, file, "has no table `gone`", tables=("customers", "gone"))
    refused(home, file, "`customer` refers to `customers.id`, which is no primary key", tables=("orders",))
    assert set(bring(home, file, tables=("customers", "empty")).tables) == {"customers", "empty"}


def test_columns_with_values_of_several_types_are_told_together(home: Settings, tmp_path: Path) -> None:
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 1, x'00'), (2, 'swordfish', 1.5)"
    told = refused(home, made(tmp_path / "t.db", script), "`a` holds integer and text", "`b` holds blob and real")
    assert "swordfish" not in told


def test_text_that_is_no_utf8_or_holds_nul_is_refused(home: Settings, tmp_path: Path) -> None:
    script = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'a'), (2, CAST(x'61ff' AS TEXT))"
    )
    refused(home, made(tmp_path / "t.db", script), "table t of t.db: column `a`, row 2: is not UTF-8")
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'a' || char(0) || 'b')"
    refused(home, made(tmp_path / "u.db", script), "column `a`, row 1: holds a NUL")


def test_a_date_column_with_something_else_stays_text(home: Settings, tmp_path: Path) -> None:
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, a DATE); INSERT INTO t VALUES (1, '2025-01-01'), (2, 'soon')"
    bring(home, made(tmp_path / "t.db", script))
    assert frame(home, "t")["a"].to_list() == ["2025-01-01", "soon"]


def test_foreign_keys_that_lead_nowhere_and_circles_are_refused(home: Settings, tmp_path: Path) -> None:
    script = """CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b (id));
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id));
        INSERT INTO a VALUES (1, 7); INSERT INTO b VALUES (1, 1)"""
    file = made(tmp_path / "t.db", script)
    refused(home, file, r"1 rows of `b` lead to no row of `b\.id`", "go round in a circle: a -> b -> a")


def test_a_table_without_key_gets_one_or_is_refused(home: Settings, tmp_path: Path) -> None:
    script = "CREATE TABLE t (id INT, x TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    assert bring(home, made(tmp_path / "t.db", script)).tables["t"]["discovered"] == ["primary_key"]
    refused(home, made(tmp_path / "u.db", script + ", (2, 'c')"), "table t of u.db: has no key", reference="u@1")


def test_a_broken_database_is_refused(home: Settings, tmp_path: Path) -> None:
    file = made(
        tmp_path / "shop.db",
        SHOP + "INSERT INTO customers SELECT value, hex(randomblob(90)), 0, 0, 0, 0"
        " FROM (WITH RECURSIVE n(value) AS (SELECT 10 UNION ALL SELECT value + 1 FROM n LIMIT 5000) SELECT * FROM n);",
    )
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    refused(home, file, "shop.db: cannot be read: ")
    file.write_bytes(content[:20_000] + b"\xee" * (len(content) - 20_000))
    refused(home, file, "shop.db: cannot be read: ")
    file.write_bytes(b"SQLite format 3\0 and no more")
    refused(home, file, "shop.db: cannot be read: ")


def test_virtual_tables_and_databases_without_tables_are_refused(home: Settings, tmp_path: Path) -> None:
    refused(home, made(tmp_path / "v.db", "CREATE VIRTUAL TABLE v USING fts5(body)"), "table `v` is virtual")
    refused(home, made(tmp_path / "n.sqlite", "CREATE VIEW v AS SELECT 1 AS id"), "holds no table")
