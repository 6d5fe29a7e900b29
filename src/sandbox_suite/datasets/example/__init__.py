"""The example data set: customers, orders and notes made from a seed, the same bytes for the same seed.

Nobody in it exists. Six locales, valid national ids, personal data in about two notes of five.
"""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sandbox_suite.datasets.example import ids, notes

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1"  # rises when the same seed gives other rows
LOCALES = {  # locale: (share, country, currency, folder of mimesis)
    "en_US": (0.28, "US", "USD", "en"),
    "en_GB": (0.10, "GB", "GBP", "en-gb"),
    "de_DE": (0.14, "DE", "EUR", "de"),
    "fr_FR": (0.11, "FR", "EUR", "fr"),
    "es_ES": (0.10, "ES", "EUR", "es"),
    "zh_CN": (0.27, "CN", "CNY", "zh"),
}
ADDRESS = {
    "en_US": "{number} {street}, {city}",
    "en_GB": "{number} {street}, {city}",
    "de_DE": "{street} {number}, {city}",
    "fr_FR": "{number} {street}, {city}",
    "es_ES": "{street}, {number}, {city}",
    "zh_CN": "{city}{street}{number}号",
}
DAY = 86_400_000_000  # microseconds
Random = np.random.Generator


def make(seed: int, rows: Mapping[str, int]) -> dict[str, pa.Table]:
    """Return the three tables; each table draws from its own stream, so that its length moves no other table."""
    customers = _customers(np.random.default_rng([seed, 1]), rows["customers"])
    orders = _orders(np.random.default_rng([seed, 2]), rows["orders"], customers)
    notes = _notes(np.random.default_rng([seed, 3]), rows["notes"], customers)
    return {name: _arrow(frame) for name, frame in (("customers", customers), ("orders", orders), ("notes", notes))}


@functools.cache
def pool(folder: str, kind: str) -> list[str]:
    """Return all `given`, `family`, `street` or `city` words of a locale."""
    file = "person.json" if kind in ("given", "family") else "address.json"
    words = json.loads((resources.files("mimesis") / "datasets" / folder / file).read_text(encoding="utf-8"))
    if kind == "street":
        return _streets(folder, words["street"])
    found = words[{"given": "names", "family": "surnames", "city": "city"}[kind]]
    flat = found if isinstance(found, list) else [name for part in found.values() for name in part]
    return sorted({unicodedata.normalize("NFC", name.strip()) for name in flat})


def _streets(folder: str, street: Mapping[str, list[str]]) -> list[str]:
    names, suffixes = sorted({name.strip() for name in street["name"]}), sorted(street.get("suffix", []))
    if not suffixes or folder in ("de", "en-gb", "es", "nl"):  # these names are whole
        return names
    joined = [(name, suffixes[i % len(suffixes)]) for i, name in enumerate(names)]
    spelled = {"zh": "{0}{1}", "fr": "{1} {0}", "it": "{1} {0}", "pl": "{1} {0}"}.get(folder, "{0} {1}")
    return [spelled.format(name, suffix) for name, suffix in joined]


def _customers(random: Random, count: int) -> pl.DataFrame:
    shares = np.array([item[0] for item in LOCALES.values()])
    locale = random.choice(len(LOCALES), count, p=shares / shares.sum())
    birth = random.integers(-30 * 365, 36 * 365, count)  # days since 1970: 1940 to 2005
    columns: dict[str, np.ndarray] = {
        name: np.empty(count, dtype=object) for name in ("full_name", "email", "phone", "national_id", "address")
    }
    for number, (name, (_, country, _, folder)) in enumerate(LOCALES.items()):
        at = np.flatnonzero(locale == number)
        made = _people(random, name, country, folder, birth[at], at + 1)
        for column, values in made.items():
            columns[column][at] = values
    names = np.array(list(LOCALES))[locale]
    return pl.DataFrame(
        {
            "customer_id": np.arange(1, count + 1),
            **{name: pl.Series(columns[name], dtype=pl.String) for name in ("full_name", "email", "phone")},
            "national_id": pl.Series(columns["national_id"], dtype=pl.String),
            "country": [name[-2:] for name in names],
            "locale": names,
            "birth_date": pl.Series(birth.astype(np.int32)).cast(pl.Date),
            "address": pl.Series(columns["address"], dtype=pl.String),
            "status": np.array(["active", "dormant", "closed"])[random.choice(3, count, p=[0.8, 0.15, 0.05])],
            "created_at": _moments(random, count, 18_262, 20_088),  # 2020 to 2024
        }
    )


