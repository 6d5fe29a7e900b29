"""What leaks, and how it may be spelled: each spelling gives a text that still tells the value, or None."""

from __future__ import annotations

import base64
import datetime
import html
import json
import random
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Mapping

import numpy as np

from sandbox_suite.datasets.example import ids
from tests.benchmarks.leaks_dataset import address, mac

Chance = random.Random
Spelling = Callable[[str, str, Chance], str | None]  # value, its type, chance
TYPES = ("email", "phone", "national_id", "iban", "card", "full_name", "address", "birth_date", "ip", "mac")
DIGITS = ("phone", "national_id", "iban", "card")
TEXTS = ("email", "full_name", "address")
INVISIBLE = ("\u200d", "\u200c", "\u200b", "\u00ad", "\u2060", "\ufeff", "\u200e")
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}


def _as_is(value: str, kind: str, chance: Chance) -> str | None:
    return value


def _reformatted(value: str, kind: str, chance: Chance) -> str | None:
    """Other separators, other order, other way to write a day."""
    if kind == "birth_date":
        return _day(datetime.date.fromisoformat(value), chance)
    if kind == "full_name":
        given, _, family = value.rpartition(" ")
        return chance.choice((f"{family}, {given}", f"{family} {given}", f"{given}  {family}")) if given else None
    if kind == "address":
        return chance.choice((value.replace(",", " -"), value.replace(", ", "\n"), value.replace(" ", "  ")))
    if kind == "mac":
        bare = value.replace(":", "")
        return chance.choice((value.replace(":", "-"), bare, f"{bare[:4]}.{bare[4:8]}.{bare[8:]}"))
    if kind == "phone":
        return _phone(value, chance)
    if kind in DIGITS:
        bare, step, gap = re.sub(r"[\s-]", "", value), chance.choice((2, 3, 4)), chance.choice(" -./ ")
        return gap.join(bare[at : at + step] for at in range(0, len(bare), step))
    return None


def _phone(value: str, chance: Chance) -> str:
    country = 2 if value.startswith("+1") else 3
    prefix, rest = value[:country], value[country:]
    return chance.choice(
        (
            f"{prefix} {rest[:3]} {rest[3:6]} {rest[6:]}",
            f"00{prefix[1:]} {rest[:3]}-{rest[3:]}",
            f"({rest[:3]}) {rest[3:6]}-{rest[6:]}",
            f"0{rest[:3]}/{rest[3:]}",
            f"{rest[:3]}.{rest[3:6]}.{rest[6:]}",
            rest,
        )
    )


def _day(day: datetime.date, chance: Chance) -> str:
    language = chance.choice(list(MONTHS))
    month = MONTHS[language].split()[day.month - 1]
    spelled = {
        "en": (
            f"{month} {day.day}, {day.year}",
            f"{day.day} {month[:3]} {day.year}",
            f"{day.day}th {month} {day.year}",
        ),
        "de": (f"{day.day}. {month} {day.year}",),
        "fr": (f"{day.day} {month} {day.year}",),
        "es": (f"{day.day} de {month} de {day.year}",),
    }
    numbers = (
        f"{day:%d.%m.%Y}", f"{day:%m/%d/%Y}", f"{day:%Y%m%d}", f"{day.day}.{day.month}.{day.year}",
        f"{day.month}/{day.day}/{day.year}", f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}/{day.month}/{day.day}",
    )  # fmt: skip
    return chance.choice((*numbers, *spelled[language]))


def _glued(value: str, kind: str, chance: Chance) -> str | None:
    if kind in ("birth_date", "ip"):
        return None
    bare = re.sub(r"[^\w@.]", "", value) if kind != "email" else value
    return chance.choice((f"x{bare}x", f"Ref{bare}", f"{bare}_old", f"KD_{bare}_7", f"id={bare}&", f"客户{bare}的"))


def _upper(value: str, kind: str, chance: Chance) -> str | None:
    return value.upper() if value.upper() != value and kind not in DIGITS else None


def _lower(value: str, kind: str, chance: Chance) -> str | None:
    return value.lower() if value.lower() != value else None


def _mixed(value: str, kind: str, chance: Chance) -> str | None:
    mixed = "".join(sign.upper() if at % 2 else sign.lower() for at, sign in enumerate(value))
    return mixed if mixed != value and kind in (*TEXTS, "mac") else None


def _base64(value: str, kind: str, chance: Chance) -> str | None:
    return base64.b64encode(value.encode()).decode().rstrip(chance.choice(("", "=")))


def _base64_inside(value: str, kind: str, chance: Chance) -> str | None:
    """Inside a longer text, in the alphabet for URLs, with letters around it."""
    body = base64.urlsafe_b64encode(json.dumps({"user": value, "n": 1}, ensure_ascii=False).encode()).decode()
    return chance.choice((body, f"eyJhbGciOiJIUzI1NiJ9.{body.rstrip('=')}.c2ln", f"data:text/plain;base64,{body}"))


