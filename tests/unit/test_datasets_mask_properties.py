"""What every mask promises.

One result for whole columns, for single values and in the gate's own arithmetic; never the value itself; one-to-one
where promised; inside its codomain; with another key or in another domain another result.
"""

import datetime
import ipaddress
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum import iban as std_iban
from stdnum import luhn
from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.iso7064 import mod_97_10
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import ssn

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.example import ids
from sandbox_suite.datasets.gate import oracle, oracle_ranges
from sandbox_suite.datasets.gate.case import SPECIAL, Rule
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS, free_text, own_names, spans
from sandbox_suite.datasets.masks.coded import UnknownValuesError

MASTER = bytes(range(32))
KEYS, OTHER = Keys(MASTER), Keys(bytes(32))
ORACLE = oracle.Oracle(MASTER)
COUNTRIES = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "BR", "CN")
VALID: dict[str, Callable[[str], bool]] = {
    "US": ssn.is_valid,
    "GB": lambda value: bool(re.fullmatch("[A-Z]{2}[0-9]{6}[A-D]", value)),
    "DE": idnr.is_valid,
    "FR": nir.is_valid,
    "ES": lambda value: dni.is_valid(value) or nie.is_valid(value),
    "IT": codicefiscale.is_valid,
    "NL": bsn.is_valid,
    "PL": pesel.is_valid,
    "BR": cpf.is_valid,
    "CN": ric.is_valid,
}
MANY_TO_ONE = {("national_id", "tagged", "US"), ("national_id", "tagged", "DE"), ("ip", "tagged", "")}
some = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def national_ids(country: str, seed: int, count: int) -> list[str]:
    """Return valid ids; their check digits are python-stdnum's."""
    random = np.random.default_rng(seed)
    if country in ids.PHONES:
        return ids.national_ids(random, country, random.integers(-9000, 12_000, count))
    digits = [f"{value:09d}" for value in random.integers(0, 10**9, count).tolist()]
    days = [datetime.date(1930, 1, 1) + datetime.timedelta(days=int(day)) for day in random.integers(0, 33_000, count)]
    if country == "BR":
        return [body + cpf._calc_check_digits(body) for body in digits]
    if country == "NL":
        valid = [f"{text}{rest}" for text in digits if (rest := bsn.checksum(text[:8] + "0")) < 10]
        return [text[:8] + str(int(text[-1])) for text in valid]
    if country == "PL":
        bodies = [
            f"{day:%y}{day.month + 20 * (day.year > 1999):02d}{day:%d}{text[:4]}"
            for day, text in zip(days, digits, strict=True)
        ]
        return [body + pesel.calc_check_digit(body) for body in bodies]
    names = ["".join(chr(65 + int(digit)) for digit in text[:6]) for text in digits]
    bodies = [
        f"{name}{day:%y}{'ABCDEHLMPRST'[day.month - 1]}{day.day + 40 * (int(text[6]) % 2):02d}"
        f"{'ABFHLMZ'[int(text[7]) % 7]}{text[6:]}"
        for name, day, text in zip(names, days, digits, strict=True)
    ]
    return [body + codicefiscale.calc_check_digit(body) for body in bodies]


HEX = st.text("0123456789abcdefABCDEF", min_size=12, max_size=12)
WORDS = st.sampled_from(
    ["Anna", "ANNA", "Ünal", "U\u0308nal", "王伟", "欧阳娜娜", "İpek", "Weiß", "ΟΔΟΣ", "O'Hara"]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "email": st.emails() | WORDS,
    "name": WORDS,
    "address": WORDS,
    "phone": st.from_regex(r"(\+[1-9][0-9]{0,2}[ -]?)?\(?[0-9]{2,4}\)?[ -/]?[0-9]{6,8}", fullmatch=True)
    | st.from_regex(r"(\+86 ?)?1[3-9][0-9] ?[0-9]{4} ?[0-9]{4}", fullmatch=True),
    "card": st.integers(0, 500).map(lambda seed: ids.cards(np.random.default_rng(seed), 1)[0]),
    "iban": st.builds(
        lambda seed, country: ids.ibans(np.random.default_rng(seed), country, 1)[0],
        st.integers(0, 500),
        st.sampled_from(sorted(ids.BANKS)),
    ),
    "ip": st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda address: address.exploded.upper()),
    "mac": HEX
    | HEX.map(lambda text: ":".join(text[place : place + 2] for place in range(0, 12, 2)))
    | HEX.map(lambda text: "-".join(text[place : place + 2] for place in range(0, 12, 2))),
}
NOISE = st.text("0123456789 -+()./:.abcXYZ王", max_size=20)
FORMS = [(kind, mode) for kind in VALUES for mode in KINDS[kind].modes]


