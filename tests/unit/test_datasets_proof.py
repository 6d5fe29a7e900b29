"""A table's digest tells every difference that matters, and no other."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets import proof
from sandbox_suite.postgres import ddl


def table(frame: pl.DataFrame, **types: str) -> dict[str, Any]:
    columns = {name: {"type": types.get(name, "string"), "nullable": True} for name in frame.columns}
    return {"rows": frame.height, "primary_key": [], "foreign_keys": {}, "order": frame.columns, "columns": columns}


def digest(frame: pl.DataFrame, **types: str) -> str:
    return proof.frame_digest(frame, table(frame, **types))


PEOPLE = pl.DataFrame({"a": ["x", None, "王伟"], "b": ["1", "2", ""]})


def test_the_order_of_rows_does_not_matter() -> None:
    assert digest(PEOPLE) == digest(PEOPLE.reverse())


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.head(2),
        lambda frame: pl.concat([frame, frame.head(1)]),
        lambda frame: frame.with_columns(pl.col("a").fill_null("")),
        lambda frame: frame.with_columns(pl.col("a").fill_null("-")),
        lambda frame: frame.with_columns(a="b", b="a"),
        lambda frame: frame.with_columns(pl.col("b").str.replace("^$", " ")),
        lambda frame: frame.with_columns(pl.col("b").shift(1)),
        lambda frame: frame.select(a=pl.concat_str("a", "b"), b=pl.lit("")),
    ],
)
def test_every_other_difference_does(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    assert digest(change(PEOPLE)) != digest(PEOPLE)


def test_an_empty_table_has_a_digest() -> None:
    assert digest(PEOPLE.clear()).startswith("sha256:")


def test_a_table_read_from_its_file_has_the_digest_of_its_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "whole": [1, None],
            "share": [0.1, float("nan")],
            "day": [datetime.date(1969, 7, 20), None],
            "at": [datetime.datetime(2024, 2, 29, 1, 2, 3, 4), None],
            "price": pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(12, 2)),
            "raw": [b"\x00\xff", None],
            "is": [True, None],
        }
    )
    types = {"whole": "int64", "share": "double", "day": "date32[day]", "at": "timestamp[us]", "raw": "binary"}
    described = table(frame, **types, price="decimal128(12, 2)", **{"is": "bool"})
    frame.write_parquet(tmp_path / "t.parquet")
    assert proof.table_digest(tmp_path / "t.parquet", described) == proof.frame_digest(frame, described)


def test_a_data_sets_digest_follows_from_its_tables() -> None:
    one = {"a": "sha256:1", "b": "sha256:2"}
    assert proof.dataset_digest(one) == proof.dataset_digest(dict(reversed(one.items())))
    assert proof.dataset_digest(one) != proof.dataset_digest({"a": "sha256:2", "b": "sha256:1"})


def test_names_are_quoted() -> None:
    frame = pl.DataFrame({'a"b': ["x"]})
    (text,) = proof.sql({"tables": {'t"; DROP': table(frame)}}).values()
    assert '"dataset"."t""; DROP"' in text
    assert '"a""b"' in text


@pytest.mark.parametrize("name", ["", "x" * 64, "a\0b", "é" * 32])
def test_a_name_that_postgresql_would_change_is_refused(name: str) -> None:
    with pytest.raises(RequestError):
        ddl.identifier(name)


def test_a_type_that_cannot_be_loaded_is_named() -> None:
    with pytest.raises(RequestError, match="list<item: int64>"):
        ddl.postgres_type("list<item: int64>")
