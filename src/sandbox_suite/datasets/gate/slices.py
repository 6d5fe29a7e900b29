"""Reads both sides of a dataset slice by slice: memory stays bounded, and several processes can look at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from sandbox_suite.core.files import read_json
from sandbox_suite.datasets.gate.case import IDENTIFIERS, Case, Rule, Table
from sandbox_suite.datasets.policy import Policy

ROWS = 31_250  # of a slice
COMPOSED = ("json", "template", "free_text")  # rules whose raw columns nobody lends


@dataclass(frozen=True)
class Slice:
    """Some rows of a table; `rows` is None for all of them, on both sides, whatever their number."""

    table: str
    first: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class Dataset:
    """Both sides on disk. A table that either side lacks is in no slice; the first check tells of it."""

    raw: Path
    quarantine: Path
    policy: Policy
    master: bytes
    seed: int

    @cached_property
    def raw_manifest(self) -> Mapping[str, Any]:
        """What the raw version says of itself."""
        return dict(read_json(self.raw / "manifest.json"))

    @cached_property
    def claimed(self) -> Mapping[str, Any]:
        """What the masker wrote of itself."""
        return dict(read_json(self.quarantine / "quarantine.json"))

    @cached_property
    def heights(self) -> Mapping[str, tuple[int, int]]:
        """Return the raw and the masked rows of each table that is on both sides."""
        return {
            name: (_height(self._file(name, "raw")), _height(self._file(name, "masked")))
            for name in self.raw_manifest["tables"]
            if self._file(name, "masked").exists()
        }

    def slices(self) -> list[Slice]:
        """Return the slices of all tables. One that lost rows is looked at as a whole: its rows have to be matched."""
        found = []
        for name, (raw, masked) in self.heights.items():
            if raw != masked:
                found.append(Slice(name))
            else:
                found += [Slice(name, first, min(ROWS, raw - first)) for first in range(0, max(raw, 1), ROWS)]
        return found

    def case(self, part: Slice | None = None, lean: bool = False) -> Case:
        """Return what is looked at: a slice, of which `lean` reads only what `surfaces.traces` takes; None: no rows."""
        tables = {part.table: self._sliced(part, lean)} if part else {name: self._empty(name) for name in self.heights}
        return Case(
            self.policy, tables, self._beside, self.raw_manifest, self.claimed, self.quarantine, self.master, self.seed
        )

    def _sliced(self, part: Slice, lean: bool) -> Table:
        name = part.table
        rules = self._rules(name)
        if lean and part.rows is not None and not any(rule.kind in COMPOSED[:2] for rule in rules.values()):
            empty = self._empty(name)
            wanted = empty.masks("name", "address", *IDENTIFIERS)
            raw = _read(self._file(name, "raw"), part, wanted)
            return self._table(name, raw, empty.masked)
        raw, masked = (_read(self._file(name, side), part) for side in ("raw", "masked"))
        if raw.height > masked.height:
            raw = self._matched(name, raw, masked)
        logs = {column: self._log(path, name, masked, part) for column, path in self.logs(name).items()}
        return self._table(name, raw, masked, logs, part.first)

    def _table(
        self,
        name: str,
        raw: pl.DataFrame,
        masked: pl.DataFrame,
        logs: Mapping[str, pl.DataFrame] | None = None,
        first: int = 0,
    ) -> Table:
        said = self.raw_manifest["tables"][name]
        key, rules = tuple(said["primary_key"]), self._rules(name)
        return Table(name, key, said["foreign_keys"], rules, raw, masked, logs or {}, first, self.heights[name][1])

    def _matched(self, name: str, raw: pl.DataFrame, masked: pl.DataFrame) -> pl.DataFrame:
        """Return the raw rows that are still there, where kept keys tell which."""
        key, rules = self.raw_manifest["tables"][name]["primary_key"], self._rules(name)
        if key and all(rules.get(part, Rule("", {})).kind == "keep" for part in key):
            return raw.join(masked.select(key), on=key, how="semi", maintain_order="left")
        return raw

    def _log(self, path: Path, name: str, masked: pl.DataFrame, part: Slice) -> pl.DataFrame:
        """Return the spans of a slice, by their keys, wherever in the log they stand."""
        log, key = pl.scan_parquet(path), self.raw_manifest["tables"][name]["primary_key"]
        if part.rows is None or part.rows == self.heights[name][1]:
            return log.collect()
        if len(key) == 1 and masked.schema[key[0]].is_integer() and masked.height:
            low, high = masked[key[0]].min(), masked[key[0]].max()
            log = log.filter(pl.col(key[0]).is_between(low, high))  # row groups elsewhere are not read
        return log.collect().join(masked.select(key).unique(), on=key, how="semi", maintain_order="left")

    def logs(self, name: str) -> Mapping[str, Path]:
        """Return {free-text column: its span log}."""
        return {path.name.split(".")[1]: path for path in sorted((self.quarantine / "spans").glob(f"{name}.*.parquet"))}

    def _empty(self, name: str) -> Table:
        raw, masked = (pl.read_parquet(self._file(name, side), n_rows=0) for side in ("raw", "masked"))
        return self._table(name, raw, masked)

    @cached_property
    def _beside(self) -> Mapping[str, Table]:
        return _Lent(self)

    def lent(self, name: str) -> Table:
        """Return a whole table with the raw columns that others may need, and no masked rows."""
        empty = self._empty(name)
        texts = [column for column, rule in empty.rules.items() if empty.has(column) and rule.kind not in COMPOSED]
        keys = [column for column in empty.raw.columns if column in empty.primary_key or column in self._aims(name)]
        raw = pl.read_parquet(self._file(name, "raw"), columns=list(dict.fromkeys([*keys, *texts])))
        return self._table(name, raw, empty.masked)

    def _aims(self, name: str) -> set[str]:
        aims = [aim for table in self.raw_manifest["tables"].values() for aim in table["foreign_keys"].values()]
        return {aim.partition(".")[2] for aim in aims if aim.partition(".")[0] == name}

    def _rules(self, name: str) -> Mapping[str, Rule]:
        return {column: Rule(rule.kind, rule.options) for column, rule in self.policy.rules(name).items()}

    def _file(self, name: str, side: str) -> Path:
        return (self.raw if side == "raw" else self.quarantine) / "tables" / f"{name}.parquet"


class _Lent(Mapping[str, Table]):
    """Tables that lend raw values, each read once per process by whoever asks first."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._read: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._dataset.heights:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._dataset.lent(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dataset.heights)

    def __len__(self) -> int:
        return len(self._dataset.heights)


def _height(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _read(path: Path, part: Slice, columns: list[str] | None = None) -> pl.DataFrame:
    if part.rows is None:
        return pl.read_parquet(path, columns=columns)
    frame = pl.scan_parquet(path)
    return (frame if columns is None else frame.select(columns)).slice(part.first, part.rows).collect()
