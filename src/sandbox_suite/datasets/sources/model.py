"""What a source of raw rows is: tables with keys and columns, read in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_suite.core.errors import RequestError

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 125_000  # rows of a batch: what one worker holds at a time


@dataclass(frozen=True)
class Column:
    """A column of a raw table: `type` as Arrow spells it, whether a NULL occurs or may occur, what its owner says."""

    type: str
    nullable: bool
    comment: str = ""


@dataclass(frozen=True)
class Table:
    """A raw table's keys. `foreign_keys` maps a column to `table.column`.

    `discovered` names the keys that nobody declared: `primary_key`, or `foreign_keys.<column>`.
    """

    name: str
    primary_key: tuple[str, ...]
    foreign_keys: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""
    discovered: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A raw data set: name, version and tables. Holds no rows until a table is read; see Described and Stored."""

    name: str
    version: str
    tables: Mapping[str, Table]

    def read(self, table: str) -> pa.Table:
        """Return a whole table; RequestError where its file is missing, broken or not what was described."""
        import pyarrow as pa

        return pa.concat_tables(list(self.stream(self.known(table))))

    def batches(self, table: str, rows: int = ROW_GROUP) -> Iterator[pa.Table]:
        """Yield a table in slices of at most `rows` rows, in order; an empty table yields one empty slice."""
        from sandbox_suite.datasets.sources.plain import regroup

        return regroup(self.stream(self.known(table)), rows)

    def schema(self) -> dict[str, dict[str, Column]]:
        """Return {table: {column: Column}} of what is really there."""
        raise NotImplementedError

    def digest(self) -> str:
        """Return the digest of what defines the rows and the keys."""
        raise NotImplementedError

    def stream(self, table: str) -> Iterator[pa.Table]:
        """Yield a table's rows in slices as they come from where they are; at least one, maybe without rows."""
        raise NotImplementedError

    def known(self, table: str) -> str:
        """Return the name of a table that is there; else RequestError."""
        if table not in self.tables:
            raise RequestError(f"data set `{self.name}` has no table `{table}`: it has {', '.join(self.tables)}")
        return table
