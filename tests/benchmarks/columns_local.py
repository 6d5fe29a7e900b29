"""Columns made with a locale: people and their data, and things that are written like them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from faker import Faker

Make = Callable[[Faker, random.Random], Any]


def text(fake: Faker, chance: random.Random, inside: Callable[[], str], share: float = 0.3) -> str:
    words = fake.text(max_nb_chars=chance.randrange(40, 160)).replace("\n", " ")
    if chance.random() > share:
        return words
    at = words.find(" ", len(words) // 2)
    return f"{words[:at]} {inside()} {words[at:].strip()}" if at > 0 else f"{words} {inside()}"


def _contact(fake: Faker, chance: random.Random) -> str:
    return chance.choice((fake.safe_email, lambda: "+" + fake.msisdn()[:11], fake.iban))()


LOCAL: dict[str, tuple[str, Make]] = {
    "names": ("name", lambda fake, chance: fake.name()),
    "names without titles": ("name", lambda fake, chance: f"{fake.first_name()} {fake.last_name()}"),
    "addresses": ("address", lambda fake, chance: fake.address()),
    "addresses on one line": ("address", lambda fake, chance: fake.address().replace("\n", ", ")),
    "street addresses": ("address", lambda fake, chance: fake.street_address()),
    "phones": ("phone", lambda fake, chance: fake.phone_number()),
    "e-mails": ("email", lambda fake, chance: fake.email()),
    "texts with contacts": ("free_text", lambda fake, chance: text(fake, chance, lambda: _contact(fake, chance))),
    "texts with few e-mails": ("free_text", lambda fake, chance: text(fake, chance, fake.safe_email, 0.02)),
    "json of a person": (
        "json",
        lambda fake, chance: json.dumps(
            {"id": chance.randrange(10**6), "who": {"n": fake.name(), "m": fake.email()}, "ok": chance.random() < 0.5},
            ensure_ascii=False,
        ),
    ),
}
LOCAL_NEGATIVES: dict[str, Make] = {
    "cities": lambda fake, chance: fake.city(),
    "firms": lambda fake, chance: fake.company(),
    "professions": lambda fake, chance: fake.job(),
    "words": lambda fake, chance: fake.word(),
    "prose": lambda fake, chance: fake.text(max_nb_chars=120),
    "titles": lambda fake, chance: fake.sentence(nb_words=4).rstrip(".").title(),
    "colours": lambda fake, chance: fake.color_name(),
    "countries": lambda fake, chance: fake.country(),
    "json of a thing": lambda fake, chance: json.dumps(
        {"sku": f"A-{chance.randrange(10**5)}", "size": chance.choice("SML"), "label": fake.word()}, ensure_ascii=False
    ),
}
