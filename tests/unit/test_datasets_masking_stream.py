"""A table is masked in batches, several at once: in the order of its rows, in bounded memory, all of it or nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox_suite.core.errors import BlockedError
from sandbox_suite.core.files import file_digest
from sandbox_suite.core.progress import silent
from sandbox_suite.datasets import masking, masking_stream, policy
from sandbox_suite.datasets.masking_batch import TablePlan
from sandbox_suite.datasets.sources import Table
from tests.unit.test_datasets_masking import MASTER, POLICY, SMALL_POLICY, example, people

SECONDS = 60  # after which a batch that waits for another gives up
PLAN = TablePlan(Table("t", ("id",)), policy.load(POLICY).rules("orders"))
EMPTY = pa.table({"order_id": pa.array([], pa.int64())})


def batch(number: int) -> pa.Table:
    return pa.table({"order_id": pa.array([2 * number, 2 * number + 1], pa.int64())})


def batches(count: int) -> Iterator[pa.Table]:
    return (batch(number) for number in range(count))


def unchanged(given: pa.Table, plan: TablePlan) -> masking_stream.Masked:
    return given, {}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for folder in ("tables", "spans"):
        (tmp_path / folder).mkdir()
    return tmp_path


def test_every_number_of_workers_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, seen = example(tmp_path), list[dict[str, str]]()
    monkeypatch.setattr(masking_stream, "SLICE", 7)
    for count in (1, 2, 5, 64):
        monkeypatch.setattr(masking_stream, "workers", lambda count=count: count)
        folder = tmp_path / str(count)
        masking.mask(source, policy.load(POLICY), MASTER, folder, silent)
        seen.append({str(path.relative_to(folder)): file_digest(path) for path in folder.rglob("*.*")})
    assert len(seen[0]) == 5  # three tables, one log of spans, and what tells of them
    assert all(found == seen[0] for found in seen)


def test_slices_of_every_size_hold_the_same_rows_and_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, files = example(tmp_path), ("tables/customers", "tables/notes", "spans/notes.body")
    seen: list[list[pl.DataFrame]] = []
    for rows in (1_000, 64, 13):
        monkeypatch.setattr(masking_stream, "SLICE", rows)
        masking.mask(source, policy.load(POLICY), MASTER, tmp_path / str(rows), silent)
        seen.append([pl.read_parquet(tmp_path / str(rows) / f"{name}.parquet") for name in files])
    assert all(one.equals(other) for found in seen for one, other in zip(found, seen[0], strict=True))


def test_who_is_ready_first_is_written_in_its_place(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking_stream, "workers", lambda: 3)
    other, order = threading.Event(), list[int]()

    def first_is_slow(given: pa.Table, plan: TablePlan) -> masking_stream.Masked:
        if plan.first == 0:
            assert other.wait(SECONDS)
        order.append(plan.first)
        other.set()
        return given, {}

    told, _ = masking_stream.write(batches(9), PLAN, first_is_slow, out, silent)
    assert order[0] != 0
    assert pq.read_table(out / "tables" / "t.parquet")["order_id"].to_pylist() == list(range(18))
    assert told["rows"] == 18


def test_no_more_is_read_than_there_are_workers(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking_stream, "workers", lambda: 2)
    free, ended, too_early = threading.Event(), set[int](), list[int]()

    def counted() -> Iterator[pa.Table]:
        for number in range(6):
            if number == 2:  # both workers have their batch: a third one may be read only when the first is through
                too_early.extend([] if 0 in ended else [number])
                free.set()
            yield batch(number)

    def slow(given: pa.Table, plan: TablePlan) -> masking_stream.Masked:
        free.wait(0.2 if plan.first == 0 else 0)  # time for a reader that does not wait; who does, is not kept
        ended.add(plan.first)
        return given, {}

    masking_stream.write(counted(), PLAN, slow, out, silent)
    assert not too_early


def test_progress_is_told_of_long_tables(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking_stream, "TOLD", 5)
    lines: list[str] = []
    masking_stream.write(batches(6), PLAN, unchanged, out, lines.append)
    assert lines == [f"masking t: {rows} rows so far" for rows in (6, 10)]


def test_a_batch_that_fails_stops_all_and_is_told_by_its_place_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking_stream, "SLICE", 3)
    count = 40
    phones = ["+491512345678"] * 30 + ["no phone"] + ["+491512345678"] * 9
    keys = [f"p{number}@a.test" for number in range(count)]
    source = people(tmp_path, id=keys, mail=["a@b.test"] * count, phone=phones, note=["-"] * count)
    rules = tmp_path / "small.yaml"
    rules.write_text(SMALL_POLICY.replace('{keep: {type: int64, pk: true, why: "surrogate key"}}', "{mask: email}"))
    with pytest.raises(BlockedError) as caught:
        masking.mask(source, policy.load(rules), MASTER, tmp_path / "out", silent)
    assert caught.value.explanation.what.endswith("rows #31")
    assert not working()
    assert not (tmp_path / "out" / "quarantine.json").exists()


def test_of_two_batches_that_fail_the_first_in_the_table_is_told(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking_stream, "workers", lambda: 4)
    later = threading.Event()

    def fails(given: pa.Table, plan: TablePlan) -> masking_stream.Masked:
        if plan.first == 6:
            later.set()
            raise ValueError("the later one")
        if plan.first == 2:
            assert later.wait(SECONDS)
            raise ValueError("the first one")
        return given, {}

    with pytest.raises(ValueError, match="the first one"):
        masking_stream.write(batches(20), PLAN, fails, out, silent)
    assert not working()


def test_a_source_that_breaks_off_leaves_no_thread(out: Path) -> None:
    def broken() -> Iterator[pa.Table]:
        yield batch(0)
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        masking_stream.write(broken(), PLAN, unchanged, out, silent)
    assert not working()


def test_an_empty_table_is_written(out: Path) -> None:
    told, _ = masking_stream.write(iter([EMPTY]), PLAN, unchanged, out, silent)
    assert told["rows"] == 0
    assert pq.read_table(out / "tables" / "t.parquet").schema == EMPTY.schema


def working() -> list[Any]:
    """Return the threads of masking that are still there."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("mask")]
