"""A table of people, 15 columns wide, with free text: what masking, gate and cold path are measured on.

Rows come from the generator of the example data set, so nobody exists; two notes of five hold personal data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from sandbox_suite.datasets import example
from sandbox_suite.datasets.example import ids, notes

GROUP = 125_000  # rows of a row group
NAME, VERSION = "people", "1"
SOURCE = f"""dataset: {NAME}
version: "{VERSION}"
files: {{people: people.parquet}}
tables:
  people: {{primary_key: [person_id]}}
"""
POLICY = """policy: people
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
domains:
  email: {mode: tagged}
  name: {mode: realistic}
  address: {mode: realistic}
  phone: {mode: realistic, keep: prefix}
  national_id: {mode: realistic}
  date: {mode: realistic}
  iban: {mode: realistic}
  card: {mode: realistic}
tables:
  people:
    columns:
      person_id: {keep: {type: int64, pk: true, why: "surrogate key"}}
      full_name: {mask: name, locale: locale}
      email: {mask: email}
      phone: {mask: phone}
      national_id: {mask: national_id, country: country}
      country: {keep: {enum: [US, GB, DE, FR, ES, CN], why: "six countries"}}
      locale: {keep: {enum: [en_US, en_GB, de_DE, fr_FR, es_ES, zh_CN], why: "follows from the country"}}
      birth_date: {mask: date, person: person_id}
      address: {mask: address, locale: locale}
      status: {keep: {enum: [active, dormant, closed], why: "says nothing of a person"}}
      created_at: {keep: {range: [2020-01-01, 2025-01-01], why: "when the account was made"}}
      card: {mask: card}
      iban: {mask: iban}
      author: {keep: {regex: "agent[0-9]{2}", why: "number of a desk"}}
      note: {mask: free_text, names_from: [full_name], locale: locale, country: country, on_unknown: block}
"""
COLUMNS = tuple(yaml.safe_load(POLICY)["tables"]["people"]["columns"])


def write(folder: Path, rows: int, seed: int = 1) -> Path:
    """Write source and policy (`people.yaml`) into `folder` and return the policy's file."""
    folder.mkdir(parents=True, exist_ok=True)
    writer: pq.ParquetWriter | None = None
    for group in groups(rows, seed):
        writer = writer or pq.ParquetWriter(folder / "people.parquet", group.schema, compression="zstd")
        writer.write_table(group)
    if writer:
        writer.close()
    (folder / "dataset.yaml").write_text(SOURCE)
    (folder / "people.yaml").write_text(POLICY)
    return folder / "people.yaml"


def groups(rows: int, seed: int = 1) -> Iterator[pa.Table]:
    """Yield the table in row groups; each has a seed of its own."""
    for start in range(0, rows, GROUP):
        count = min(GROUP, rows - start)
        made = example.make(9_000 * seed + start // GROUP, {"customers": count, "orders": 1, "notes": 1})["customers"]
        customers = pl.from_arrow(made)
        assert isinstance(customers, pl.DataFrame)
        yield _arrow(_wide(customers, start, seed), made.schema)


def _wide(customers: pl.DataFrame, start: int, seed: int) -> pl.DataFrame:
    random, count = np.random.default_rng([seed, start, 17]), len(customers)
    accounts = np.empty(count, dtype=object)
    country = customers["country"].to_numpy()
    for name in ids.BANKS:
        at = np.flatnonzero((country == name) | ((name == "DE") & np.isin(country, ["US", "CN"])))
        accounts[at] = ids.ibans(random, name, len(at))
    agents = np.array([f"agent{number:02d}" for number in range(24)])
    own = pl.col("customer_id") + start
    return (
        customers.with_columns(
            own.alias("customer_id"),
            pl.concat_str(own, pl.lit("."), pl.col("email")).alias("email"),
            pl.Series("card", ids.cards(random, count)),
            pl.Series("iban", accounts, dtype=pl.String),
            pl.Series("author", agents[random.integers(0, len(agents), count)]),
        )
        .with_columns(notes.bodies(random, customers).alias("note"))
        .rename({"customer_id": "person_id"})
    )


def _arrow(frame: pl.DataFrame, made: pa.Schema) -> pa.Table:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    kinds = {"person_id": pa.int64(), **{item.name: item.type for item in made}}
    return table.cast(pa.schema([pa.field(name, kinds.get(name, pa.string()), False) for name in table.column_names]))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
