"""Columns of personal data that looks the same in every language."""

from __future__ import annotations

import datetime
import json
import random
import string

from faker import Faker

from tests.benchmarks.columns_local import Make, text


def luhn(head: str, size: int, chance: random.Random) -> str:
    body = head + "".join(chance.choice(string.digits) for _ in range(size - 1 - len(head)))
    total = sum(
        (int(d) * 2 - 9 if int(d) > 4 else int(d) * 2) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(body))
    )
    return body + str(-total % 10)


def _card(fake: Faker, chance: random.Random) -> str:
    head, size = chance.choice((("4", 16), ("51", 16), ("55", 16), ("37", 15), ("62", 16), ("2221", 16)))
    return luhn(head, size, chance)


def _grouped(text: str, size: int = 4) -> str:
    return " ".join(text[at : at + size] for at in range(0, len(text), size))


def _password(fake: Faker, chance: random.Random) -> str:
    return str(fake.password(length=chance.randrange(10, 16)))


def _birth(fake: Faker, chance: random.Random) -> datetime.date:
    return datetime.date(1938, 1, 1) + datetime.timedelta(days=chance.randrange(68 * 365))


def token(size: int, alphabet: str = string.ascii_letters + string.digits + "-_") -> Make:
    return lambda fake, chance: "".join(chance.choice(alphabet) for _ in range(size))


def _nino(fake: Faker, chance: random.Random) -> str:
    head = chance.choice("ABCEGHJKLMNOPRSTWXYZ") + chance.choice("ABCEGHJKLMNPRSTWXYZ")
    pairs = " ".join(f"{chance.randrange(100):02d}" for _ in range(3))
    return f"{head} {pairs} {chance.choice('ABCD')}"


def _tax_id(fake: Faker, chance: random.Random) -> str:
    from stdnum.iso7064 import mod_11_10

    digits = chance.sample(string.digits, 9)  # one digit twice, one of the others missing
    digits.insert(chance.randrange(9), chance.choice(digits))
    body = "".join(digits)
    return str(body + mod_11_10.calc_check_digit(body)) if body[0] != "0" else _tax_id(fake, chance)


def _resident(fake: Faker, chance: random.Random) -> str:
    day = _birth(fake, chance)
    body = f"{chance.choice(COUNTIES)}{day:%Y%m%d}{chance.randrange(1000):03d}"
    return body + "10X98765432"[sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(body)) % 11]


COUNTIES = [
    "110101",
    "110228",
    "130102",
    "210102",
    "310101",
    "310230",
    "320102",
    "330106",
    "420106",
    "440103",
    "440306",
    "510104",
    "610113",
]
SPOKEN = {locale: Faker(locale) for locale in ("de_DE", "es_ES", "fr_FR", "it_IT", "nl_NL", "pl_PL", "pt_BR")}


def _of(locale: str, method: str) -> Make:
    """Return a maker of another locale, with chance of the same seed."""

    def make(fake: Faker, chance: random.Random) -> str:
        SPOKEN[locale].seed_instance(chance.getrandbits(32))
        return str(getattr(SPOKEN[locale], method)())

    return make


EVERYWHERE: dict[str, tuple[str, Make]] = {
    "ids US": ("national_id", lambda fake, chance: fake.ssn()),
    "ids GB": ("national_id", _nino),
    "ids DE": ("national_id", _tax_id),
    "ids DE as numbers": ("national_id", lambda fake, chance: int(_tax_id(fake, chance))),
    "ids FR": ("national_id", _of("fr_FR", "ssn")),
    "ids ES": ("national_id", _of("es_ES", "nif")),
    "ids IT": ("national_id", _of("it_IT", "ssn")),
    "ids NL": ("national_id", _of("nl_NL", "ssn")),
    "ids PL": ("national_id", _of("pl_PL", "ssn")),
    "ids BR": ("national_id", _of("pt_BR", "ssn")),
    "ids CN": ("national_id", _resident),
    "ids of six countries": (
        "national_id",
        lambda fake, chance: chance.choice(
            (_nino, _tax_id, _resident, _of("fr_FR", "ssn"), _of("es_ES", "nif"), _of("it_IT", "ssn"))
        )(fake, chance),
    ),
    "cards": ("card", _card),
    "cards in groups": ("card", lambda fake, chance: _grouped(_card(fake, chance))),
    "cards as numbers": ("card", lambda fake, chance: int(_card(fake, chance))),
    "IBANs GB": ("iban", lambda fake, chance: fake.iban()),
    "IBANs DE in groups": ("iban", lambda fake, chance: _grouped(_of("de_DE", "iban")(fake, chance))),
    "mobiles CN": ("phone", lambda fake, chance: f"1{chance.choice('3578')}{chance.randrange(10**9):09d}"),
    "mobiles CN as numbers": (
        "phone",
        lambda fake, chance: int(f"1{chance.choice('3589')}{chance.randrange(10**9):09d}"),
    ),
    "E.164": ("phone", lambda fake, chance: f"+49151{chance.randrange(10**7):07d}"),
    "births": ("date_of_birth", _birth),
    "births as text": ("date_of_birth", lambda fake, chance: _birth(fake, chance).strftime("%d.%m.%Y")),
    "births in words": ("date_of_birth", lambda fake, chance: _birth(fake, chance).strftime("%d %B %Y")),
    "births of Americans": ("date_of_birth", lambda fake, chance: _birth(fake, chance).strftime("%m/%d/%Y")),
    "IPv4": ("ip", lambda fake, chance: fake.ipv4()),
    "IPv4 private": ("ip", lambda fake, chance: fake.ipv4_private()),
    "IPv6": ("ip", lambda fake, chance: fake.ipv6()),
    "MACs": ("mac", lambda fake, chance: fake.mac_address()),
    "MACs with hyphens": ("mac", lambda fake, chance: fake.mac_address().replace(":", "-").upper()),
    "passwords": ("secret", _password),
    "tokens": ("secret", token(40)),
    "cloud keys": ("secret", lambda fake, chance: "AK" + "IA" + token(16, string.ascii_uppercase)(fake, chance)),
    "password hashes": ("secret", lambda fake, chance: "$2b$" + "12$" + token(53, string.ascii_letters)(fake, chance)),
    "database URLs": (
        "secret",
        lambda fake, chance: f"postgresql://app:{token(12, string.ascii_letters)(fake, chance)}@db.example/x",
    ),
    "SSNs in logs": ("free_text", lambda fake, chance: text(fake, chance, fake.ssn)),
    "cards in notes": ("free_text", lambda fake, chance: text(fake, chance, lambda: _grouped(_card(fake, chance)))),
    "addresses of hosts in logs": (
        "free_text",
        lambda fake, chance: f"GET /{fake.uri_path()} from {fake.ipv4()} took {chance.randrange(900)} ms",
    ),
    "names in notes": ("free_text", lambda fake, chance: text(fake, chance, lambda: f"Mr {fake.last_name()}")),
    "ids CN in notes": ("free_text", lambda fake, chance: text(fake, chance, lambda: _resident(fake, chance))),
    "json of a login": ("json", lambda fake, chance: json.dumps({"t": chance.random(), "addr": [fake.ipv4()]})),
}
