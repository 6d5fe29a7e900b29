"""The gate's own arithmetic: equal to independent libraries, and to the masks without sharing their code."""

import random
from collections.abc import Callable

import polars as pl
import pytest
from ffx import FF1
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.nl import bsn

from sandbox_suite.datasets.gate import ff1, ids, oracle
from sandbox_suite.datasets.gate.case import Rule
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS

MASTER = b"0123456789abcdef0123456789abcdef"
ORACLE = oracle.Oracle(MASTER)
KEYS = Keys(MASTER)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(6, 18), st.data())
def test_ff1_is_that_of_another_library(key: bytes, tweak: bytes, digits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, 10**digits - 1))
    expected = FF1(key, radix=10, allow_small_domain=True).encrypt(f"{value:0{digits}d}", tweak=tweak)
    assert f"{ff1.Ff1(key, tweak).encipher(value, digits):0{digits}d}" == expected


def test_a_permutation_stays_in_its_set_and_gives_no_number_twice() -> None:
    cipher = ff1.Ff1(bytes(16), bytes(8))
    made = [ff1.permute(cipher, value, 6, lambda number: number < 500_000) for value in range(2000)]
    assert max(made) < 500_000
    assert len(set(made)) == len(made)
    assert all(value != out for value, out in enumerate(made))


class Stuck(ff1.Ff1):
    """A cipher that leaves 4 and 7 as they are and turns the other numbers up to 9 by one place."""

    TURNED = (0, 1, 2, 3, 5, 6, 8, 9)

    def __init__(self) -> None:
        super().__init__(bytes(16), bytes(8))

    def encipher(self, value: int, digits: int) -> int:
        if value in (4, 7):
            return value
        return self.TURNED[(self.TURNED.index(value) + 1) % len(self.TURNED)]


def test_a_number_that_the_cipher_leaves_alone_changes_places_with_its_partner() -> None:
    made = [ff1.permute(Stuck(), value, 6) for value in range(10)]
    assert sorted(made) == list(range(10))
    assert all(value != out for value, out in enumerate(made))


@pytest.mark.parametrize(
    ("kind", "options", "values", "beside"),
    [
        ("email", {}, ["Anna@Mail.example", "anna@mail.example ", ""], {}),
        ("name", {}, ["Anna Schmidt", "王伟", "é é", ""], {"locale": ["de_DE", "zh_CN", None, "xx"]}),
        ("address", {}, ["1 High Street", "北京市", "x"], {"locale": ["en_GB", "zh_CN", None]}),
        ("phone", {"on_unknown": "drop"}, ["+49 151 2345678", "(020) 7946-0958", "none", "12"], {}),
        ("card", {"on_unknown": "drop"}, ["4111 1111 1111 1111", "371449635398431", "1"], {}),
        ("iban", {"on_unknown": "drop"}, ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "XX"], {}),
        (
            "national_id",
            {"on_unknown": "drop", "country": "c"},
            [
                "078-05-1120",
                "AB123456C",
                "12345678903",
                "185057800608436",
                "12345678Z",
                "X1234567L",
                "11010519491231002X",
            ],
            {"country": ["US", "GB", "de", "FR", "ES", "ES", "CN"]},
        ),
    ],
)
def test_the_oracle_and_the_masks_agree(
    kind: str, options: dict[str, str], values: list[str], beside: dict[str, list[str | None]]
) -> None:
    inputs = {name: pl.Series(name, column, dtype=pl.String) for name, column in beside.items()}
    masked = KINDS[kind].module().vector(pl.Series(values), inputs, KEYS, options).to_list()
    rule = Rule(kind, options)
    found = [
        ORACLE.mask(rule, value, {name: column[place] for name, column in beside.items()})
        for place, value in enumerate(values)
    ]
    assert found == masked


@given(st.emails())
def test_no_email_is_its_own_mask(value: str) -> None:
    assert ORACLE.mask(Rule("email", {}), value, {}) != value


@pytest.mark.parametrize(
    ("own", "other", "digits"),
    [
        (ids.luhn, luhn.is_valid, 16),
        (ids.nl_bsn, bsn.is_valid, 9),
        (ids.br_cpf, cpf.is_valid, 11),
        (ids.de_tax_id, idnr.is_valid, 11),
    ],
)
def test_check_digits_let_everything_through_that_is_valid(
    own: Callable[[str], bool], other: Callable[[str], bool], digits: int
) -> None:
    chance = random.Random(digits)
    values = [f"{chance.randrange(10**digits):0{digits}d}" for _ in range(20_000)]
    valid = [value for value in values if other(value)]
    assert valid
    assert all(map(own, valid))
    assert sum(map(own, values)) < 0.2 * len(values)


@pytest.mark.parametrize(
    ("own", "other", "value"),
    [
        (ids.iban, iban.is_valid, "DE89370400440532013000"),
        (ids.cn_resident_id, ric.is_valid, "11010519491231002X"),
        (ids.fr_nir, nir.is_valid, "295109912611193"),
        (ids.es_dni, dni.is_valid, "54362315K"),
    ],
)
def test_one_wrong_sign_is_seen(own: Callable[[str], bool], other: Callable[[str], bool], value: str) -> None:
    assert own(value)
    assert other(value)
    spoiled = value[:5] + str((int(value[5]) + 1) % 10) + value[6:]
    assert not own(spoiled)


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("+49 (151) 234-5678", "+491512345678"),
        ("４９１５１２３４", "49151234"),
        ("an\u200dna@mail.example", "anna@mailexample"),
        ("ANNA\u00a0Lange\u00ad", "annalange"),
        ("e\u0301", "é"),
    ],
)
def test_whatever_the_spelling_the_normal_form_is_one(spelled: str, normal: str) -> None:
    assert pl.DataFrame({"t": [spelled]}).select(ids.normal(pl.col("t"))).item() == normal
    assert ids.normal_scalar(spelled) == normal


@pytest.mark.parametrize("kind", ["name", "address"])
def test_what_the_pools_give_matches_their_regex_and_nothing_else_does(kind: str) -> None:
    given_ = [
        ORACLE.mask(Rule(kind, {}), f"person {number}", {"locale": locale})
        for number in range(30)
        for locale in ("en_US", "de_DE", "fr_FR", "es_ES", "zh_CN", "pl_PL", None)
    ]
    matches = pl.Series(given_).str.contains(oracle.pool_regex(kind))
    assert matches.all()
    assert not pl.Series(["Anna", "x y", f"{given_[0]} ", f"{given_[0]}\n"]).str.contains(oracle.pool_regex(kind)).any()
