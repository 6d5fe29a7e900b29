"""Masking a source into a quarantine: what it writes, what it refuses, what it never shows."""

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.files import file_digest
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import masking, policy, sources
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import email
from sandbox_suite.datasets.oracle import Oracle, needs

MASTER = hashlib.sha256(b"a key of this test").digest()
POLICY = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
EXAMPLE = (CHECKOUT / "examples" / "datasets" / "customer-sample.yaml").read_text(encoding="utf-8")
SMALL_POLICY = """policy: small
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
domains: {email: {mode: tagged}, phone: {mode: realistic}}
tables:
  people:
    columns:
      id: {keep: {type: int64, pk: true, why: "surrogate key"}}
      mail: {mask: email}
      phone: {mask: phone}
      note: {mask: free_text, on_unknown: drop}
"""


def example(folder: Path) -> sources.Source:
    """The example data set with 600 rows."""
    file = folder / "customer-sample.yaml"
    file.write_text(EXAMPLE.replace("20000", "150").replace("60000", "300"))
    return sources.load(file)


def people(folder: Path, **columns: list[Any]) -> sources.Source:
    """A table of one's own, read from a Parquet file."""
    given: dict[str, list[Any]] = {
        "id": [7, 8],
        "mail": ["anna@mail.example", None],
        "phone": ["+491512345678", ""],
        "note": ["mail anna@mail.example", "-"],
    }
    pl.DataFrame(given | columns).write_parquet(folder / "people.parquet")
    (folder / "dataset.yaml").write_text(
        'dataset: people\nversion: "1"\nfiles: {people: people.parquet}\ntables: {people: {primary_key: [id]}}\n'
    )
    (folder / "small.yaml").write_text(SMALL_POLICY)
    return sources.load(folder)


def masked_people(folder: Path, **columns: list[Any]) -> pl.DataFrame:
    source = people(folder, **columns)
    masking.mask(source, policy.load(folder / "small.yaml"), MASTER, folder / "out", silent)
    return pl.read_parquet(folder / "out" / "tables" / "people.parquet")


@pytest.fixture(scope="module")
def quarantine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, sources.Source]:
    folder = tmp_path_factory.mktemp("masking")
    source = example(folder)
    masking.mask(source, policy.load(POLICY), MASTER, folder / "out", silent)
    return folder / "out", source


def head(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "quarantine.json").read_text())
    return read


def frame(table: Any) -> pl.DataFrame:
    read = pl.from_arrow(table)
    assert isinstance(read, pl.DataFrame)
    return read


def test_the_quarantine_tells_what_it_holds(quarantine: tuple[Path, sources.Source]) -> None:
    folder, source = quarantine
    told = head(folder)
    assert (told["name"], told["version"]) == ("customer-sample", "2025-01")
    assert told["policy"]["digest"] == policy.load(POLICY).digest
    assert told["key_fingerprint"] == Keys(MASTER).fingerprint
    assert told["kernel"].startswith("masks-")
    for name, table in told["tables"].items():
        file = folder / "tables" / f"{name}.parquet"
        assert table["file_digest"] == file_digest(file)
        assert table["rows"] == len(pl.read_parquet(file)) == source.read(name).num_rows
        assert list(table["columns"]) == source.read(name).column_names
    assert told["tables"]["orders"]["foreign_keys"] == {"customer_id": "customers.customer_id"}
    assert told["tables"]["customers"]["columns"]["email"] == {
        "type": "string",
        "nullable": False,
        "rule": {"mask": "email", "mode": "tagged", "domain": "email"},
        "codomain": email.codomain({}),
    }
    assert told["spans"]["notes.body"]["file_digest"] == file_digest(folder / "spans" / "notes.body.parquet")


def test_types_and_kept_columns_stay(quarantine: tuple[Path, sources.Source]) -> None:
    folder, source = quarantine
    for name, rules in ((name, policy.load(POLICY).rules(name)) for name in source.tables):
        raw, masked = frame(source.read(name)), pl.read_parquet(folder / "tables" / f"{name}.parquet")
        assert masked.schema == raw.schema
        for column, rule in rules.items():
            assert masked[column].equals(raw[column]) == (rule.kind == "keep"), f"{name}.{column}"


def test_equal_values_join_over_tables(quarantine: tuple[Path, sources.Source]) -> None:
    folder, _ = quarantine
    customers, orders = (pl.read_parquet(folder / "tables" / f"{name}.parquet") for name in ("customers", "orders"))
    joined = orders.join(customers, on="customer_id")
    assert len(joined) == len(orders)
    assert (joined["customer_email"] == joined["email"]).all()


def test_every_cell_equals_the_scalar_oracle(quarantine: tuple[Path, sources.Source]) -> None:
    folder, source = quarantine
    oracle, told = Oracle(Keys(MASTER)), head(folder)
    customers = {row["customer_id"]: row for row in frame(source.read("customers")).to_dicts()}
    for name, table in told["tables"].items():
        raw = frame(source.read(name)).head(60).to_dicts()
        masked = pl.read_parquet(folder / "tables" / f"{name}.parquet").head(60).to_dicts()
        for before, after in zip(raw, masked, strict=True):
            lent = before | {f"customers.{key}": value for key, value in customers[before["customer_id"]].items()}
            for column, shape in table["columns"].items():
                inputs = {key: lent[wanted] for key, wanted in needs(shape["rule"]).items()}
                assert oracle.value(shape["rule"], before[column], inputs) == after[column], f"{name}.{column}"


