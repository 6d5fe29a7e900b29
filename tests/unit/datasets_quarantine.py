"""A small copy of the example data set, raw and masked, for tests that spoil the masked side.

Kept apart from the tests so that each of them says only what it spoils.
"""

import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import yaml

from sandbox_suite.core.files import file_digest, read_json, write_json
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import attestation, masking, policy, raw, sources
from sandbox_suite.datasets.gate import run
from sandbox_suite.datasets.gate.verdict import Request, Verdict
from sandbox_suite.datasets.store import Store

POLICY = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
SOURCE = CHECKOUT / "examples" / "datasets" / "customer-sample.yaml"
NOW = datetime.datetime(2025, 6, 1, 12, tzinfo=datetime.UTC)
MASTER = bytes(range(32))
ROWS = {"customers": 300, "orders": 400, "notes": 500}


@dataclass(frozen=True)
class Quarantine:
    """A raw version, what the masker made of it, and how to judge it."""

    raw: Path
    folder: Path
    policy: Path
    signing: bytes

    def judge(self, master: bytes = MASTER, seed: int = 1) -> Verdict:
        """Return what the gate says, in this process."""
        return run.run(self.request(seed), master, self.signing)

    def request(self, seed: int = 1) -> Request:
        """Return what a gate process would be asked."""
        return Request(self.raw, self.folder, self.policy, seed, NOW, "c" * 64)

    def copy(self, into: Path) -> "Quarantine":
        """Return a copy that may be spoiled."""
        shutil.copytree(self.folder, into / "quarantine")
        shutil.copytree(self.raw, into / "raw")
        return replace(self, folder=into / "quarantine", raw=into / "raw")

    def frame(self, table: str, side: str = "masked") -> pl.DataFrame:
        """Return a table's rows."""
        folder = self.folder if side == "masked" else self.raw
        return pl.read_parquet(folder / "tables" / f"{table}.parquet")

    def change(self, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> "Quarantine":
        """Replace a masked table, and all that the masker says of it, as a faulty masker would have written it."""
        path = self.folder / "tables" / f"{table}.parquet"
        changed = change(self.frame(table))
        changed.write_parquet(path)
        claims = read_json(self.folder / "quarantine.json")
        claims["tables"][table] |= {"rows": changed.height, "file_digest": file_digest(path)}
        write_json(self.folder / "quarantine.json", claims)
        return self

    def change_spans(self, name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> "Quarantine":
        """Replace a span log in the same way."""
        path = self.folder / "spans" / f"{name}.parquet"
        changed = change(pl.read_parquet(path))
        changed.write_parquet(path)
        claims = read_json(self.folder / "quarantine.json")
        claims["spans"][name] = {"rows": changed.height, "file_digest": file_digest(path)}
        write_json(self.folder / "quarantine.json", claims)
        return self

    def plant(self, table: str, column: str, row: int, text: str) -> "Quarantine":
        """Put a text into both sides: one that was there before and that the masker did not touch."""
        path = self.raw / "tables" / f"{table}.parquet"
        raw = pl.read_parquet(path)
        values = raw[column].to_list()
        values[row] = text
        path.unlink()
        raw.with_columns(pl.Series(column, values)).write_parquet(path)
        if (self.folder / "spans" / f"{table}.{column}.parquet").exists():
            self.change_spans(f"{table}.{column}", lambda log: log.filter(pl.nth(0) != raw[row, 0]))
        return self.put(table, column, row, text)

    def put(self, table: str, column: str, row: int, value: object) -> "Quarantine":
        """Put one value into the masked side."""

        def change(frame: pl.DataFrame) -> pl.DataFrame:
            values = frame[column].to_list()
            values[row] = value
            return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))

        return self.change(table, change)


def small_source(folder: Path, rows: dict[str, int] | None = None, name: str = "small") -> Path:
    """Write a source like the example with fewer rows; return its file."""
    document = yaml.safe_load(SOURCE.read_text())
    document["dataset"] = name
    document["generator"]["rows"] = rows or ROWS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return folder / f"{name}.yaml"


def make(folder: Path, rules: Path = POLICY, master: bytes = MASTER, source: Path | None = None) -> Quarantine:
    """Mask a small source into `folder`."""
    loaded = sources.load(source or small_source(folder))
    (folder / "work").mkdir()
    store = Store(folder / "store")
    version = raw.keep(loaded, store, folder / "work")
    masking.mask(loaded, policy.load(rules), master, folder / "quarantine", silent)
    return Quarantine(store.raw(version), folder / "quarantine", rules, attestation.new_key())
