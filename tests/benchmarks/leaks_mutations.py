"""Maskers that went wrong, each in one way. The rest is real: `prepare`, its quarantine, the gate as a process.

`python -m tests.benchmarks.leaks_mutations HOME` is the masker that is killed midway.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pyarrow as pa
import yaml

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets import attestation, masking, prepare
from sandbox_suite.datasets.gate import launch
from sandbox_suite.datasets.gate.verdict import Request
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.sources import Source
from sandbox_suite.datasets.store import Store

NOW = datetime.datetime(2025, 6, 1, 12, tzinfo=datetime.UTC)
POLICY = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
SOURCE = CHECKOUT / "examples" / "datasets" / "customer-sample.yaml"
NAME = "mutated"
ROWS = {"customers": 150, "orders": 150, "notes": 200}
BATCH = 50  # rows; so that each table has some
OTHER = Keys(bytes(32))
WORD = "Sesam"  # in the words of an error that a masker raises
COLUMNS = {
    "customers": ("full_name", "email", "phone", "national_id", "birth_date", "address"),
    "orders": ("customer_email",),
}
Logs = dict[str, pl.DataFrame]


@dataclass
class Batch:
    """A batch, what the masks made of it, and which one it is (0, 1, ...) in its table."""

    table: str
    number: int
    raw: pl.DataFrame
    masked: pl.DataFrame
    logs: Logs
    chance: random.Random
    again: Callable[[Keys], pl.DataFrame]  # masks with another key

    def set(self, column: str, values: list[Any]) -> None:
        """Replace a masked column."""
        self.masked = self.masked.with_columns(pl.Series(column, values, dtype=self.masked.schema[column]))


@dataclass(frozen=True)
class Mutation:
    """What goes wrong with each batch, or with the finished quarantine."""

    name: str
    change: Callable[[Batch], None] = lambda batch: None
    after: Callable[[Path], None] = field(default=lambda quarantine: None)


def mutations() -> Iterator[Mutation]:
    """Yield every way to go wrong, but the kill."""
    for table, columns in COLUMNS.items():
        for column in columns:
            yield Mutation(f"rule dropped: {table}.{column}", _on(table, _raw(column)))
            yield Mutation(f"a batch left raw: {table}.{column}", _on(table, _raw(column), batch=1))
            yield Mutation(f"one value left raw: {table}.{column}", _on(table, _one_raw(column), batch=2))
            yield Mutation(f"values exchanged: {table}.{column}", _on(table, _exchanged(column), batch=0))
    yield Mutation("every rule dropped", _identity)
    yield Mutation("key swapped", lambda batch: _other_key(batch))
    yield Mutation("key swapped in one table", _on("customers", _other_key))
    yield Mutation("key swapped in one batch", _on("customers", _other_key, batch=1))
    yield Mutation("no key: plain SHA-256", _on("customers", _unkeyed))
    yield Mutation("one name for all", _on("customers", _one_for_all("full_name")))
    yield Mutation("NULL for all", _on("customers", _null("phone")))
    yield Mutation("days moved per row, not per person", _on("customers", _days_apart))
    yield Mutation("row group skipped", _on("orders", _skipped, batch=1))
    yield Mutation("row group twice", _on("orders", _twice, batch=1))
    yield Mutation("one row dropped", _on("notes", _one_dropped, batch=0))
    yield Mutation("rows in another order", _on("customers", _reversed, batch=1))
    yield Mutation("raises midway", _on("orders", _raises, batch=1))
    yield Mutation("free text left raw, nothing logged", _on("notes", _text_raw(logged=False)))
    yield Mutation("free text left raw, spans logged all the same", _on("notes", _text_raw(logged=True)))
    yield Mutation("whole texts logged as spans that nobody wrote", _on("notes", _all_claimed))
    yield Mutation("spans not logged", _on("notes", _unlogged))
    for kind in ("email", "phone", "name", "iban", "card"):
        yield Mutation(f"a prefilter that misses every {kind}", _on("notes", _missed(kind)))
    yield Mutation("spans under another key", _on("notes", _foreign_tags))
    yield Mutation("a kept value changed", _on("orders", _kept_changed, batch=0))
    yield Mutation("a column of its own", _on("customers", _own_column))
    yield Mutation("another rule claimed", after=_other_rule)
    yield Mutation("another policy claimed", after=_other_policy)
    yield Mutation("a file beside the tables", after=lambda folder: _beside(folder))
    yield Mutation("a table cut short", after=_cut)
    yield Mutation("a table missing", after=lambda folder: (folder / "tables" / "notes.parquet").unlink())
    yield Mutation("its own word garbled", after=lambda folder: _garbled(folder))


def blocked(mutation: Mutation, home: Path, seed: int) -> bool:
    """Prepare with a masker that went wrong; say whether nothing came of it but an error without values."""
    settings = place(home)
    try:
        with _wrong(mutation, random.Random(seed)):
            prepare.prepare(f"{NAME}@1", POLICY, settings, silent, lambda: NOW)
    except SandboxError as error:
        return not _made(settings) and WORD not in str(error)
    return False


def killed(home: Path) -> bool:
    """Kill a masker midway; say whether nothing came of it, its leavings are no use, and the next run is sound."""
    settings = place(home)
    child = subprocess.run(
        [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.benchmarks.leaks_mutations", str(home)],
        cwd=CHECKOUT,
        check=False,
    )
    store = Store(settings.home / "datasets")
    left = [path for path in (store.root / "tmp").iterdir() if path.is_dir()]
    if child.returncode != -signal.SIGKILL or _made(settings) or not left:
        return False
    work = left[0]
    asked = Request(store.raw(store.pointer("raw", NAME, "1") or ""), work / "quarantine", POLICY, 1, NOW, "c" * 64)
    if launch.gate(asked, bytes(32), attestation.signing_key(settings.home), work / "verdict.json").passed:
        return False
    made = prepare.prepare(f"{NAME}@1", POLICY, settings, silent, lambda: NOW)
    return made.rows == sum(ROWS.values()) and not any((store.root / "tmp").iterdir())


def place(home: Path) -> Settings:
    """Return the settings of a new installation whose one dataset is small."""
    document = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    document |= {"dataset": NAME, "version": "1"}
    document["generator"]["rows"] = ROWS
    sources = home / "home" / "datasets" / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    (sources / f"{NAME}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return Settings(home=home / "home", cache=home, runtime=home, config=home)


def _made(settings: Settings) -> bool:
    """Say whether anything can be handed out, or a quarantine outlived the block."""
    store = Store(settings.home / "datasets")
    left = (
        list((store.root / "tmp").glob("*/quarantine"))
        if settings.home.joinpath("datasets", "failures").exists()
        else []
    )
    return bool(store.names("attested") or store.pointer("current", NAME) or left)


@contextlib.contextmanager
def _wrong(mutation: Mutation, chance: random.Random) -> Iterator[None]:
    real_batch, real_mask, real_batches, counts = masking.mask_batch, masking.mask, Source.batches, dict[str, int]()

    def mask_batch(raw: pa.Table, plan: masking.TablePlan, keys: Keys) -> tuple[pa.Table, Logs]:
        masked, logs = real_batch(raw, plan, keys)
        name = plan.table.name
        again = lambda other: _frame(real_batch(raw, plan, other)[0])  # noqa: E731
        batch = Batch(name, counts.get(name, 0), _frame(raw), _frame(masked), dict(logs), chance, again)
        counts[name] = batch.number + 1
        mutation.change(batch)
        return batch.masked.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(
            _schema(masked.schema, batch.masked)
        ), batch.logs

    def mask(source: Source, policy: Any, master: bytes, out: Path, say: Any) -> None:
        real_mask(source, policy, master, out, say)
        mutation.after(out)

    def batches(source: Source, table: str, rows: int = BATCH) -> Iterator[pa.Table]:
        return real_batches(source, table, BATCH)

    with (
        mock.patch.object(masking, "mask_batch", mask_batch),
        mock.patch.object(masking, "mask", mask),
        mock.patch.object(Source, "batches", batches),
    ):
        yield


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table is a frame")
    return frame


def _schema(schema: pa.Schema, masked: pl.DataFrame) -> pa.Schema:
    known = {item.name: pa.field(item.name, item.type) for item in schema}
    return pa.schema([known.get(name, pa.field(name, pa.string())) for name in masked.columns])


def _on(table: str, change: Callable[[Batch], None], batch: int | None = None) -> Callable[[Batch], None]:
    def changed(given: Batch) -> None:
        if given.table == table and batch in (None, given.number):
            change(given)

    return changed


def _raw(column: str) -> Callable[[Batch], None]:
    return lambda batch: batch.set(column, batch.raw[column].to_list())


def _one_raw(column: str) -> Callable[[Batch], None]:
    def change(batch: Batch) -> None:
        values, row = batch.masked[column].to_list(), batch.chance.randrange(batch.masked.height)
        values[row] = batch.raw[column][row]
        batch.set(column, values)

    return change


def _exchanged(column: str) -> Callable[[Batch], None]:
    def change(batch: Batch) -> None:
        values = batch.masked[column].to_list()
        batch.set(column, [*values[1:], values[0]])

    return change


def _identity(batch: Batch) -> None:
    batch.masked = batch.raw
    batch.logs = {column: log.clear() for column, log in batch.logs.items()}


def _other_key(batch: Batch) -> None:
    batch.masked = batch.again(OTHER)


def _unkeyed(batch: Batch) -> None:
    hashes = [hashlib.sha256(value.encode()).hexdigest()[:16] for value in batch.raw["email"]]
    batch.set("email", [f"u{value}@example.com" for value in hashes])


def _one_for_all(column: str) -> Callable[[Batch], None]:
    return lambda batch: batch.set(column, [batch.masked[column][0]] * batch.masked.height)


def _null(column: str) -> Callable[[Batch], None]:
    return lambda batch: batch.set(column, [None] * batch.masked.height)


def _days_apart(batch: Batch) -> None:
    days = [
        datetime.timedelta(days=batch.chance.choice((-1, 1)) * batch.chance.randint(1, 180))
        for _ in range(batch.raw.height)
    ]
    batch.set("birth_date", [day + moved for day, moved in zip(batch.raw["birth_date"], days, strict=True)])


def _skipped(batch: Batch) -> None:
    batch.masked = batch.masked.clear()


def _twice(batch: Batch) -> None:
    batch.masked = pl.concat([batch.masked, batch.masked])


def _one_dropped(batch: Batch) -> None:
    batch.masked = batch.masked.head(-1)


def _reversed(batch: Batch) -> None:
    batch.masked = batch.masked.reverse()


def _raises(batch: Batch) -> None:
    raise RuntimeError(f"{WORD}: {batch.raw['customer_email'][0]}")


def _text_raw(logged: bool) -> Callable[[Batch], None]:
    def change(batch: Batch) -> None:
        batch.set("body", batch.raw["body"].to_list())
        log = batch.logs["body"]
        batch.logs["body"] = log.with_columns(masked_start="start", masked_end="end") if logged else log.clear()

    return change


def _all_claimed(batch: Batch) -> None:
    """Leave every text as it was, and log it as one span."""
    batch.set("body", batch.raw["body"].to_list())
    log, length = batch.logs["body"], batch.raw["body"].str.len_chars().cast(pl.Int64)
    tag = log["original_hmac"][0] if log.height else "0" * 64
    claimed = {
        "start": 0,
        "masked_start": 0,
        "end": length,
        "masked_end": length,
        "kind": "email",
        "original_hmac": tag,
    }
    batch.logs["body"] = (
        batch.raw.select("note_id")
        .with_columns(
            **{name: value if isinstance(value, pl.Series) else pl.lit(value) for name, value in claimed.items()}
        )
        .select(log.columns)
        .cast(log.schema)
    )  # type: ignore[arg-type]


def _unlogged(batch: Batch) -> None:
    batch.logs["body"] = batch.logs["body"].clear()


def _missed(kind: str) -> Callable[[Batch], None]:
    """Put the originals of a kind of span back, as a prefilter with a hole would have left them."""

    def change(batch: Batch) -> None:
        log = batch.logs["body"]
        raw, masked = dict(zip(batch.raw["note_id"], batch.raw["body"], strict=True)), batch.masked["body"].to_list()
        spans: dict[int, list[dict[str, Any]]] = {}
        for span in log.iter_rows(named=True):
            spans.setdefault(span["note_id"], []).append(span)
        kept: list[dict[str, Any]] = []
        for row, note in enumerate(batch.masked["note_id"]):
            masked[row], left = _without(
                kind, raw[note], masked[row], sorted(spans.get(note, []), key=lambda span: span["start"])
            )
            kept += left
        batch.set("body", masked)
        batch.logs["body"] = pl.DataFrame(kept, schema=log.schema)

    return change


def _without(kind: str, raw: str, masked: str, spans: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    out, last, kept = "", 0, []
    for span in spans:
        before = raw[last : span["start"]]
        own = (
            raw[span["start"] : span["end"]]
            if span["kind"] == kind
            else masked[span["masked_start"] : span["masked_end"]]
        )
        start = len(out) + len(before)
        out, last = out + before + own, span["end"]
        if span["kind"] != kind:
            kept.append({**span, "masked_start": start, "masked_end": start + len(own)})
    return out + raw[last:], kept


def _foreign_tags(batch: Batch) -> None:
    batch.logs["body"] = batch.logs["body"].with_columns(original_hmac=pl.lit("0" * 64))


def _kept_changed(batch: Batch) -> None:
    batch.set("sku", ["SKU-00000", *batch.masked["sku"].to_list()[1:]])


def _own_column(batch: Batch) -> None:
    batch.masked = batch.masked.with_columns(backup=batch.raw["email"])


def _claims(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    claims = read_json(folder / "quarantine.json")
    change(claims)
    write_json(folder / "quarantine.json", claims)


def _other_rule(folder: Path) -> None:
    _claims(
        folder, lambda said: said["tables"]["customers"]["columns"]["phone"].update(rule={"keep": {"why": "trust me"}})
    )


def _other_policy(folder: Path) -> None:
    _claims(folder, lambda said: said["policy"].update(digest=f"sha256:{'0' * 64}"))


def _beside(folder: Path) -> None:
    (folder / "tables" / "customers.csv").write_text("left over", encoding="utf-8")


def _cut(folder: Path) -> None:
    path = folder / "tables" / "orders.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def _garbled(folder: Path) -> None:
    (folder / "quarantine.json").write_text("{", encoding="utf-8")


def _dies(batch: Batch) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with _wrong(Mutation("killed midway", _on("orders", _dies, batch=1)), random.Random(0)):
        prepare.prepare(f"{NAME}@1", POLICY, place(Path(sys.argv[1])), silent, lambda: NOW)
