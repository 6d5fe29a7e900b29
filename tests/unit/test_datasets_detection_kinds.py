"""Detection, kind by kind: what is found without a word list, what is left alone, and what the evidence says."""

import datetime
import json
import random
import re
import string
import uuid
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_suite.datasets.detection import Label, Look, label, label_all, observe
from sandbox_suite.datasets.detection.counting import shapes_of
from sandbox_suite.datasets.detection.naming import by_name
from sandbox_suite.datasets.detection.shapes import Shape

ROWS = 300
Make = Callable[[random.Random, int], Any]


def column(make: Make, rows: int = ROWS) -> pl.Series:
    chance = random.Random(7)
    return pl.Series([make(chance, number) for number in range(rows)], strict=False)


def seen(values: pl.Series, parts: int = 1) -> Look:
    look = Look()
    size = max(1, -(-len(values) // parts))
    for start in range(0, max(1, len(values)), size):
        look.add(values.slice(start, size))
    return look


def token(chance: random.Random, size: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(chance.choice(alphabet) for _ in range(size))


def word(chance: random.Random) -> str:
    return "".join(chance.choice("bdfgklmnrstv") + chance.choice("aeiou") for _ in range(chance.randrange(2, 5)))


def pair(chance: random.Random, _: int) -> str:
    given = [word(random.Random(number)).title() for number in range(80)]
    family = [word(random.Random(1000 + number)).title() + "z" for number in range(150)]
    return f"{chance.choice(given)} {chance.choice(family)}"


def day(chance: random.Random, _: int) -> datetime.date:
    return datetime.date(1940, 1, 1) + datetime.timedelta(days=chance.randrange(60 * 365))


def octets(chance: random.Random, top: int) -> str:
    return ".".join(str(chance.randrange(top)) for _ in range(4))


FOUND: dict[str, tuple[str, Make]] = {
    "names in no list": ("name", pair),
    "IPv4": ("ip", lambda chance, _: octets(chance, 256)),
    "IPv6": ("ip", lambda chance, _: ":".join(f"{chance.getrandbits(16):x}" for _ in range(8))),
    "MAC": ("mac", lambda chance, _: ":".join(f"{chance.getrandbits(8):02x}" for _ in range(6))),
    "births": ("date_of_birth", day),
    "births as text": ("date_of_birth", lambda chance, n: day(chance, n).strftime("%d.%m.%Y")),
    "streets in no list": ("address", lambda chance, n: f"{word(chance).title()} gatan {1 + n % 90}"),
    "tokens": ("secret", lambda chance, _: token(chance, 40)),
    "cloud keys": ("secret", lambda chance, _: "AK" + "IA" + token(chance, 16, string.ascii_uppercase)),
    "passwords": ("secret", lambda chance, _: token(chance, 7) + "aZ9" + chance.choice("!$%&")),
    "full-width": (
        "national_id",
        lambda chance, _: _pesel(chance).translate({ord(str(n)): 0xFF10 + n for n in range(10)}),
    ),
    "PESEL as numbers": ("national_id", lambda chance, _: float(_pesel(chance))),
    "mails in JSON": ("json", lambda chance, n: json.dumps({"id": n, "by": {"m": f"{word(chance)}@mail.example"}})),
    "logs": ("free_text", lambda chance, n: f"request {n} from {octets(chance, 256)} was slow"),
    "notes": ("free_text", lambda chance, n: f"order {n} was late" + (", ask u@mail.example" if n == 5 else "")),
}
LEFT: dict[str, Make] = {
    "titles": lambda chance, _: " ".join(
        word(random.Random(chance.randrange(300))).title() for _ in range(chance.randrange(2, 7))
    ),
    "products": lambda chance, _: f"{chance.choice(['Rustic', 'Sleek', 'Tiny'])} {chance.choice(['Chair', 'Lamp'])}",
    "firms": lambda chance, n: f"{pair(chance, n)} {chance.choice(['GmbH', 'Ltd', 'Inc.'])}",
    "versions": lambda chance, _: octets(chance, 40),
    "EAN-13": lambda chance, _: _ean(f"40{chance.randrange(10**10):010d}"),
    "order numbers of 9": lambda chance, _: chance.randrange(10**8, 10**9),
    "order numbers of 11": lambda chance, _: str(chance.randrange(10**10, 10**11)),
    "order numbers of 16": lambda chance, _: str(chance.randrange(10**15, 10**16)),
    "order numbers of 18 with a day": lambda chance, n: f"110101{day(chance, n):%Y%m%d}{chance.randrange(10**4):04d}",
    "counters of 11": lambda _, n: 13_800_000_000 + n,
    "prices": lambda chance, _: f"{chance.randrange(10**5) / 100:.2f}",
    "UUIDs": lambda chance, _: str(uuid.UUID(int=chance.getrandbits(128))),
    "SHA-256": lambda chance, _: token(chance, 64, "0123456789abcdef"),
    "moments": lambda chance, _: datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=chance.randrange(10**7)),
    "recent days": lambda chance, _: datetime.date(2020, 1, 1) + datetime.timedelta(days=chance.randrange(1500)),
    "ends of years": lambda _, n: datetime.date(1960 + n % 50, 12, 31),
    "packages": lambda chance, _: f"{word(chance)}@{chance.randrange(9)}.{chance.randrange(9)}.0",
    "pictures": lambda chance, _: f"{word(chance)}@2x.png",
    "rooms": lambda chance, _: f"Room {chance.randrange(400)}",
    "statuses in Chinese": lambda chance, _: chance.choice(["已付款", "已发货", "待处理"]),
    "things in JSON": lambda chance, n: json.dumps({"sku": f"A-{n}", "size": chance.choice("SML")}),
    "floats": lambda chance, _: chance.random(),
    "bools": lambda chance, _: chance.random() < 0.5,
}


def _pesel(chance: random.Random) -> str:
    born = f"{chance.randrange(100):02d}{chance.randrange(1, 13):02d}{chance.randrange(1, 28):02d}"
    body = f"{born}{chance.randrange(10**4):04d}"
    return body + str(-sum(int(d) * w for d, w in zip(body, (1, 3, 7, 9) * 3, strict=False)) % 10)


def _ean(body: str) -> str:
    return body + str(-sum(int(d) * (3 if at % 2 else 1) for at, d in enumerate(body)) % 10)


@pytest.mark.parametrize("what", FOUND)
def test_it_is_found_by_its_values_alone_and_the_evidence_shows_none(what: str) -> None:
    kind, make = FOUND[what]
    values = column(make)
    found = label(seen(values))
    assert found.kind == kind
    assert found.evidence
    shown = json.dumps(found.as_dict(), ensure_ascii=False)
    assert not [text for text in values.cast(pl.String).to_list() if len(text) > 5 and text in shown]


@pytest.mark.parametrize("what", LEFT)
def test_it_is_left_alone(what: str) -> None:
    assert label(seen(column(LEFT[what]))).kind == ""


@pytest.mark.parametrize("what", FOUND)
def test_batches_say_what_the_whole_column_says(what: str) -> None:
    values = column(FOUND[what][1])
    whole, parts = seen(values), seen(values, 4)
    assert whole.hits == parts.hits
    assert whole.distinct.to_list() == parts.distinct.to_list()
    assert label(whole) == label(parts)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([], dtype=pl.String),
        pl.Series([None] * 9, dtype=pl.String),
        pl.Series(["", " ", None]),
        pl.Series([b"\xff\x00", b"abc"]),
        pl.Series([[1], [2]]),
        pl.Series([{"a": 1}]),
        pl.Series([float("nan"), float("inf"), 1e300]),
        pl.Series([2**63 - 1, -(2**63)]),
        pl.Series(["x" * 5_000_000, "\x00\x00", "\u200b", "{" * 5000, "[" * 300, '{"a": ']),
        pl.Series([datetime.time(1, 2)]),
        pl.Series(["卡4111 1111 1111 1111号", "٤١١١"]),
    ],
)
def test_rubbish_is_looked_at_without_an_error(values: pl.Series) -> None:
    assert isinstance(observe(seen(values)), list)