def _people(
    random: Random, locale: str, country: str, folder: str, birth: np.ndarray, numbers: np.ndarray
) -> dict[str, Any]:
    count = len(birth)
    given, family = _pick(random, pool(folder, "given"), count), _pick(random, pool(folder, "family"), count)
    names = [f + g if locale == "zh_CN" else f"{g} {f}" for g, f in zip(given, family, strict=True)]
    street, city = _pick(random, pool(folder, "street"), count), _pick(random, pool(folder, "city"), count)
    houses = random.integers(1, 400, count)
    address = [
        ADDRESS[locale].format(number=number, street=s, city=c)
        for number, s, c in zip(houses.tolist(), street, city, strict=True)
    ]
    return {
        "full_name": names,
        "email": _emails(random, given, family, numbers),
        "phone": ids.phones(random, country, count),
        "national_id": ids.national_ids(random, country, birth),
        "address": address,
    }


def _emails(random: Random, given: list[str], family: list[str], numbers: np.ndarray) -> list[str]:
    hosts = ("mail.example", "post.example", "web.test", "inbox.example.net", "box.example.org")
    chosen = random.integers(0, len(hosts), len(given)).tolist()
    return [
        f"{_ascii(g)}.{_ascii(f)}{number}@{hosts[host]}".lstrip(".").replace("..", ".")
        for g, f, number, host in zip(given, family, numbers.tolist(), chosen, strict=True)
    ]


@functools.cache
def _ascii(word: str) -> str:
    """Return what of a word fits an e-mail address; a Chinese word has nothing, so it gets a code of its own."""
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    kept = "".join(letter for letter in plain if letter.isalnum())
    return kept or f"c{sum(ord(letter) * 31**i for i, letter in enumerate(word)) % 100_000}"


def _pick(random: Random, words: list[str], count: int) -> list[str]:
    return [words[i] for i in random.integers(0, len(words), count).tolist()]


def _moments(random: Random, count: int, first: int, last: int) -> pl.Series:
    seconds = random.integers(first * 86_400, last * 86_400, count)
    return pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))


def _orders(random: Random, count: int, customers: pl.DataFrame) -> pl.DataFrame:
    buyer = random.integers(0, len(customers), count)
    currency = customers["locale"].replace_strict({name: item[2] for name, item in LOCALES.items()})
    sku = random.integers(0, 5000, count)
    return pl.DataFrame(
        {
            "order_id": np.arange(1, count + 1),
            "customer_id": customers["customer_id"].gather(buyer),
            "customer_email": customers["email"].gather(buyer),
            "sku": "SKU-" + pl.Series(sku).cast(pl.String).str.zfill(5),
            "amount_cents": (np.exp(random.normal(8.2, 1.0, count))).astype(np.int64).clip(1, 5_000_000),
            "currency": currency.gather(buyer),
            "status": np.array(["paid", "shipped", "returned", "open"])[
                random.choice(4, count, p=[0.5, 0.3, 0.05, 0.15])
            ],
            "ordered_at": _moments(random, count, 18_262, 20_088),
        }
    )


def _notes(random: Random, count: int, customers: pl.DataFrame) -> pl.DataFrame:
    about = customers.select("customer_id", "full_name", "email", "phone", "national_id", "country")[
        random.integers(0, len(customers), count)
    ]
    body = notes.bodies(random, about)
    agents = np.array([f"agent{number:02d}" for number in range(24)])
    return pl.DataFrame(
        {
            "note_id": np.arange(1, count + 1),
            "customer_id": about["customer_id"],
            "author": agents[random.integers(0, len(agents), count)],
            "body": body,
            "created_at": _moments(random, count, 18_262, 20_088),
        }
    )


def _arrow(frame: pl.DataFrame) -> pa.Table:
    import pyarrow as pa

    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    text = [pa.string() if pa.types.is_large_string(item.type) else item.type for item in table.schema]
    fields = [pa.field(item.name, kind, nullable=False) for item, kind in zip(table.schema, text, strict=True)]
    return table.cast(pa.schema(fields)).combine_chunks()