def _hex(value: str, kind: str, chance: Chance) -> str | None:
    plain = value.encode()
    return chance.choice(
        (plain.hex(), plain.hex().upper(), plain.hex(":"), plain.hex(" "), f"0x{plain.hex()}", f"\\x{plain.hex()}")
    )


def _url(value: str, kind: str, chance: Chance) -> str | None:
    every = "".join(f"%{byte:02X}" for byte in value.encode())
    quoted = urllib.parse.quote_plus(value, safe="")
    return chance.choice((every, f"https://a.test/?q={every}", urllib.parse.quote(every, safe=""), f"?u={quoted}"))


def _escaped(value: str, kind: str, chance: Chance) -> str | None:
    """As HTML, JavaScript or quoted-printable write what is not plain."""
    code = "".join(f"\\u{unit:04x}" for unit in _units(value))
    entities = "".join(f"&#{ord(sign)};" for sign in value)
    quoted = "".join(f"={byte:02X}" for byte in value.encode())
    return chance.choice((code, entities, "".join(f"&#x{ord(sign):x};" for sign in value), quoted, html.escape(value)))


def _units(value: str) -> list[int]:
    plain = value.encode("utf-16-be")
    return [int.from_bytes(plain[at : at + 2]) for at in range(0, len(plain), 2)]


def _json(value: str, kind: str, chance: Chance) -> str | None:
    document = {"state": "open", chance.choice(("contact", "x", "data")): {"v": [1, value]}}
    return chance.choice(
        (
            json.dumps(document),
            json.dumps(document, ensure_ascii=False),
            json.dumps(json.dumps(document)),
            json.dumps({value: True}),
        )
    )


def _wide(value: str, kind: str, chance: Chance) -> str | None:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in value)


def _joined(value: str, kind: str, chance: Chance) -> str | None:
    sign = chance.choice(INVISIBLE)
    if chance.random() < 0.5:
        return sign.join(value)
    at = len(value) // 2
    return value[:at] + sign + value[at:]


def _decomposed(value: str, kind: str, chance: Chance) -> str | None:
    decomposed = unicodedata.normalize("NFD", value)
    return decomposed if decomposed != value else None


def _other_digits(value: str, kind: str, chance: Chance) -> str | None:
    if kind not in (*DIGITS, "birth_date", "ip"):
        return None
    zero = chance.choice((0x0660, 0x0966, 0x1D7CE, 0x1D7F6, 0x24EA))
    if zero == 0x24EA:  # circled
        return re.sub("[0-9]", lambda digit: "⓪①②③④⑤⑥⑦⑧⑨"[int(digit[0])], value)
    return re.sub("[0-9]", lambda digit: chr(zero + int(digit[0])), value)


def _spaced(value: str, kind: str, chance: Chance) -> str | None:
    return chance.choice((" ", "-", "_")).join(value.replace(" ", "")) if kind in DIGITS else None


def _odd_blanks(value: str, kind: str, chance: Chance) -> str | None:
    gap = chance.choice(("\u00a0", "\u2009", "\u3000", "\t", "\n", "\u2011", "\u2013"))
    if " " in value:
        return value.replace(" ", gap)
    return gap.join((value[:3], value[3:7], value[7:])) if kind in DIGITS else None


SPELLINGS: Mapping[str, Spelling] = {
    "as it is": _as_is,
    "reformatted": _reformatted,
    "glued": _glued,
    "upper case": _upper,
    "lower case": _lower,
    "mixed case": _mixed,
    "base64": _base64,
    "base64 in more": _base64_inside,
    "hex": _hex,
    "URL": _url,
    "escaped": _escaped,
    "JSON": _json,
    "full width": _wide,
    "invisible signs": _joined,
    "decomposed (NFD)": _decomposed,
    "other digits": _other_digits,
    "sign by sign": _spaced,
    "odd blanks": _odd_blanks,
}


def stranger(kind: str, chance: Chance) -> str:
    """Return a value of nobody in the dataset; only its shape tells it."""
    draw = np.random.default_rng(chance.getrandbits(32))
    if kind == "email":
        who, host = chance.choice(("li", "ann.o", "j_doe+x", "müller")), chance.choice(("corp.test", "mail.co.uk"))
        return f"{who}{chance.randint(1, 99)}@{host}"
    if kind == "ip":
        return address(chance)
    if kind == "mac":
        return mac(chance)
    if kind == "phone":
        return ids.phones(draw, chance.choice(("US", "GB", "DE", "FR", "ES", "CN")), 1)[0]
    if kind == "mobile":
        return ids.phones(draw, "CN", 1)[0][3:]
    if kind == "iban":
        return ids.ibans(draw, chance.choice(list(ids.BANKS)), 1)[0]
    if kind == "card":
        return ids.cards(draw, 1)[0]
    country = {"resident id": "CN", "ssn": "US", "nir": "FR", "dni": "ES", "nino": "GB"}[kind]
    return ids.national_ids(draw, country, draw.integers(-9000, 9000, 1))[0]


STRANGERS = ("email", "phone", "mobile", "iban", "card", "resident id", "ssn", "nir", "dni", "nino", "ip", "mac")
