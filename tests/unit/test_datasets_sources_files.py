"""Sources: CSV and Parquet files, alone and in folders; what is read, and what is refused in which words."""

import bz2
import datetime
import gzip
import lzma
import os
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from datasets_importing import bring, refused, settings

from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import places
from sandbox_suite.datasets.importing import Keys
from sandbox_suite.datasets.sources import csv_bytes, csv_files, parquet_files, plain

PEOPLE = b"id,name\n1,Anna\n2,Bo\n"
CHINESE = "id,name\n" + "".join(f"{row},王伟住在北京市朝阳区建国路八十八号\n" for row in range(1, 40))
GERMAN = "id,name\n1,Anna\n" + "".join(f"{row},Jürgen Müller wohnt in der Königstraße\n" for row in range(2, 40))


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return settings(tmp_path)


@pytest.fixture
def at(tmp_path: Path) -> Path:
    folder = tmp_path / "from"
    folder.mkdir()
    return folder


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def frame(home: Settings, table: str, reference: str = "clinic@1") -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(places.find(reference, home).read(table)))


# ---- what is read


def test_types_of_a_csv_follow_from_all_of_its_values(home: Settings, at: Path) -> None:
    rows = "".join(f"{row},{row}.5,true,2025-01-31,2025-01-31 12:00:00,0{row},{row},x\n" for row in range(300))
    head = "id,share,is,day,at,zip,late,text\n"
    done = bring(home, written(at / "rows.csv", (head + rows + "300,1,false,2024-02-29,,01,no,\n").encode()))
    assert {name: item["type"] for name, item in done.tables["rows"]["columns"].items()} == {
        "id": "int64",
        "share": "double",
        "is": "bool",
        "day": "date32[day]",
        "at": "timestamp[us]",
        "zip": "string",
        "late": "string",
        "text": "string",
    }
    last = frame(home, "rows").row(300, named=True)
    assert last == {
        "id": 300,
        "share": 1.0,
        "is": False,
        "day": datetime.date(2024, 2, 29),
        "at": None,
        "zip": "01",
        "late": "no",
        "text": None,
    }


@pytest.mark.parametrize("value", ["007", "+1", "12345678901234567890", "1_000", "0x1f", "2025-02-30", "1e", " 1", "٣"])
def test_what_would_not_come_back_stays_text(home: Settings, at: Path, value: str) -> None:
    bring(home, written(at / "codes.csv", f"id,code\n1,{value}\n".encode()))
    assert frame(home, "codes")["code"].to_list() == [value]


def test_null_and_empty_text_differ(home: Settings, at: Path) -> None:
    bring(home, written(at / "t.csv", b'id,text\n1,\n2,""\n3,"a ""b"",\nc"\n'))
    assert frame(home, "t")["text"].to_list() == [None, "", 'a "b",\nc']


def test_a_type_that_is_asked_for_is_not_guessed(home: Settings, at: Path) -> None:
    file = written(at / "cards.csv", b"id,card\n1,4111111111111111\n")
    bring(home, file, types={"cards.card": "text"})
    assert frame(home, "cards")["card"].to_list() == ["4111111111111111"]


def test_a_value_that_does_not_have_the_asked_type_is_told_without_it(home: Settings, at: Path) -> None:
    file = written(at / "t.csv", b"id,day\n1,2025-01-01\n2,swordfish\n")
    told = refused(home, file, r"t\.csv: column `day`, row 2: not a date", types={"t.day": "date"})
    assert "swordfish" not in told
    refused(home, file, "there is no `t.gone`", types={"t.gone": "date"})
    refused(home, file, "`varchar` is no type", types={"t.day": "varchar"})


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_other_delimiters_are_seen_in_the_line_of_names(home: Settings, at: Path, delimiter: str, name: str) -> None:
    bring(home, written(at / f"{name}.csv", PEOPLE.replace(b",", delimiter.encode())))
    assert frame(home, name)["name"].to_list() == ["Anna", "Bo"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_names_the_encoding(home: Settings, at: Path, encoding: str) -> None:
    bring(home, written(at / "people.csv", CHINESE.encode(encoding)))
    assert frame(home, "people").columns == ["id", "name"]
    assert frame(home, "people")["name"][0].startswith("王伟")


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstandard.compress)],
)
def test_packed_csv_files_are_unpacked(home: Settings, at: Path, suffix: str, pack: object) -> None:
    bring(home, written(at / f"people.csv.{suffix}", pack(PEOPLE)))  # type: ignore[operator]
    assert frame(home, "people")["id"].to_list() == [1, 2]