def options(mode: str, **more: str) -> dict[str, str]:
    return {"mode": mode, "on_unknown": "drop", **more}


def column(kind: str, values: list[Any], mode: str, keys: Keys = KEYS, **inputs: list[Any]) -> list[Any]:
    beside = {name: pl.Series(items, dtype=pl.String) for name, items in inputs.items()}
    asked = options(mode, **({"country": "country"} if kind == "national_id" else {}))
    masked: list[Any] = KINDS[kind].module().vector(pl.Series(values), beside, keys, asked).to_list()
    return masked


def outside(kind: str, masked: list[Any], raw: list[Any], mode: str, countries: list[str] | None = None) -> list[bool]:
    rule = Rule(kind, options(mode, country="country"))
    beside = pl.Series(countries) if countries else None
    texts = pl.Series(masked, dtype=pl.String)
    return oracle_ranges.outside(texts, pl.Series(raw), rule, beside).fill_null(False).to_list()


def test_every_kind_that_this_gate_must_know_is_one_that_it_knows() -> None:
    assert set(oracle_ranges.RANGES) == set(KINDS)
    assert {name for name, kind in KINDS.items() if kind.changes} == set(KINDS) - set(SPECIAL)


@pytest.mark.parametrize(("kind", "mode"), FORMS)
@some
@given(data=st.data())
def test_columns_single_values_and_the_gate_agree_and_stay_inside_the_codomain(
    kind: str, mode: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(VALUES[kind] | NOISE, min_size=1, max_size=6))
    masked = column(kind, values, mode)
    scalar = KINDS[kind].module().scalar
    assert masked == [scalar(value, {}, KEYS, options(mode)) for value in values]
    assert masked == [ORACLE.mask(Rule(kind, options(mode)), value, {}) for value in values]
    assert not any(outside(kind, masked, values, mode))
    assert all(new is None or new != old for new, old in zip(masked, values, strict=True) if old)
    assert masked == column(kind, values, mode)


@pytest.mark.parametrize("mode", ["tagged", "realistic"])
@pytest.mark.parametrize("country", COUNTRIES)
def test_national_ids_of_ten_countries_keep_every_promise(country: str, mode: str) -> None:
    values = list(dict.fromkeys(national_ids(country, 7, 400)))
    assert all(map(VALID[country], values))
    where = [country] * len(values)
    masked = column("national_id", values, mode, country=where)
    rule = Rule("national_id", options(mode, country="country"))
    assert None not in masked
    for value, new in list(zip(values, masked, strict=True))[:60]:
        beside = {"country": country}
        assert KINDS["national_id"].module().scalar(value, beside, KEYS, options(mode)) == new
        assert ORACLE.mask(rule, value, beside) == new
    assert not any(outside("national_id", masked, values, mode, where))
    assert not any(new == old for new, old in zip(masked, values, strict=True))
    if ("national_id", mode, country) not in MANY_TO_ONE:
        assert len(set(masked)) == len(values)
    if mode == "realistic":  # and nothing that is issued lies where tagged ids do
        assert all(map(VALID[country], masked))
        assert all(outside("national_id", masked, values, "tagged", where))


@pytest.mark.parametrize("country", COUNTRIES)
@some
@given(
    noise=st.lists(
        st.text("0123456789ABCXYZ -", min_size=8, max_size=18) | st.from_regex("[0-9]{9}|[0-9]{11}", fullmatch=True),
        max_size=5,
    )
)
def test_odd_national_ids_are_unknown_to_all_three_or_to_none(country: str, noise: list[str]) -> None:
    values = noise + national_ids(country, 3, 2)
    for mode in ("tagged", "realistic"):
        masked = column("national_id", values, mode, country=[country] * len(values))
        scalar = KINDS["national_id"].module().scalar
        assert masked == [scalar(value, {"country": country}, KEYS, options(mode)) for value in values]
        rule, beside = Rule("national_id", options(mode, country="country")), {"country": country}
        assert masked == [ORACLE.mask(rule, value, beside) for value in values]


@pytest.mark.parametrize(("kind", "mode"), [form for form in FORMS if form[0] in ("phone", "card", "iban", "mac")])
def test_many_values_of_a_kind_stay_as_many(kind: str, mode: str) -> None:
    random = np.random.default_rng(11)
    made = {
        "phone": lambda: ids.phones(random, "CN", 3000) + ids.phones(random, "US", 3000),
        "card": lambda: ids.cards(random, 5000),
        "iban": lambda: ids.ibans(random, "DE", 3000) + ids.ibans(random, "GB", 3000),
        "mac": lambda: [f"{value & 0xFCFFFFFFFFFF:012X}" for value in random.integers(0, 2**48, 5000).tolist()],
    }
    values = list(dict.fromkeys(made[kind]()))
    assert len(set(column(kind, values, mode))) == len(values)


