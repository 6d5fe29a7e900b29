"""Columns without personal data that look like it: numbers, codes, versions, products, moments."""

from __future__ import annotations

import base64
import datetime
import random
import string
import uuid
from typing import Any

from tests.benchmarks.columns_local import Make
from tests.benchmarks.columns_values import luhn, token

ADJECTIVES = (
    *("Ergonomic", "Rustic", "Sleek", "Vintage", "Modern", "Compact"),
    *("Portable", "Foldable", "Wireless", "Organic", "Classic", "Nordic", "Cosy"),
)
MATERIALS = (
    *("Oak", "Cotton", "Steel", "Bamboo", "Ceramic", "Leather", "Velvet"),
    *("Copper", "Glass", "Linen", "Walnut", "Rattan", "Marble", "Cork"),
)
THINGS = (
    *("Chair", "Lamp", "Table", "Shelf", "Kettle", "Backpack", "Speaker"),
    *("Blanket", "Planter", "Stool", "Mirror", "Bottle", "Wallet", "Desk"),
)


def _check13(body: str) -> str:
    return body + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10)


NEGATIVES: dict[str, Make] = {
    "EAN-13": lambda fake, chance: _check13(f"40{chance.randrange(10**10):010d}"),
    "EAN-13 as numbers": lambda fake, chance: int(_check13(f"50{chance.randrange(10**10):010d}")),
    "EAN-8": lambda fake, chance: fake.ean8(),
    "ISBN-13": lambda fake, chance: fake.isbn13(),
    "order numbers 9": lambda fake, chance: chance.randrange(10**8, 10**9),
    "order numbers 10": lambda fake, chance: f"{chance.randrange(10**9, 10**10)}",
    "order numbers 11": lambda fake, chance: f"{chance.randrange(10**10, 10**11)}",
    "order numbers 13": lambda fake, chance: f"{chance.randrange(10**12, 10**13)}",
    "order numbers 16": lambda fake, chance: f"{chance.randrange(10**15, 10**16)}",
    "order numbers 18": lambda fake, chance: f"{chance.randrange(10**17, 10**18)}",
    "order numbers by year": lambda fake, chance: f"2024-{chance.randrange(10**6):06d}",
    "order numbers by day": lambda fake, chance: f"ORD-{fake.date_this_decade():%Y%m%d}-{chance.randrange(10**4):04d}",
    "invoice numbers": lambda fake, chance: f"{chance.randrange(10**3):03d}/{chance.randrange(10**4):04d}/24",
    "prices": lambda fake, chance: f"{chance.randrange(1, 10**5) / 100:.2f}",
    "prices with currency": lambda fake, chance: f"{chance.randrange(1, 10**6):,} EUR",
    "prices as numbers": lambda fake, chance: chance.randrange(1, 10**7) / 100,
    "amounts in cents": lambda fake, chance: int(chance.lognormvariate(8, 1)),
    "UUIDs": lambda fake, chance: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    "moments": lambda fake, chance: fake.date_time_this_decade(),
    "moments as text": lambda fake, chance: fake.date_time_this_decade().isoformat(),
    "moments with zone": lambda fake, chance: fake.date_time_this_decade().strftime("%Y-%m-%dT%H:%M:%S+0100"),
    "epoch seconds": lambda fake, chance: chance.randrange(1_500_000_000, 1_750_000_000),
    "epoch milliseconds": lambda fake, chance: chance.randrange(1_500_000_000_000, 1_750_000_000_000),
    "days of orders": lambda fake, chance: fake.date_this_decade(),
    "product codes": lambda fake, chance: (
        f"{fake.lexify('???').upper()}-{chance.randrange(10**4):04d}-{chance.choice('ABC')}"
    ),
    "product codes as SSNs": lambda fake, chance: (
        f"{chance.randrange(1000):03d}-{chance.randrange(100):02d}-{chance.randrange(10**4):04d}"
    ),
    "part numbers": lambda fake, chance: (
        f"{chance.randrange(100):02d}.{chance.randrange(10**4):04d}.{chance.randrange(1000):03d}"
    ),
    "MD5": lambda fake, chance: fake.md5(),
    "SHA-256": lambda fake, chance: fake.sha256(),
    "SHA-256 in base64": lambda fake, chance: base64.b64encode(chance.randbytes(32)).decode(),
    "versions of three": lambda fake, chance: f"{chance.randrange(9)}.{chance.randrange(30)}.{chance.randrange(40)}",
    "versions of four": lambda fake, chance: (
        f"{chance.randrange(12)}.{chance.randrange(30)}.{chance.randrange(90)}.{chance.randrange(9)}"
    ),
    "versions of Windows": lambda fake, chance: (
        f"10.0.{chance.choice((17763, 19041, 22000, 22621))}.{chance.randrange(4000)}"
    ),
    "packages": lambda fake, chance: (
        f"{fake.word()}@{chance.randrange(9)}.{chance.randrange(30)}.{chance.randrange(9)}"
    ),
    "file names": lambda fake, chance: fake.file_name(),
    "images for two densities": lambda fake, chance: f"{fake.word()}@2x.png",
    "URLs": lambda fake, chance: fake.url() + fake.uri_path(),
    "user agents": lambda fake, chance: fake.user_agent(),
    "host names": lambda fake, chance: fake.hostname(),
    "products": lambda fake, chance: f"{chance.choice(ADJECTIVES)} {chance.choice(MATERIALS)} {chance.choice(THINGS)}",
    "products with sizes": lambda fake, chance: (
        f"{chance.choice(ADJECTIVES)} {chance.choice(THINGS)} {chance.randrange(30, 60)}"
    ),
    "models": lambda fake, chance: (
        f"{chance.choice(('Galaxy', 'Pixel', 'Model', 'Series'))} {fake.lexify('?').upper()}{chance.randrange(100)}"
    ),
    "rooms": lambda fake, chance: f"{chance.choice(('Room', 'Hall', 'Lab'))} {chance.randrange(500)}",
    "statuses": lambda fake, chance: chance.choice(("active", "dormant", "closed")),
    "statuses in Chinese": lambda fake, chance: chance.choice(("已付款", "已发货", "待处理", "已取消", "退款中")),
    "departments in Chinese": lambda fake, chance: chance.choice(
        ("技术部", "市场部", "财务部", "人事部", "销售部", "客服部")
    ),
    "products in Chinese": lambda fake, chance: (
        chance.choice("红黄蓝白黑金银") + chance.choice("木铁铜石布皮") + chance.choice(("椅", "桌", "灯", "杯", "箱"))
    ),
    "stations": lambda fake, chance: f"{fake.street_name()} {chance.choice(('Station', 'Terminal', 'Depot'))}",
    "plain words": lambda fake, chance: fake.word(),
    "coordinates": lambda fake, chance: f"{fake.latitude()}, {fake.longitude()}",
    "percentages": lambda fake, chance: f"{chance.randrange(1000) / 10}%",
    "flags": lambda fake, chance: chance.random() < 0.5,
    "time of day": lambda fake, chance: (
        f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
    ),
    "durations": lambda fake, chance: f"{chance.randrange(9)}h {chance.randrange(60)}m {chance.randrange(60)}s",
    "colours in hex": lambda fake, chance: fake.hex_color(),
    "tracking numbers": lambda fake, chance: f"1Z{fake.bothify('#?#?##').upper()}{chance.randrange(10**10):010d}",
    "IMEI": lambda fake, chance: luhn("35", 15, chance),
    "ULIDs": token(26, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
    "short ids": token(11),
    "hex ids": token(24, "0123456789abcdef"),
    "codes like NINOs": lambda fake, chance: (
        f"{fake.lexify('??').upper()}{chance.randrange(10**6):06d}{chance.choice(string.ascii_uppercase)}"
    ),
    "codes like IBANs": lambda fake, chance: f"DE{chance.randrange(10**20):020d}",
    "dimensions": lambda fake, chance: (
        f"{chance.randrange(1, 200)} x {chance.randrange(1, 200)} x {chance.randrange(1, 90)} cm"
    ),
    "postcodes": lambda fake, chance: fake.postcode(),
    "plates": lambda fake, chance: fake.license_plate(),
    "MIME types": lambda fake, chance: fake.mime_type(),
    "locales": lambda fake, chance: fake.locale(),
    "currencies": lambda fake, chance: fake.currency_code(),
    "log lines": lambda fake, chance: (
        f"upgrade to {chance.randrange(9)}.{chance.randrange(40)}.{chance.randrange(9)}.{chance.randrange(9)}"
        f" took {chance.randrange(900)} ms"
    ),
}


def counters(chance: random.Random, rows: int) -> dict[str, list[Any]]:
    """Return numbers that count on, and days that only end quarters."""
    first = chance.randrange(10**5)
    return {
        "counter": list(range(first, first + rows)),
        "counter of 11 digits": [13_000_000_000 + first + number for number in range(rows)],
        "counter of 16 digits": [4_000_000_000_000_000 + first + number for number in range(rows)],
        "counter of 9 digits as text": [f"{700_000_000 + first + number}" for number in range(rows)],
        "counter in a code": [f"SKU-{first + number:06d}" for number in range(rows)],
        "ends of quarters": [datetime.date(1970 + number % 45, 3 * (number % 4) + 3, 30) for number in range(rows)],
    }