def test_every_type_of_a_parquet_file_comes_through(home: Settings, at: Path) -> None:
    day, time = datetime.date(2024, 2, 29), datetime.time(12, 0, 1)
    moment = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)
    columns = {
        "id": pa.array([1, 2], pa.int32()),
        "word": pa.array(["a", None]).dictionary_encode(),
        "long": pa.array(["b", ""], pa.large_string()),
        "price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "day": pa.array([day, None], pa.date64()),
        "time": pa.array([time, None], pa.time32("s")),
        "at": pa.array([moment, None], pa.timestamp("ns", "UTC")),
        "raw": pa.array([b"\0\xff", None]),
        "small": pa.array([0.5, None], pa.float32()),
        "none": pa.nulls(2),
        "big": pa.array([2**63 - 1, None], pa.uint64()),
    }
    bring(home, parquet(at / "all.parquet", **columns))
    got = frame(home, "all")
    assert got.row(0) == (1, "a", "b", Decimal("1.50"), day, time, moment, b"\0\xff", 0.5, None, 2**63 - 1)
    assert got.row(1, named=True)["word"] is None
    assert {name: item["type"] for name, item in bring(home, at / "all.parquet").tables["all"]["columns"].items()} == {
        "id": "int32",
        "word": "string",
        "long": "string",
        "price": "decimal128(10, 2)",
        "day": "date32[day]",
        "time": "time64[us]",
        "at": "timestamp[us, tz=UTC]",
        "raw": "binary",
        "small": "float",
        "none": "string",
        "big": "int64",
    }


def test_comments_of_parquet_columns_are_kept(home: Settings, at: Path) -> None:
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("tel", pa.string(), metadata={"comment": "home phone"})])
    pq.write_table(pa.table([[1], ["x"]], schema=schema), at / "people.parquet")
    assert bring(home, at / "people.parquet").tables["people"]["columns"]["tel"]["comment"] == "home phone"


def test_batches_are_cut_by_rows_and_by_bytes() -> None:
    table = pa.table({"text": ["x" * 1000] * 1000})
    sizes = [batch.num_rows for batch in plain.regroup([table, table], 700)]
    assert sizes == [700, 700, 600]
    small = [table.slice(start, 100) for start in range(0, 1000, 100)]
    assert max(batch.nbytes for batch in plain.regroup(small, 10_000, largest=250_000)) < 400_000
    assert [batch.num_rows for batch in plain.regroup([table.slice(0, 0)])] == [0]


def test_texts_that_a_parquet_file_holds_once_are_unpacked_in_bounded_parts(
    at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "LARGEST_BATCH", 1 << 20)
    file = parquet(at / "p.parquet", id=list(range(5000)), text=pa.array(["x" * 10_000] * 5000), raw=[b"y"] * 5000)
    assert file.stat().st_size < 200_000
    batches = list(parquet_files.rows(file, parquet_files.found(file, "p").columns))
    assert max(batch.nbytes for batch in batches) < 2 << 20
    assert sum(batch.num_rows for batch in batches) == 5000
    assert batches[-1]["text"][-1].as_py() == "x" * 10_000


def test_files_of_a_folder_are_tables(home: Settings, at: Path) -> None:
    written(at / "People-2025.csv", PEOPLE)
    parquet(at / "visits.parquet", visit_id=[10, 11], person_id=[1, 1])
    written(at / "README.md", b"not a table")
    assert set(bring(home, at).tables) == {"people_2025", "visits"}