def test_all_dutch_ranks_are_numbers_and_back() -> None:
    from sandbox_suite.datasets.masks import national_id_nl

    ranks = np.concatenate([np.arange(1, 3000), np.arange(national_id_nl.SIZE - 3000, national_id_nl.SIZE + 1)])
    numbers = national_id_nl._unranked(ranks).to_list()
    assert all(map(bsn.is_valid, numbers))
    assert numbers == sorted(set(numbers))
    assert numbers[0] == next(f"{value:09d}" for value in range(1, 1000) if bsn.is_valid(f"{value:09d}"))


def test_four_realistic_addresses_are_one_to_one_in_the_whole_internet() -> None:
    from sandbox_suite.datasets.masks import ip

    numbers = np.random.default_rng(2).integers(0, 2**32, 20_000).astype(np.uint64)
    values = [str(ipaddress.IPv4Address(number)) for number in dict.fromkeys(numbers.tolist())]
    masked = column("ip", values, "realistic")
    assert len(set(masked)) == len(values)
    assert ip.PERMUTATION.valid_scalar is not None


@pytest.mark.parametrize(("kind", "mode"), FORMS)
@some
@given(data=st.data())
def test_another_key_gives_other_results(kind: str, mode: str, data: st.DataObject) -> None:
    values = data.draw(
        st.lists(VALUES[kind].filter(lambda text: text.strip() != ""), min_size=12, max_size=12, unique=True)
    )
    first, second = column(kind, values, mode), column(kind, values, mode, OTHER)
    known = [place for place, new in enumerate(first) if new]
    same = [place for place in known if first[place] == second[place]]
    assert len(same) <= len(known) // 3  # short lists of words and 768 addresses meet by chance


