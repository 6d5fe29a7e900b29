"""Columns with known kinds for bench.detection: made by faker in languages that no word list of ours comes from.

Two disjoint halves: rules were written while looking at DEVELOPMENT; JUDGED was only measured.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from faker import Faker

from tests.benchmarks.columns_harmless import NEGATIVES, counters
from tests.benchmarks.columns_local import LOCAL, LOCAL_NEGATIVES, Make
from tests.benchmarks.columns_values import EVERYWHERE

DEVELOPMENT = ("sv_SE", "cs_CZ", "ru_RU", "ja_JP", "tr_TR", "el_GR", "id_ID", "zh_TW", "en_IN", "hr_HR")
NORTH = ("da_DK", "fi_FI", "no_NO", "is_IS", "et_EE", "lt_LT", "lv_LV")
MIDDLE = ("hu_HU", "ro_RO", "bg_BG", "uk_UA", "sk_SK", "sl_SI")
FAR = ("ko_KR", "vi_VN", "he_IL", "hi_IN", "hy_AM", "ka_GE", "th_TH", "ar_SA", "fa_IR", "az_AZ", "en_NG", "ne_NP")
JUDGED = (*NORTH, *MIDDLE, *FAR)
ROWS = 1000


@dataclass(frozen=True)
class Column:
    """A made column. `kind` is empty where nothing personal is in it."""

    kind: str
    made_of: str  # what was made, and of which locale
    values: list[Any]
    name: str  # what the schema calls it


def columns(locales: tuple[str, ...], seed: int) -> Iterator[Column]:
    """Yield every positive of every locale, those without a locale, and the hard negatives."""
    for locale in locales:
        fake, chance = _faker(locale, seed)
        for what, (kind, make) in LOCAL.items():
            values = _values(make, fake, chance)
            if values and _spoken(fake, what):
                yield _column(kind, f"{what} {locale}", values, chance)
        for what, make in LOCAL_NEGATIVES.items():
            values = _values(make, fake, chance)
            if values and (_spoken(fake, what) or locale == locales[0]):
                yield _column("", f"{what} {locale}", values, chance)
    fake, chance = _faker("en_US", seed)
    for what, (kind, make) in EVERYWHERE.items():
        yield _column(kind, what, [make(fake, chance) for _ in range(ROWS)], chance)
    for what, make in NEGATIVES.items():
        yield _column("", what, [make(fake, chance) for _ in range(ROWS)], chance)
    for what, values in counters(chance, ROWS).items():
        yield _column("", what, values, chance)


def _faker(locale: str, seed: int) -> tuple[Faker, random.Random]:
    fake = Faker(locale)
    number = int(hashlib.sha256(f"{seed}/{locale}".encode()).hexdigest()[:8], 16)
    fake.seed_instance(number)
    return fake, random.Random(number)


def _spoken(fake: Faker, what: str) -> bool:
    """Say whether faker speaks the locale: where it does not, it takes English in silence, which our lists know."""
    providers = {item.__provider__.rpartition(".")[2]: item.__lang__ for item in fake.factories[0].get_providers()}
    needed = next((provider for word, provider in PROVIDERS.items() if word in what), None)
    return needed is None or providers[needed] == fake.locales[0]


def _values(make: Make, fake: Faker, chance: random.Random) -> list[Any]:
    try:
        return [make(fake, chance) for _ in range(ROWS)]
    except (AttributeError, TypeError):  # this locale cannot make it
        return []


# ---- what columns are called: half of them say nothing, and some negatives have words of positives in their names

NAMES = {
    "email": "email user_email mail contact_email email_1 login_mail eml",
    "name": "full_name customer_name name client contact holder recipient_name kunde",
    "phone": "phone mobile tel phone_no contact_phone telefon msisdn cell_1",
    "card": "card_number cc_no pan payment_ref",
    "iban": "iban account_no bank_account",
    "national_id": "ssn national_id person_no id_number tax_id ident",
    "address": "address street addr_line1 shipping_address home adresse",
    "date_of_birth": "dob birth_date born bday geburtsdatum",
    "ip": "ip client_ip remote_addr src",
    "mac": "mac mac_address hw",
    "free_text": "note comment remarks body message",
    "json": "payload metadata attributes doc",
    "secret": "api_key password access_token cred",
    "": (
        "order_no sku ean price product title created_at hash_value version code ref status item_name address_type "
        "phone_model email_count card_type name_length ip_version birth_country token_count mail_status model company"
    ),
}


def _column(kind: str, made_of: str, values: list[Any], chance: random.Random) -> Column:
    opaque = f"{chance.choice(('c', 'col_', 'attr', 'field_', 'x', 'value_'))}{chance.randrange(1, 99)}"
    name = chance.choice(NAMES[kind].split()) if chance.random() < 0.5 else opaque
    some = [None if chance.random() < 0.03 else value for value in values]
    return Column(kind, made_of, some, name)


PROVIDERS = {  # {word of what is made: which part of faker must speak the locale}
    "name": "person",
    "person": "person",
    "address": "address",
    "phone": "phone_number",
    "cities": "address",
    "countries": "address",
    "firms": "company",
    "professions": "job",
    "words": "lorem",
    "prose": "lorem",
    "titles": "lorem",
    "notes": "lorem",
    "thing": "lorem",
    "colours": "color",
}
