"""The YAML file that describes a source: a generator or files, with keys and, for CSV files, types.

dataset: customer-sample
version: "2025-01"
generator: {kind: customers, seed: 2025, rows: {customers: 20000, orders: 60000, notes: 20000}}
# or: files: {customers: customers.parquet, orders: orders.csv}
tables:
  customers: {primary_key: [customer_id], columns: {birth_date: date}}      # types: for CSV files
  orders: {primary_key: [order_id], foreign_keys: {customer_id: customers.customer_id}}
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$")]
Type = Literal["int64", "float64", "text", "bool", "date", "timestamp"]


class Closed(BaseModel):
    """A part of a document that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TableDocument(Closed):
    """A table as the document describes it."""

    primary_key: list[Name] = Field(min_length=1)
    foreign_keys: dict[Name, Reference] = {}
    columns: dict[Name, Type] = {}


class Generator(Closed):
    """A generator with its seed and how many rows each table gets."""

    kind: Literal["customers"]
    seed: int = Field(ge=0)
    rows: dict[Literal["customers", "orders", "notes"], Annotated[int, Field(ge=1, le=5_000_000)]]


class SourceDocument(Closed):
    """The whole document."""

    dataset: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    generator: Generator | None = None
    files: dict[Name, str] = {}
    tables: dict[Name, TableDocument] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> SourceDocument:
        mistakes = []
        if (self.generator is None) == (not self.files):
            mistakes.append("either `generator` or `files` is needed, not both")
        given = set(self.files) if self.files else {"customers", "orders", "notes"}
        mistakes += [f"table `{name}` has no file" for name in sorted(set(self.tables) - given)]
        mistakes += [f"table `{name}` is not described under `tables`" for name in sorted(given - set(self.tables))]
        for name, table in self.tables.items():
            aims = {column: aim.partition(".")[0] for column, aim in table.foreign_keys.items()}
            mistakes += [
                f"`{name}.{column}` refers to unknown table `{aim}`"
                for column, aim in aims.items()
                if aim not in self.tables
            ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self