def test_two_domains_share_nothing() -> None:
    numbers = ["4111111111111111"]
    assert column("card", numbers, "realistic")[0][-7:] != column("phone", ["411111111111111"], "realistic")[0][-7:]
    assert len({KEYS.text(kind) for kind in KINDS}) == len(KINDS)
    assert len({KEYS.ff1(kind).aes for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", ["email", "name", "address"])
@some
@given(value=WORDS)
def test_spellings_of_one_value_agree(kind: str, value: str) -> None:
    import unicodedata

    mode = KINDS[kind].modes[0]
    forms = [unicodedata.normalize(form, value) for form in ("NFC", "NFD")]
    forms += [f" {forms[0]} ", forms[0].lower()]
    plain = forms[0].lower()
    if unicodedata.normalize("NFC", plain) == plain and value.strip() == value != "":
        assert len(set(column(kind, forms, mode))) == 1


@pytest.mark.parametrize("mode", ["tagged", "realistic"])
def test_upper_and_lower_case_and_separators_make_no_difference(mode: str) -> None:
    def same(kind: str, *values: str, **inputs: list[str]) -> bool:
        return len({re.sub("[^0-9A-Z]", "", text) for text in column(kind, list(values), mode, **inputs)}) == 1

    assert same("iban", "DE89370400440532013000", "de89 3704 0044 0532 0130 00")
    assert same("mac", "00:1a:2B:3c:4D:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e", "001a2b3c4d5e")
    assert same("national_id", "12345678Z", "12345678-z", country=["ES", "es"])
    assert len(set(column("ip", ["2001:DB8:0:0::1", "2001:db8::1"], mode))) == 1


# Tagged results


def test_a_tagged_phone_has_no_country_and_its_two_spellings_share_an_end() -> None:
    international, national, american = column(
        "phone", ["+86 138 1234 5678", "13812345678", "(212) 555-0123"], "tagged"
    )
    assert international.startswith("+086 138")
    assert national.startswith("0001381")
    assert american.startswith("(000212) ")
    assert re.sub(" ", "", international)[-11:] == national[-11:]


def test_tagged_cards_and_ibans_hold_their_check_digits() -> None:
    (card,) = column("card", ["4111 1111 1111 1111"], "tagged")
    assert card.startswith("04111 11")
    assert luhn.is_valid(card.replace(" ", ""))
    for text in column("iban", ["DE89370400440532013000", "GB29NWBK60161331926819", "NL91ABNA0417164300"], "tagged"):
        assert text.startswith("ZZ")
        assert mod_97_10.is_valid(text[4:] + text[:4])
        assert std_iban.is_valid(text[4:], check_country=False)
        assert len(text) <= 34


def test_tagged_addresses_are_for_documentation_and_not_for_the_net() -> None:
    masked = column("ip", ["8.8.8.8", "10.0.0.7", "2a00:1450:4001:82b::200e"], "tagged")
    blocks = [
        ipaddress.ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ]
    assert all(any(ipaddress.ip_address(text) in block for block in blocks) for text in masked)
    for text in column("mac", ["00:1a:2b:3c:4d:5e", "01:00:5e:00:00:fb"], "tagged"):
        assert int(text[:2], 16) & 3 == 2


def test_an_address_that_its_own_pseudonym_would_be_becomes_the_next() -> None:
    from sandbox_suite.datasets.gate.oracle_tags import DOCUMENTED

    masked = column("ip", DOCUMENTED, "tagged")
    assert not any(new == old for new, old in zip(masked, DOCUMENTED, strict=True))
    assert masked == [ORACLE.mask(Rule("ip", options("tagged")), value, {}) for value in DOCUMENTED]


@pytest.mark.parametrize(
    "value", ["10.0.0.0/8", "10.0.0.1:80", "fe80::1%eth0", "256.1.1.1", "01.2.3.4", "1.2.3", "::1::"]
)
def test_what_is_no_address_is_unknown(value: str) -> None:
    with pytest.raises(UnknownValuesError):
        KINDS["ip"].module().vector(pl.Series([value]), {}, KEYS, {"mode": "tagged", "on_unknown": "block"})
    assert column("ip", [value], "tagged") == [None]
    assert ORACLE.mask(Rule("ip", options("tagged")), value, {}) is None


def test_a_french_id_with_a_makeshift_month_has_no_tagged_form() -> None:
    body = "1855497501234"
    value = f"{body}{97 - int(body) % 97:02d}"
    assert column("national_id", [value], "tagged", country=["FR"]) == [None]
    assert column("national_id", [value], "realistic", country=["FR"]) != [None]


def test_chinese_places_go_together() -> None:
    places = pools.words("place.zh")
    (masked,) = column("address", ["北京市海淀区中关村大街27号"], "realistic")
    assert any(masked.startswith(place) for place in places)
    assert re.fullmatch("[\u4e00-\u9fff]+[1-9][0-9]{0,2}号", masked)
    assert "北京市东城区" in make_places()


def make_places() -> list[str]:
    from sandbox_suite.datasets.pools import make

    return make._places()


# Free text

TEXTS = st.lists(
    st.sampled_from(
        ["Anna", "mail a@b.de", "ip 192.168.1.17", "10.0.0.1.", "at 10:30:45", "fe80::1ff:fe23:4567:890a", "v1.2.3",
         "mac 00:1a:2b:3c:4d:5e", "+49 151 2345678", "13812345678", "123-45-6789", " ", "，客户",
         "4111 1111 1111 1111", "999999999"]
    )
    | st.text("0123456789:.-+@aAf 王", max_size=10),
    max_size=6,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("mode", ["tagged", "realistic"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(TEXTS, min_size=1, max_size=5), name=st.sampled_from(["Anna Schmidt", "王伟", ""]))
def test_what_free_text_looks_at_more_closely_holds_all_that_it_finds(mode: str, texts: list[str], name: str) -> None:
    modes = dict.fromkeys(("email", "phone", "card", "iban", "national_id", "ip", "mac"), mode)
    asked: dict[str, Any] = {"on_unknown": "drop", "modes": modes}
    inputs = {"name:0": pl.Series([name] * len(texts)), "country": pl.Series(["US"] * len(texts))}
    masked, log = free_text.mask(pl.Series(texts), inputs, KEYS, asked)
    beside = {"name:0": name, "country": "US"}
    assert masked.to_list() == [free_text.scalar(text, beside, KEYS, asked) for text in texts]
    touched = set(log["row"].to_list())
    for row, text in enumerate(texts):
        assert bool(spans.PYTHON.search(text) or own_names.find(text, name)) == (row in touched)
    for span in log.to_dicts():
        if span["kind"] in ("name", "unknown"):
            continue
        before = texts[span["row"]][span["start"] : span["end"]]
        kind, _, country = span["kind"].partition(":")
        rule = Rule(kind, {"mode": mode})
        assert (
            ORACLE.mask(rule, before, {"country": country})
            == masked[span["row"]][span["masked_start"] : span["masked_end"]]
        )


def test_times_and_versions_in_free_text_stay() -> None:
    text = "at 10:30:45 version 1.2.3 was live"
    assert free_text.scalar(text, {}, KEYS, {"on_unknown": "block"}) == text


def test_an_address_of_eight_groups_is_one_address() -> None:
    asked = {"on_unknown": "block", "modes": {"ip": "tagged", "mac": "tagged"}}
    masked = free_text.scalar("2a00:1450:4001:82b:aa:bb:cc:dd and 00:1a:2b:3c:4d:5e", {}, KEYS, asked)
    assert re.fullmatch("2001:db8:[0-9a-f:]+ and 02:1A:2B(:[0-9A-F]{2}){3}", masked)