def test_a_key_of_json_that_may_be_a_value_is_not_shown() -> None:
    values = column(lambda chance, n: json.dumps({f"{word(chance)}{n}": f"u{n}@mail.example", "id": n}))
    found = label(seen(values))
    assert [item.rule for item in found.evidence if item.how == "shape" and item.rule.startswith("field")] == [
        "field `*`: e-mail address"
    ]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("billing_address", ["address"]),
        ("geburtsdatum", ["date_of_birth"]),
        ("phoneNumber", ["phone"]),
        ("email_count", []),
        ("address_type", []),
        ("address_id", []),
        ("has_phone", []),
        ("product_name", []),
        ("username", []),
    ],
)
def test_a_columns_name_speaks_for_a_kind_unless_it_takes_it_back(name: str, kinds: list[str]) -> None:
    assert [kind for kind, _ in by_name(name)] == kinds


def test_a_name_alone_leaves_a_column_unsure_and_values_can_speak_against_it() -> None:
    codes = column(lambda chance, _: token(chance, 9, string.ascii_lowercase))
    assert label(seen(codes), "surname") == Label("name", False, label(seen(codes), "surname").evidence, ROWS, ROWS)
    assert label(seen(column(LEFT["prices"])), "surname").kind == ""


def test_a_comment_and_a_name_together_are_enough() -> None:
    codes = column(lambda chance, _: token(chance, 9, string.digits + string.ascii_uppercase) + "1234")
    assert label(seen(codes), "person_no", "身份证号").sure is False
    assert label(seen(codes), "national_id", "身份证号").sure is True


