"""Well masked datasets to plant leaks into: people with every kind of identifier, notes, visits under text keys.

Nobody in them exists. What stands between personal data is ordinary: order numbers, digests, links, times, JSON.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import random
import shutil
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sandbox_suite.core.files import file_digest, read_json, write_json
from sandbox_suite.core.progress import silent
from sandbox_suite.datasets import example, masking, policy, raw
from sandbox_suite.datasets.example import ids, notes
from sandbox_suite.datasets.gate.verdict import Request
from sandbox_suite.datasets.sources import Column, Source, Table

if TYPE_CHECKING:
    import pyarrow as pa

NOW = datetime.datetime(2025, 6, 1, 12, tzinfo=datetime.UTC)
POLICY = Path(__file__).with_name("leaks_policy.yaml")
PEOPLE, NOTES, VISITS = 60, 70, 50
TABLES = {
    "people": Table("people", ("person_id",)),
    "notes": Table("notes", ("note_id",), {"person_id": "people.person_id"}),
    "visits": Table("visits", ("visit_key",), {"person_id": "people.person_id", "person_email": "people.email"}),
}
CITIES = ("Leeds", "Hamburg", "Lyon", "Sevilla", "Boston", "杭州", "Long Beach", "Sankt Peter-Ording", "San Francisco")
WORDS = (
    "Wants to Change the Delivery Address next Summer", "Baker Street branch, second floor", "Young Driver discount",
    "Die Lieferung kam am Freitag an", "Le colis est resté à la Poste", "El envío llegó roto", "优惠券已经过期",
    "客户很高兴，没有其他问题", "Green Monday promotion", "Mayor's office asked for a receipt", "see ticket #48213",
)  # fmt: skip


@dataclass(frozen=True)
class Frames(Source):
    """A source whose tables are in memory."""

    frames: dict[str, pa.Table] = field(default_factory=dict)

    def schema(self) -> dict[str, dict[str, Column]]:
        """Return the columns of each table."""
        return {
            name: {item.name: Column(str(item.type), item.nullable) for item in frame.schema}
            for name, frame in self.frames.items()
        }

    def digest(self) -> str:
        """Return a digest of all rows."""
        texts = (str(frame.to_pydict()) for frame in self.frames.values())
        return f"sha256:{hashlib.sha256(''.join(texts).encode()).hexdigest()}"

    def stream(self, table: str) -> Iterator[pa.Table]:
        """Yield a table as a whole."""
        yield self.frames[table]


@dataclass(frozen=True)
class Masked:
    """A raw version and what the masker made of it, in one folder."""

    folder: Path
    people: pl.DataFrame  # raw

    def request(self, seed: int = 1) -> Request:
        """Return what a gate is asked."""
        return Request(self.folder / "raw", self.folder / "quarantine", POLICY, seed, NOW, "c" * 64)

    def copy(self, into: Path) -> Masked:
        """Return a copy to plant into."""
        shutil.copytree(self.folder, into)
        return Masked(into, self.people)

    def frame(self, table: str, side: str) -> pl.DataFrame:
        """Return the rows of the `raw` or the `quarantine` side."""
        return pl.read_parquet(self.folder / side / "tables" / f"{table}.parquet")

    def put(self, table: str, side: str, column: str, values: dict[int, str | None]) -> None:
        """Set cells of a side as a faulty masker would have: its claims fit what it wrote."""
        frame = self.frame(table, side)
        kind = frame.schema.get(column, pl.String())
        cells = frame[column].to_list() if column in frame.columns else [None] * frame.height
        for row, value in values.items():
            cells[row] = datetime.date.fromisoformat(value) if value and kind == pl.Date else value
        self.write(table, side, frame.with_columns(pl.Series(column, cells, dtype=kind)))

    def write(self, table: str, side: str, frame: pl.DataFrame) -> None:
        """Replace a table, and what the masker says of it."""
        path = self.folder / side / "tables" / f"{table}.parquet"
        frame.write_parquet(path, compression="uncompressed")
        if side == "quarantine":
            claims = read_json(self.folder / side / "quarantine.json")
            claims["tables"][table] |= {"rows": frame.height, "file_digest": file_digest(path)}
            write_json(self.folder / side / "quarantine.json", claims)

    def claim(self, table: str, column: str, said: dict[str, Any]) -> None:
        """Let the masker claim a column."""
        path = self.folder / "quarantine" / "quarantine.json"
        claims = read_json(path)
        claims["tables"][table]["columns"][column] = said
        write_json(path, claims)


def make(folder: Path, seed: int, master: bytes) -> Masked:
    """Mask a new dataset into `folder`; the same seed makes the same one."""
    source = frames(seed)
    (folder / "raw" / "tables").mkdir(parents=True)
    schema = source.schema()
    tables = {
        name: raw.write(
            source.batches(name), folder / "raw" / "tables" / f"{name}.parquet", schema[name], source.tables[name]
        )
        for name in source.tables
    }
    head = {"schema": 1, "state": "raw", "name": source.name, "version": source.version}
    write_json(folder / "raw" / "manifest.json", head | {"source": source.digest(), "tables": tables})
    masking.mask(source, policy.load(POLICY), master, folder / "quarantine", silent)
    return Masked(folder, pl.read_parquet(folder / "raw" / "tables" / "people.parquet"))


def frames(seed: int) -> Frames:
    """Return the raw tables."""
    chance = random.Random(seed)
    people = _people(seed, chance)
    made = {"people": people, "notes": _notes(seed, chance, people), "visits": _visits(chance, people)}
    return Frames("leaks", f"s{seed}", TABLES, {name: _arrow(frame) for name, frame in made.items()})


def _people(seed: int, chance: random.Random) -> pl.DataFrame:
    draw = np.random.default_rng([seed, 7])
    customers = example.make(seed, {"customers": PEOPLE, "orders": 1, "notes": 1})["customers"]
    frame = pl.from_arrow(customers)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table is a frame")
    banks = list(ids.BANKS)
    ibans = [ids.ibans(draw, banks[row % len(banks)], 1)[0] for row in range(PEOPLE)]
    mails, phones = frame["email"].to_list(), frame["phone"].to_list()
    return frame.rename({"customer_id": "person_id"}).with_columns(
        pl.Series("iban", ibans),
        pl.Series("card", ids.cards(draw, PEOPLE)),
        pl.Series("ip", [address(chance) for _ in range(PEOPLE)]),
        pl.Series("mac", [mac(chance) for _ in range(PEOPLE)]),
        pl.Series("profile", [_profile(chance, *pair) for pair in zip(mails, phones, strict=True)]),
    )


def address(chance: random.Random) -> str:
    """Return a random IPv4 address."""
    return f"{chance.randint(11, 223)}.{chance.randint(0, 255)}.{chance.randint(100, 255)}.{chance.randint(1, 254)}"


def mac(chance: random.Random) -> str:
    """Return a random MAC address that a maker could have given."""
    return ":".join(f"{byte:02x}" for byte in (0x3C, *chance.randbytes(5)))


def _profile(chance: random.Random, email: str, phone: str) -> str:
    contact = {"email": email, "phone": phone}
    document = {"contact": contact, "plan": chance.choice(("free", "paid")), "device": token(chance)}
    return json.dumps(document, ensure_ascii=False)


def token(chance: random.Random) -> str:
    """Return an opaque text as systems make them, without anybody's data in it."""
    return chance.choice(
        (
            str(uuid.UUID(int=chance.getrandbits(128))),
            chance.randbytes(20).hex(),
            base64.b64encode(chance.randbytes(chance.randint(9, 30))).decode(),
            base64.urlsafe_b64encode(json.dumps({"v": chance.randint(1, 9), "role": "reader"}).encode()).decode(),
            f"build-{chance.randint(1, 99)}.{chance.randint(0, 20)}.{chance.randint(0, 999)}",
            urllib.parse.quote(f"/orders/{chance.randint(1, 9999)}?state=open&page=2", safe=""),
        )
    )