# ---- what is refused


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.csv", b"", r"p\.csv: is empty"),
        ("p.csv", b"id,name\n", r"p\.csv: has no rows"),
        ("p.csv", b"id,name\n1,a\0b\n", r"p\.csv: line 2: holds a NUL"),
        ("p.csv", b"id,id,name,name\n1,2,3,4\n", r"column `id` stands twice\n.*column `name` stands twice"),
        ("p.csv", b"id,,x\n1,2,3\n", "column 2 has no name"),
        ("p.csv", b"id,Full Name\n1,a\n", "p.Full Name: .*for instance `full_name`"),
        ("1p.csv", PEOPLE, "table `1p`: names are lower-case"),
        ("p.csv", b'id,name\n1,"Anna\n2,Bo\n', "p.csv: has an odd number of quotes"),
        ("p.parquet", b"PAR1 and no more", "p.parquet: cannot be read"),
        ("p.csv.gz", b"\x1f\x8b\x08 and no more", r"p\.csv\.gz: cannot be unpacked"),
        ("p.csv.gz", gzip.compress(PEOPLE * 9)[:-9], r"p\.csv\.gz: cannot be unpacked"),
        ("p.csv.zst", zstandard.compress(PEOPLE)[:-3], r"p\.csv\.zst: "),
        ("p.parquet.gz", gzip.compress(PEOPLE), "only CSV files and plain dumps are unpacked"),
        ("p.xls", b"\xd0\xcf\x11\xe0", "p.xls: is of no kind that is known here"),
    ],
)
def test_a_bad_file_is_refused(home: Settings, at: Path, name: str, content: bytes, said: str) -> None:
    refused(home, written(at / name, content), said)


@pytest.mark.parametrize("cut", [10, 200, 2000])
def test_a_truncated_parquet_file_is_refused(home: Settings, at: Path, cut: int) -> None:
    file = parquet(at / "p.parquet", id=list(range(5000)), name=[f"name {row}" for row in range(5000)])
    written(file, file.read_bytes()[:-cut])
    refused(home, file, "p.parquet: cannot be read")


def test_a_parquet_file_with_a_hole_in_its_rows_is_refused(home: Settings, at: Path) -> None:
    file = parquet(at / "p.parquet", id=list(range(50_000)), name=[f"name {row}" for row in range(50_000)])
    content = bytearray(file.read_bytes())
    content[5000:60_000] = b"\xee" * 55_000
    refused(home, written(file, bytes(content)), "p.parquet: cannot be read")


def test_rows_with_more_or_fewer_cells_are_counted_by_number(home: Settings, at: Path) -> None:
    file = written(at / "p.csv", b"id,name\n1,a\n2,b,c\n3\n4,d\n5,e,f,g\n6\n")
    refused(home, file, "row 3 has 3 cells; row 4 has 1 cells; row 6 has 4 cells and 1 more; there are 2 columns")


@pytest.mark.parametrize(
    ("text", "encoding", "line", "spoken"),
    [(CHINESE, "gb18030", 2, "GB18030"), (GERMAN, "cp1252", 3, "windows-1252")],
)
def test_the_line_of_another_encoding_is_told_and_which_one_works(
    home: Settings, at: Path, text: str, encoding: str, line: int, spoken: str
) -> None:
    file = written(at / "p.csv", text.encode(encoding))
    told = refused(home, file, f"p.csv: cannot be read: line {line} is not UTF-8; {spoken} reads it whole")
    assert f"--encoding {encoding}" in told
    bring(home, file, encoding=encoding)
    assert frame(home, "p")["name"].to_list()[-1] == text.splitlines()[-1].partition(",")[2]


def test_mixed_encodings_are_told_as_such(home: Settings, at: Path) -> None:
    file = written(at / "p.csv", GERMAN.encode() + "77,Jürgen\n".encode("cp1252"))
    refused(home, file, "line 41 is not UTF-8, 38 other lines are: 1 lines have another encoding")


def test_an_unknown_encoding_is_refused(home: Settings, at: Path) -> None:
    refused(home, written(at / "p.csv", PEOPLE), "`utf-9` is no encoding", encoding="utf-9")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_cell_of_ten_megabytes_is_refused(home: Settings, at: Path, kind: str) -> None:
    cell = "x" * (10 << 20)
    file = at / f"p.{kind}"
    if kind == "csv":
        written(file, f"id,text\n1,a\n2,{cell}\n3,b\n".encode())
    else:
        parquet(file, id=[1, 2, 3], text=["a", cell, "b"])
    told = refused(home, file, r"p\.(csv|parquet): .*(column `text`, row 2: a cell of 10\.0 MiB|a row after row)")
    assert "xxxx" not in told