def test_text_that_repeats_the_name_of_its_row_is_free_text() -> None:
    names = column(pair)
    frame = pl.DataFrame(
        {"who": names, "note": [f"told {name.split()[0]} {name.split()[1]} to wait" for name in names]}
    )
    labels = label_all({"t": [frame.to_arrow()]}, {})
    assert (labels["t"]["who"].kind, labels["t"]["note"].kind) == ("name", "free_text")
    assert "repeats `who` of its row" in [item.rule for item in labels["t"]["note"].evidence]


# ---- shapes: what is promised of each


def _texts(shape: Shape) -> st.SearchStrategy[str]:
    spelled = shape.pattern.replace(r"\p{L}", "a-zé").replace(r"\x{a0}", " ")
    spelled = re.sub(r"\\p\{\w+\}", "[a-z]", spelled).replace("[^a-zé0-9._%+@\\-]", "[ ,]")
    return st.from_regex(re.compile(spelled, re.ASCII), fullmatch=True)


@pytest.mark.parametrize("shape", shapes_of(), ids=lambda shape: shape.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_a_shape_needs_is_in_every_value_of_the_shape(shape: Shape, data: Any) -> None:
    text = data.draw(_texts(shape)).strip()
    fits = pl.Series([text]).str.contains(shape.pattern if shape.inside else f"^(?:{shape.pattern})$")[0]
    assert not fits or len(text) < 5 or pl.Series([text]).str.contains(shape.needs)[0]


@pytest.mark.parametrize(
    "shape",
    [item for item in shapes_of() if item.kind == "national_id" and not item.inside],
    ids=lambda shape: shape.name,
)
def test_chance_makes_no_more_valid_values_than_is_said(shape: Shape) -> None:
    if shape.valid is None:
        return
    chance = random.Random(3)
    values = [_random(shape.pattern, chance) for _ in range(2000)]
    assert sum(map(shape.valid, values)) / len(values) <= shape.chance + 0.02


def _random(pattern: str, chance: random.Random) -> str:
    """Return a random text of a pattern of classes, counts and alternatives, as the patterns of ids are."""
    branch = chance.choice(re.sub(r"\(\?:([^()]*)\)", lambda m: chance.choice(m[1].split("|")), pattern).split("|"))
    out = ""
    for one, count in re.findall(r"(\[[^\]]*\]|\\?.)(?:\{(\d+)\})?", branch):
        letters = _letters(one[1:-1]) if one.startswith("[") else [one[-1]]
        out += "".join(chance.choice(letters) for _ in range(int(count or 1)))
    return out


def _letters(spelled: str) -> list[str]:
    spread = re.sub(r"(\w)-(\w)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), spelled)
    return list(spread.replace("\\", ""))