def _harmless(chance: random.Random) -> str:
    """Return a piece of ordinary text."""
    day = datetime.date(2023, 1, 1) + datetime.timedelta(days=chance.randrange(700))
    return chance.choice(
        (
            chance.choice(WORDS),
            f"order {chance.randint(10_000, 99_999_999)}, {chance.choice(CITIES)}",
            f"sent {day} {chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}",
            f"due {day:%d.%m.%Y}, total {chance.randint(1, 9999)}.{chance.randint(0, 99):02d} EUR",
            f"version {chance.randint(1, 20)}.{chance.randint(0, 30)}.{chance.randint(0, 9)}",
            f"trace {token(chance)}",
            f"https://shop.test/help?topic={urllib.parse.quote('late delivery & refund')}&id={chance.randint(1, 999)}",
            json.dumps({"state": "open", "items": chance.randint(1, 9), "city": chance.choice(CITIES)}),
            f"SKU-{chance.randint(0, 99_999):05d} x {chance.randint(1, 12)}",
        )
    )


def _notes(seed: int, chance: random.Random, people: pl.DataFrame) -> pl.DataFrame:
    draw = np.random.default_rng([seed, 8])
    about = people[draw.integers(0, PEOPLE, NOTES)]
    facts = about.select("full_name", "email", "phone", "national_id", "country")
    bodies = [f"{body} {_harmless(chance)}. {_harmless(chance)}" for body in notes.bodies(draw, facts)]
    return pl.DataFrame({"note_id": np.arange(1, NOTES + 1), "person_id": about["person_id"], "body": bodies})


def _visits(chance: random.Random, people: pl.DataFrame) -> pl.DataFrame:
    who = [chance.randrange(PEOPLE) for _ in range(VISITS)]
    return pl.DataFrame(
        {
            "visit_key": [f"v{number:04d}-{token(chance)}" for number in range(VISITS)],
            "person_id": people["person_id"].gather(who),
            "person_email": people["email"].gather(who),
            "trace": [token(chance) for _ in who],
            "amount": [chance.randint(1, 5_000_000) for _ in who],
        }
    )


def _arrow(frame: pl.DataFrame) -> pa.Table:
    import pyarrow as pa

    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    kinds = [pa.string() if pa.types.is_large_string(item.type) else item.type for item in table.schema]
    fields = [pa.field(item.name, kind, nullable=False) for item, kind in zip(table.schema, kinds, strict=True)]
    return table.cast(pa.schema(fields)).combine_chunks()