def test_rows_longer_than_a_block_are_read_once(home: Settings, at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "BLOCKS", (1000, 100_000))
    rows = [f"{row},{'x' * (20_000 if row == 300 else 20)}" for row in range(500)]
    bring(home, written(at / "p.csv", ("id,text\n" + "\n".join(rows)).encode()))
    got = frame(home, "p")
    assert got["id"].to_list() == list(range(500))
    assert got["text"].str.len_bytes().to_list() == [20] * 300 + [20_000] + [20] * 199


def test_a_quote_that_is_closed_much_later_is_refused(home: Settings, at: Path) -> None:
    refused(home, written(at / "p.csv", b'id,text\n1,"a\n' + b"2,b\n" * 6_000_000 + b'"\n'), "a quote is not closed")


def test_a_packed_bomb_is_refused_before_it_is_unpacked(
    home: Settings, at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_bytes, "FREE", 1 << 20)
    file = written(at / "p.csv.gz", gzip.compress(b"id,text\n" + b"1," + b"0" * (20 << 20)))
    refused(home, file, r"p\.csv\.gz: unpacks to more than 200 times its size")


def test_parquet_types_without_a_place_are_told_together(home: Settings, at: Path) -> None:
    columns = {
        "id": [1],
        "tags": [["a", "b"]],
        "who": [{"name": "Anna"}],
        "lasts": pa.array([datetime.timedelta(1)]),
        "wide": pa.array([Decimal(1)], pa.decimal256(60, 2)),
    }
    file = parquet(at / "p.parquet", **columns)
    refused(home, file, "`tags` is list", "`who` is struct", "`lasts` is duration", "`wide` is decimal256")


def test_parquet_values_without_a_place_are_told_by_column(home: Settings, at: Path) -> None:
    columns = {"id": [1], "n": pa.array([2**64 - 1], pa.uint64()), "t": pa.array([1], pa.timestamp("ns"))}
    refused(home, parquet(at / "p.parquet", **columns), "column `n`, within 1 rows", "column `t`, within 1 rows")


