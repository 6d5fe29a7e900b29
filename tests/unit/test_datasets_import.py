"""import: a raw version is stored whole or not at all, once, and found like any described data set."""

import datetime
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml
from datasets_importing import NOW, bring, refused, settings, stored
from datasets_quarantine import POLICY, SOURCE, small_source

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import example, listing, places, prepare, raw, sources
from sandbox_suite.datasets.importing import Keys
from sandbox_suite.datasets.sources import plain, space

ROWS = {"customers": 60, "orders": 80, "notes": 60}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return settings(tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the example's tables as Parquet files, without a word on their keys."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, table in example.make(7, ROWS).items():
        pl.DataFrame(pl.from_arrow(table)).write_parquet(folder / f"{name}.parquet")
    return folder


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_imported_version_is_prepared_like_a_described_one(home: Settings, shop: Path, tmp_path: Path) -> None:
    done = bring(home, shop, "shop@1")
    assert done.outcome == "stored"
    assert done.tables["orders"]["foreign_keys"] == {"customer_id": "customers.customer_id"}
    assert prepare.look("shop@1", POLICY, home) == []
    found = prepare.prepare("shop@1", POLICY, home, silent, lambda: NOW)
    assert (found.name, found.version, found.rows) == ("shop", "1", 200)
    raws = list((home.home / "datasets" / "ref" / "raw").glob("*/*"))
    assert [path.read_text() for path in raws] == [done.version]
    described = yaml.safe_load(SOURCE.read_text())
    assert set(done.tables) == set(described["tables"])


def test_the_same_content_again_changes_nothing(home: Settings, shop: Path) -> None:
    first = bring(home, shop, "shop@1")
    before = stored(home)
    again = bring(home, shop, "shop@1")
    assert (again.outcome, again.version, again.source) == ("unchanged", first.version, first.source)
    assert stored(home) == before


def test_the_content_counts_and_not_how_it_is_spelled(home: Settings, tmp_path: Path) -> None:
    first = bring(home, write(tmp_path / "t.csv", "id,text\n1,a\n2,\n"))
    pl.DataFrame({"id": [1, 2], "text": ["a", None]}).write_parquet(tmp_path / "t.parquet", compression="snappy")
    assert bring(home, tmp_path / "t.parquet").outcome == "unchanged"
    assert bring(home, tmp_path / "t.parquet", "other@1").source != first.source


@pytest.mark.parametrize(
    "text", ["id,text\n1,a\n2,b\n", "id,text\n1,a\n2,\n3,\n", "id,texts\n1,a\n2,\n", "id,text\n2,\n1,a\n"]
)
def test_other_content_under_the_same_name_is_refused(home: Settings, tmp_path: Path, text: str) -> None:
    bring(home, write(tmp_path / "t.csv", "id,text\n1,a\n2,\n"))
    told = refused(home, write(tmp_path / "t.csv", text), "`clinic@1` is stored with other content")
    assert "another version" in told
    assert bring(home, tmp_path / "t.csv", "clinic@2").outcome == "stored"


def test_a_dry_run_reads_everything_and_stores_nothing(home: Settings, shop: Path) -> None:
    done = bring(home, shop, "shop@1", dry_run=True)
    assert (done.outcome, done.rows, done.version) == ("dry run", 200, "")
    assert stored(home) == []
    refused(home, write(shop / "bad.csv", "id,id\n"), "stands twice", reference="shop@1", dry_run=True)


def test_a_described_name_is_only_given_to_what_describes_it(
    home: Settings, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = small_source(tmp_path / "described", ROWS)
    monkeypatch.setenv(places.VARIABLE, str(file.parent))
    refused(home, shop, r"`small@2025-01` is described by .*small\.yaml already", reference="small@2025-01")
    done = bring(home, file, "small@2025-01")
    assert done.tables["customers"]["rows"] == 60
    assert bring(home, file, "small@2025-01").outcome == "unchanged"
    work = tmp_path / "work"
    work.mkdir()
    assert raw.keep(sources.load(file), prepare.Store(home.home / "datasets"), work) == done.version
    assert list(work.iterdir()) == []


def test_a_description_can_be_imported_under_another_name(home: Settings, tmp_path: Path) -> None:
    done = bring(home, small_source(tmp_path / "described", ROWS), "copy@1")
    assert done.tables["orders"]["foreign_keys"] == {"customer_id": "customers.customer_id"}
    assert done.tables["orders"]["discovered"] == []


@pytest.mark.parametrize("name", ["clinic", "clinic@", "Clinic@1", "a/b@1", "clinic@..", "clinic@1/2", "@1"])
def test_a_bad_name_is_refused_before_anything_is_read(home: Settings, name: str) -> None:
    with pytest.raises(RequestError):
        bring(home, "/nowhere", name)
    assert stored(home) == []


def test_a_stored_source_reads_what_was_imported(home: Settings, shop: Path) -> None:
    bring(home, shop, "shop@1")
    source = places.find("shop@1", home)
    made = example.make(7, ROWS)
    for name in ROWS:
        assert pl.DataFrame(pl.from_arrow(source.read(name))).equals(pl.DataFrame(pl.from_arrow(made[name])))
    assert [batch.num_rows for batch in source.batches("orders", 30)] == [30, 30, 20]
    assert not source.schema()["orders"]["order_id"].nullable


def test_long_tables_are_written_in_row_groups(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain.regroup, "__defaults__", (1000, plain.LARGEST_BATCH))
    pl.DataFrame({"id": range(2500)}).write_parquet(tmp_path / "t.parquet")
    done = bring(home, tmp_path / "t.parquet")
    import pyarrow.parquet as pq

    file = pq.ParquetFile(home.home / "datasets" / "ver" / done.version / "tables" / "t.parquet")
    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [1000, 1000, 500]


# ---- shown


def test_raw_and_attested_versions_are_listed_with_the_current_one(home: Settings, shop: Path) -> None:
    bring(home, shop, "shop@1")
    prepare.prepare("shop@1", POLICY, home, silent, lambda: NOW)
    (shop / "notes.parquet").rename(shop / "remarks.parquet")
    bring(home, shop, "shop@2")
    rows = {row["reference"]: row for row in listing.rows(home, NOW)}
    first, second = rows["shop@1"], rows["shop@2"]
    assert (first["state"], first["current"], second["state"], second["current"]) == ("attested", True, "raw", False)
    assert second["current_version"] == "1"
    assert (second["imported_by"], second["imported_at"], second["rows"]) == ("anna", "2025-06-01T12:00:00.000Z", 200)


def test_a_raw_version_is_shown_with_its_keys_and_where_it_came_from(home: Settings, shop: Path) -> None:
    done = bring(home, shop, "shop@1")
    shown = listing.show("shop@1", home, NOW)
    assert (shown["state"], shown["version"], shown["imported_from"]) == ("raw", done.version, str(shop))
    assert shown["tables"]["orders"]["discovered"] == ["primary_key", "foreign_keys.customer_id"]
    prepare.prepare("shop@1", POLICY, home, silent, lambda: NOW)
    shown = listing.show("shop@1", home, NOW)
    assert shown["state"] == "attested"
    assert shown["tables"]["orders"]["discovered"] == ["primary_key", "foreign_keys.customer_id"]
    with pytest.raises(RequestError, match="no stored version"):
        listing.show("shop@9", home, NOW)


def test_an_import_is_in_the_audit_log(home: Settings, shop: Path) -> None:
    done = bring(home, shop, "shop@1")
    (line,) = (home.home / "datasets" / "audit.jsonl").read_text().splitlines()
    assert '"action":"dataset.import"' in line
    assert '"actor":"anna"' in line
    assert done.version in line


# ---- what goes wrong on the way


def test_a_killed_import_leaves_nothing_that_counts(home: Settings, shop: Path) -> None:
    context = multiprocessing.get_context("spawn")
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=_slow_import, args=(home, shop, writing))
    child.start()
    assert reading.poll(60)
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    assert any(path.startswith("tmp/import-shop-1/raw/") for path in stored(home))
    assert places.stored(home) == {}
    assert bring(home, shop, "shop@1").outcome == "stored"
    assert not [path for path in stored(home) if path.startswith("tmp/")]


def _slow_import(home: Settings, shop: Path, told: object) -> None:
    """Import, and stop for good after the first table."""
    real = raw.write

    def write_one(*arguments: object) -> object:
        written = real(*arguments)  # type: ignore[arg-type]
        told.send("written")  # type: ignore[attr-defined]
        signal.pause()
        return written

    raw.write = write_one  # type: ignore[assignment]
    bring(home, shop, "shop@1")


def test_two_imports_at_once_store_one_version(home: Settings, shop: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        outcomes = pool.starmap(_outcome, [(home, shop)] * 2)
    assert sorted(outcomes) == ["stored", "unchanged"]


def _outcome(home: Settings, shop: Path) -> str:
    return bring(home, shop, "shop@1").outcome


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_leaves_nothing(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MARGIN", 0)
    home, file = settings(tiny), tmp_path / "t.csv"
    file.write_text("id,text\n" + "".join(f"{row},{os.urandom(60).hex()}\n" for row in range(100_000)))
    with pytest.raises(InfrastructureError, match="the disk was full") as caught:
        bring(home, file)
    assert caught.value.explanation.left == "nothing was stored"
    assert stored(home) == []


def test_room_is_looked_for_before_the_store_is_written_to(tiny: Path, shop: Path) -> None:
    home = settings(tiny)
    with pytest.raises(InfrastructureError, match=r"needs .* MiB, and \d MiB are free"):
        bring(home, shop)
    assert stored(home) == []


def test_ignored_keys_have_to_exist(home: Settings, shop: Path) -> None:
    refused(home, shop, "--ignore-key: there is no `orders.gone`", keys=Keys(ignored=("orders.gone",)))


def test_types_of_databases_can_be_kept_by_a_policy(home: Settings, tmp_path: Path) -> None:
    day = datetime.datetime(2025, 3, 1, 12, tzinfo=datetime.UTC)
    frame = pl.DataFrame(
        {"id": [1, 2], "at": [day, None], "price": [Decimal("1.50"), None], "share": [0.5, None], "size": [1, 2]},
        schema={
            "id": pl.Int32,
            "at": pl.Datetime("us", "UTC"),
            "price": pl.Decimal(10, 2),
            "share": pl.Float32,
            "size": pl.Int16,
        },
    )
    frame.write_parquet(tmp_path / "sales.parquet")
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "policy: sales\nversion: 1\nkey: {ref: 'secret://sandbox/mask', id: k1}\ndefault: deny\ntables:\n"
        "  sales:\n    columns:\n"
        "      id: {keep: {type: int64, pk: true, why: a counter}}\n"
        "      at: {keep: {type: timestamp, range: [2020-01-01, 2030-01-01], why: a time}}\n"
        "      price: {keep: {range: [0, 100], why: a price}}\n"
        "      share: {keep: {type: float64, range: [0, 1], why: a share}}\n"
        "      size: {keep: {type: int64, range: [0, 9], why: a size}}\n"
    )
    bring(home, tmp_path / "sales.parquet", "sales@1")
    found = prepare.prepare("sales@1", policy, home, silent, lambda: NOW)
    assert pl.read_parquet(found.table("sales")).equals(frame)