def test_every_span_can_be_recomputed(quarantine: tuple[Path, sources.Source]) -> None:
    folder, source = quarantine
    oracle = Oracle(Keys(MASTER))
    rule = head(folder)["tables"]["notes"]["columns"]["body"]["rule"]
    customers = {row["customer_id"]: row for row in frame(source.read("customers")).to_dicts()}
    raw = {row["note_id"]: row for row in frame(source.read("notes")).to_dicts()}
    masked = dict(pl.read_parquet(folder / "tables" / "notes.parquet").select("note_id", "body").rows())
    spans = pl.read_parquet(folder / "spans" / "notes.body.parquet").to_dicts()
    assert {span["kind"] for span in spans} >= {"email", "phone", "name", "card", "national_id:CN"}
    for span in spans:
        note = raw[span["note_id"]]
        inputs = {key: customers[note["customer_id"]][column.split(".")[1]] for key, column in needs(rule).items()}
        original = note["body"][span["start"] : span["end"]]
        assert oracle.span_hmac(original) == span["original_hmac"]
        written = masked[span["note_id"]][span["masked_start"] : span["masked_end"]]
        assert oracle.span(span["kind"], original, inputs, rule) == written


def test_no_personal_data_of_its_own_row_is_left(quarantine: tuple[Path, sources.Source]) -> None:
    folder, source = quarantine
    notes = pl.read_parquet(folder / "tables" / "notes.parquet")
    customers = frame(source.read("customers"))
    joined = notes.join(customers, on="customer_id")
    for column in ("full_name", "email", "phone", "national_id"):
        assert not joined["body"].str.contains(joined[column], literal=True).any(), column


def test_two_runs_write_the_same_bytes_and_another_key_others(
    quarantine: tuple[Path, sources.Source], tmp_path: Path
) -> None:
    folder, source = quarantine
    loaded = policy.load(POLICY)
    masking.mask(source, loaded, MASTER, tmp_path / "same", silent)
    masking.mask(source, loaded, bytes(32), tmp_path / "other", silent)
    assert (tmp_path / "same" / "quarantine.json").read_bytes() == (folder / "quarantine.json").read_bytes()
    first, other = head(folder)["tables"], head(tmp_path / "other")["tables"]
    assert first["customers"]["file_digest"] != other["customers"]["file_digest"]


def test_batches_of_any_size_give_the_same_rows(
    quarantine: tuple[Path, sources.Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, source = quarantine
    whole = sources.Source.batches
    monkeypatch.setattr(sources.Source, "batches", lambda self, table, rows=0: whole(self, table, 47))
    masking.mask(source, policy.load(POLICY), MASTER, tmp_path / "out", silent)
    for name in source.tables:
        in_parts = pl.read_parquet(tmp_path / "out" / "tables" / f"{name}.parquet")
        assert in_parts.equals(pl.read_parquet(folder / "tables" / f"{name}.parquet"))
    log = "spans/notes.body.parquet"
    assert pl.read_parquet(tmp_path / "out" / log).equals(pl.read_parquet(folder / log))


def test_the_key_is_in_no_file(quarantine: tuple[Path, sources.Source]) -> None:
    folder, _ = quarantine
    secrets = (MASTER, MASTER.hex().encode(), Keys(MASTER).text("email").encode())
    for file in folder.rglob("*.*"):
        assert not any(secret in file.read_bytes() for secret in secrets), file.name


def test_null_and_empty_text_stay_what_they_are(tmp_path: Path) -> None:
    masked = masked_people(tmp_path)
    assert masked["mail"].to_list()[1] is None
    assert masked["phone"].to_list()[1] == ""
    assert masked["mail"][0] in masked["note"][0]


def test_an_empty_table_stays_a_table(tmp_path: Path) -> None:
    empty = {
        "id": pl.Series([], dtype=pl.Int64),
        **{name: pl.Series([], dtype=pl.String) for name in ("mail", "phone", "note")},
    }
    masked = masked_people(tmp_path, **empty)  # type: ignore[arg-type]
    assert masked.shape == (0, 4)


def test_a_column_without_a_rule_blocks_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(BlockedError) as caught:
        masked_people(tmp_path, shoe=["a", "b"])
    assert "people.shoe" in caught.value.explanation.what
    assert not (tmp_path / "out").exists()


def test_a_value_without_a_form_blocks_and_is_told_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(BlockedError) as caught:
        masked_people(tmp_path, phone=["+491512345678", "sword" + "fish"])
    assert "people.phone" in caught.value.explanation.what
    assert caught.value.explanation.what.endswith("rows 8")
    assert "swordfish" not in str(caught.value)


def test_text_with_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"people\.note: holds a NUL"):
        masked_people(tmp_path, note=["a\x00b", ""])


def test_a_mask_that_gives_values_themselves_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "vector", lambda values, *_: values)
    with pytest.raises(BlockedError, match="gave values themselves; rows 7"):
        masked_people(tmp_path)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    source = people(tmp_path)
    with pytest.raises(RequestError, match="at least 16"):
        masking.mask(source, policy.load(tmp_path / "small.yaml"), b"short", tmp_path / "out", silent)


def test_a_rule_that_needs_another_table_needs_one_foreign_key_to_it(tmp_path: Path) -> None:
    file = tmp_path / "customer-sample.yaml"
    text = EXAMPLE.replace("20000", "50").replace("60000", "50")
    file.write_text(text.replace("    foreign_keys: {customer_id: customers.customer_id}\n", "", 2))
    with pytest.raises(RequestError, match="0 foreign keys lead"):
        masking.mask(sources.load(file), policy.load(POLICY), MASTER, tmp_path / "out", silent)