def test_parquet_columns_of_one_name_and_text_with_nul_are_refused(home: Settings, at: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"]), at / "p.parquet")
    refused(home, at / "p.parquet", "column `id` stands twice")
    refused(home, parquet(at / "q.parquet", id=[1, 2], t=["a", "b\0"]), "column `t`, row 2: holds a NUL")


def test_an_empty_parquet_table_is_refused(home: Settings, at: Path) -> None:
    refused(home, parquet(at / "p.parquet", id=pa.array([], pa.int64())), "has no rows: neither types nor keys")


def test_what_is_not_there_is_refused(home: Settings, at: Path) -> None:
    refused(home, at / "gone.csv", "No such file")
    refused(home, at, "holds no CSV or Parquet file")
    os.mkfifo(at / "pipe.csv")
    refused(home, at / "pipe.csv", "is no file and no folder")
    refused(home, at, "pipe.csv: is no file")


def test_links_that_lead_out_of_the_folder_are_refused(home: Settings, at: Path, tmp_path: Path) -> None:
    written(at / "people.csv", PEOPLE)
    (at / "outside.csv").symlink_to(written(tmp_path / "secret.csv", PEOPLE))
    (at / "nowhere.csv").symlink_to(at / "gone.csv")
    refused(home, at, "outside.csv: leads out of", "nowhere.csv: leads nowhere")
    for name in ("outside.csv", "nowhere.csv"):
        (at / name).unlink()
    (at / "within.csv").symlink_to(at / "people.csv")
    assert set(bring(home, at).tables) == {"people", "within"}


def test_files_that_a_description_names_outside_its_folder_are_refused(
    home: Settings, at: Path, tmp_path: Path
) -> None:
    written(tmp_path / "secret.csv", PEOPLE)
    (at / "dataset.yaml").write_text(
        'dataset: clinic\nversion: "1"\nfiles: {people: ../secret.csv}\ntables: {people: {primary_key: [id]}}\n'
    )
    refused(home, at, "secret.csv: leads out of")


def test_mistakes_of_all_files_are_told_at_once(home: Settings, at: Path) -> None:
    written(at / "a.csv", b"id,id\n1,2\n")
    written(at / "b.csv", b"id,x\n1,\0\n")
    written(at / "c.parquet", b"PAR1")
    written(at / "people.csv", PEOPLE)
    parquet(at / "people.parquet", id=[1])
    refused(home, at, "a.csv: column `id`", "b.csv: line 2", "c.parquet: cannot", "both be table `people`")


# ---- keys


def test_a_key_that_nobody_declares_is_discovered(home: Settings, at: Path) -> None:
    written(at / "customers.csv", b"name,customer_id\nAnna,7\nBo,8\n")
    written(at / "orders.csv", b"order_id,customer_id,billing_customer_id,amount\n1,7,8,1\n2,7,,1\n3,8,8,2\n")
    written(at / "lines.csv", b"order_id,line_no,sku\n1,1,a\n1,2,a\n2,1,b\n")
    tables = bring(home, at).tables
    assert tables["customers"]["primary_key"] == ["customer_id"]
    assert tables["lines"]["primary_key"] == ["order_id", "line_no"]
    assert tables["orders"]["foreign_keys"] == {
        "customer_id": "customers.customer_id",
        "billing_customer_id": "customers.customer_id",
    }
    assert tables["orders"]["discovered"] == [
        "primary_key",
        "foreign_keys.customer_id",
        "foreign_keys.billing_customer_id",
    ]
    assert tables["lines"]["foreign_keys"] == {"order_id": "orders.order_id"}


def test_a_name_alone_makes_no_foreign_key(home: Settings, at: Path) -> None:
    written(at / "customers.csv", b"id,name\n1,Anna\n")
    written(at / "orders.csv", b"id,customer_id\n1,1\n2,99\n")
    assert bring(home, at).tables["orders"]["foreign_keys"] == {}


def test_a_table_without_key_is_refused_until_one_is_given(home: Settings, at: Path) -> None:
    file = written(at / "log.csv", b"what,who,at\na,x,1\na,y,1\na,x,2\n")
    told = refused(home, file, r"log\.csv: has no key: no column or pair .*looked at what")
    assert "--key TABLE=COLUMN" in told
    refused(home, file, "2 rows repeat the key|1 rows repeat the key", keys=Keys({"log": ("what", "who")}))
    refused(home, file, "the key names `gone`", keys=Keys({"log": ("gone",)}))
    refused(home, file, "--key: there is no `other`", keys=Keys({"other": ("what",)}))
    assert bring(home, file, keys=Keys({"log": ("what", "who", "at")})).tables["log"]["primary_key"] == [
        "what",
        "who",
        "at",
    ]


def test_declared_foreign_keys_that_lead_nowhere_are_told(home: Settings, at: Path) -> None:
    written(at / "people.csv", PEOPLE)
    written(at / "visits.csv", b"id,person\n1,1\n2,5\n3,6\n")
    (at / "dataset.yaml").write_text(
        'dataset: clinic\nversion: "1"\nfiles: {people: people.csv, visits: visits.csv}\ntables:\n'
        "  people: {primary_key: [id]}\n  visits: {primary_key: [id], foreign_keys: {person: people.id}}\n"
    )
    refused(home, at, r"visits\.csv: 2 rows of `person` lead to no row of `people\.id`")
    done = bring(home, at, keys=Keys(ignored=("visits.person",)))
    assert done.tables["visits"]["foreign_keys"] == {}


def test_foreign_keys_in_a_circle_are_refused_and_one_can_be_left_out(home: Settings, at: Path) -> None:
    written(at / "a.csv", b"id,b\n1,1\n")
    written(at / "b.csv", b"id,a,parent\n1,1,1\n")
    (at / "dataset.yaml").write_text(
        'dataset: clinic\nversion: "1"\nfiles: {a: a.csv, b: b.csv}\ntables:\n'
        "  a: {primary_key: [id], foreign_keys: {b: b.id}}\n"
        "  b: {primary_key: [id], foreign_keys: {a: a.id, parent: b.id}}\n"
    )
    refused(home, at, "foreign keys go round in a circle: a -> b -> a")
    done = bring(home, at, keys=Keys(ignored=("a.b",)))
    assert done.tables["b"]["foreign_keys"] == {"a": "a.id", "parent": "b.id"}


def test_discovered_keys_never_make_a_circle(home: Settings, at: Path) -> None:
    written(at / "cities.csv", b"id,country_id\n1,1\n2,2\n")
    written(at / "countries.csv", b"id,city_id\n1,1\n2,2\n")
    tables = bring(home, at).tables
    assert sum(bool(table["foreign_keys"]) for table in tables.values()) == 1
