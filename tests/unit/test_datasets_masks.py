"""Masks: whole columns against one value at a time, validity, one-to-one where promised, never a value itself."""

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastfpe import ff1 as fastfpe_ff1
from ffx import FF1
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.us import ssn

from sandbox_suite.datasets import domains, pools
from sandbox_suite.datasets.example import ids
from sandbox_suite.datasets.keys import Ff1Key, Keys
from sandbox_suite.datasets.masks import KINDS, ff1, ff1_scalar, own_names, spans
from sandbox_suite.datasets.masks.coded import UnknownValuesError
from sandbox_suite.datasets.masks.permutation import Permutation

KEYS = Keys(bytes(range(32)))
BLOCK: dict[str, Any] = {"on_unknown": "block", "country": "country"}
DROP: dict[str, Any] = {"on_unknown": "drop", "country": "country"}
LOCALES = ("en_US", "de_DE", "fr_FR", "es_ES", "zh_CN", "it_IT", "xx", None)
VALID = {
    "US": ssn.is_valid,
    "DE": idnr.is_valid,
    "FR": nir.is_valid,
    "ES": dni.is_valid,
    "CN": ric.is_valid,
    "GB": lambda _: True,
}
SAMPLE_KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
ODD_IDS = "[0-9]{9,11}|[XYZ]?[0-9]{7,8}[A-Z]|[A-Z]{2}[0-9]{6}[A-D]|[12][0-9]{14}|[0-9]{17}[0-9X]"
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def column(
    kind: str, values: list[Any], keys: Keys = KEYS, options: dict[str, Any] = BLOCK, **inputs: Any
) -> list[Any]:
    given_ = {name.replace("name_", "name:"): pl.Series(items) for name, items in inputs.items()}
    dtype = pl.String if all(isinstance(value, str | None) for value in values) else None
    masked: list[Any] = (
        KINDS[kind].module().vector(pl.Series("v", values, dtype=dtype), given_, keys, options).to_list()
    )
    return masked


def single(kind: str, value: Any, keys: Keys = KEYS, options: dict[str, Any] = BLOCK, **inputs: Any) -> Any:
    given_ = {name.replace("name_", "name:"): item for name, item in inputs.items()}
    return KINDS[kind].module().scalar(value, given_, keys, options)


def people(country: str, count: int = 40) -> list[str]:
    random = np.random.default_rng(5)
    return ids.national_ids(random, country, random.integers(-9000, 12_000, count))


# FF1


@pytest.mark.parametrize(
    ("tweak", "cipher"), [("", "2433477484"), ("39383736353433323130", "6124200773")], ids=["sample 1", "sample 2"]
)
def test_the_scalar_ff1_gives_the_samples_of_the_standard(tweak: str, cipher: str) -> None:
    assert ff1_scalar.encipher("0123456789", SAMPLE_KEY, bytes.fromhex(tweak)) == cipher


@pytest.mark.parametrize("digits", range(ff1.SHORTEST, ff1.LONGEST + 1))
def test_ff1_equals_two_other_implementations(digits: int) -> None:
    key = Ff1Key(SAMPLE_KEY, b"tweak-08")
    values = np.random.default_rng(digits).integers(0, 10**digits, 20, np.uint64)
    values = np.append(values, np.array([0, 10**digits - 1], np.uint64))
    masked = ff1.encipher(values, digits, key)
    other = FF1(key.aes, radix=10, allow_small_domain=True)
    for value, got in zip(values.tolist(), masked.tolist(), strict=True):
        text = str(value).zfill(digits)
        assert ff1_scalar.number(value, digits, key) == got
        assert other.encrypt(text, tweak=key.tweak) == str(got).zfill(digits)
        assert fastfpe_ff1.encrypt(key.aes.hex(), key.tweak.hex(), "0123456789", text) == str(got).zfill(digits)


def test_ff1_refuses_domains_that_are_too_small_or_too_large() -> None:
    for digits in (ff1.SHORTEST - 1, ff1.LONGEST + 1):
        with pytest.raises(ValueError, match="digits"):
            ff1.encipher(np.zeros(1, np.uint64), digits, KEYS.ff1("x"))


def test_a_million_numbers_are_permuted_without_one_staying() -> None:
    everything = np.arange(10**6, dtype=np.uint64)
    masked = Permutation(6).vector(everything, KEYS.ff1("x"))
    assert (masked != everything).all()
    assert np.bincount(masked.astype(np.int64), minlength=10**6).max() == 1


def test_a_valid_set_is_permuted_without_one_staying_and_each_number_agrees() -> None:
    size, fixed = 100_000, 0
    some = Permutation(6, lambda values: values < np.uint64(size), lambda value: value < size)
    everything = np.arange(size, dtype=np.uint64)
    for seed in range(4):  # a permutation has one fixed point on average, and each of these must lose its own
        key = Keys(bytes([seed] * 32)).ff1("some")
        masked = some.vector(everything, key)
        assert np.bincount(masked.astype(np.int64), minlength=size).max() == 1
        assert (masked != everything).all()
        stuck = np.flatnonzero(some._walks(everything, ff1.Cipherer(6, key))[0] == everything).tolist()
        fixed += len(stuck)
        chosen = [*stuck, *(place ^ 1 for place in stuck), *range(20)]
        assert masked[chosen].tolist() == [some.scalar(value, key) for value in chosen]
    assert fixed, "no fixed point was met, so the swap was not tried"


# Each kind: the column equals the single value


@quick
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.none(), min_size=1, max_size=8
    )
)
def test_emails_of_a_column_equal_single_ones(values: list[str | None]) -> None:
    assert column("email", values) == [None if value is None else single("email", value) for value in values]


NAMES = ("Anna", "ANNA", " anna ", "Ünal", "U\u0308nal", "王伟", "欧阳娜娜", "İpek", "Weiß", "ΟΔΟΣ", "")
WORDS = st.lists(st.sampled_from(NAMES) | st.text(max_size=6), min_size=1, max_size=8)


@quick
@pytest.mark.parametrize("kind", ["name", "address"])
@given(values=WORDS, locale=st.sampled_from(LOCALES))
def test_words_of_a_column_equal_single_ones(kind: str, values: list[str], locale: str | None) -> None:
    locales = pl.Series([locale] * len(values), dtype=pl.String)
    assert column(kind, values, locale=locales) == [single(kind, value, locale=locale) for value in values]


SEPARATED = st.text("0123456789 -+()./", min_size=0, max_size=20) | st.text("0123456789", min_size=6, max_size=19)


@quick
@pytest.mark.parametrize("kind", ["phone", "card"])
@given(values=st.lists(SEPARATED, min_size=1, max_size=8))
def test_numbers_of_a_column_equal_single_ones(kind: str, values: list[str]) -> None:
    assert column(kind, values, options=DROP) == [single(kind, value, options=DROP) for value in values]


@quick
@pytest.mark.parametrize("country", VALID)
@given(
    noise=st.lists(
        st.from_regex(ODD_IDS, fullmatch=True),
        max_size=4,
    )
)
def test_national_ids_of_a_column_equal_single_ones(country: str, noise: list[str]) -> None:
    values = people(country, 4) + noise
    masked = column("national_id", values, options=DROP, country=[country] * len(values))
    assert masked == [single("national_id", value, options=DROP, country=country) for value in values]


@pytest.mark.parametrize("value", ["2A", "2B", "97"])
def test_a_french_id_of_corsica_or_overseas_stays_there_and_stays_valid(value: str) -> None:
    body = f"28503{value}004123"
    plain = body.replace("2A", "19").replace("2B", "18")
    original = f"{body}{97 - int(plain) % 97:02d}"
    (masked,) = column("national_id", [original], country=["FR"])
    assert nir.is_valid(masked)
    assert masked[:7] == original[:7]
    assert masked == single("national_id", original, country="FR") != original


def test_a_spanish_foreigners_id_stays_one() -> None:
    originals = ["X1234567L", "Y0000001S", "Z7654321H"]
    masked = column("national_id", originals, country=["ES"] * 3)
    assert all(map(nie.is_valid, masked))
    assert [text[0] for text in masked] == ["X", "Y", "Z"]
    assert masked == [single("national_id", text, country="ES") for text in originals]


def test_ibans_of_every_country_stay_valid_and_equal_single_ones() -> None:
    random = np.random.default_rng(3)
    values = [text for country in ids.BANKS for text in ids.ibans(random, country, 20)]
    values += ["AT611904300234573201", "NL91ABNA0417164300", "IT60X0542811101000000123456", "nl91 abna 0417 1643 00"]
    masked = column("iban", values)
    assert masked == [single("iban", value) for value in values]
    assert all(iban.is_valid(text, check_country=False) for text in masked)
    assert masked[-1] == " ".join(masked[-3][start : start + 4] for start in range(0, 18, 4))


@quick
@given(st.lists(st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)), min_size=1, max_size=8), st.integers())
def test_dates_of_a_column_equal_single_ones_and_always_move(values: list[datetime.date], person: int) -> None:
    masked = column("date", values, person=[str(person)] * len(values))
    assert masked == [single("date", value, person=person) for value in values]
    assert all(1 <= abs((new - old).days) <= 180 for new, old in zip(masked, values, strict=True))
    assert len({new - old for new, old in zip(masked, values, strict=True)}) == 1


def test_a_constant_and_null_leave_nothing() -> None:
    assert column("constant", ["a", None], options={"value": "x"}) == ["x", None]
    assert column("null", ["a", None]) == [None, None]
    assert single("constant", 7, options={"value": 1}) == 1


# Promises


@pytest.mark.parametrize("country", VALID)
def test_national_ids_stay_valid_and_one_to_one(country: str) -> None:
    values = people(country, 300)
    masked = column("national_id", values, country=[country] * len(values))
    assert all(map(VALID[country], masked))
    assert len(set(masked)) == len(set(values))
    assert not set(masked) & set(values) or all(a != b for a, b in zip(masked, values, strict=True))


def test_cards_keep_their_issuer_and_their_last_digit_holds() -> None:
    values = [*ids.cards(np.random.default_rng(1), 300), "378282246310005", "6212345678901234562"]
    masked = column("card", values)
    assert all(map(luhn.is_valid, masked))
    assert [text[:6] for text in masked] == [text[:6] for text in values]
    assert len(set(masked)) == len(set(values))


def test_a_chinese_mobile_keeps_its_length_and_prefix() -> None:
    plain, national = column("phone", ["+8613812345678", "138 1234 5678"])
    assert plain.startswith("+861381")
    assert len(plain) == len("+8613812345678")
    assert national.replace(" ", "") == plain[3:]


def test_chinese_names_and_addresses_stay_chinese() -> None:
    names = column("name", ["王伟", "Anna Schmidt"], locale=["zh_CN", "de_DE"])
    assert all("\u4e00" <= letter <= "\u9fff" for letter in names[0])
    assert names[1].isascii() or " " in names[1]
    assert column("address", ["北京市长安街1号"], locale=["zh_CN"])[0].endswith("号")
    assert column("name", ["王伟"]) == column("name", ["王伟"], locale=["zh_CN"])


def test_spellings_of_one_value_get_one_pseudonym() -> None:
    assert len(set(column("email", ["anna@x.test", " ANNA@X.test", "Anna@x.test"]))) == 1
    assert len(set(column("name", ["Ünal", "U\u0308nal", "ÜNAL "]))) == 1


def test_the_same_key_repeats_and_another_key_or_domain_does_not() -> None:
    value = ["+491512345678"]
    assert column("phone", value) == column("phone", value) != column("phone", value, Keys(bytes(32)))
    assert KEYS.text("email") != KEYS.text("name")
    assert KEYS.ff1("phone") != KEYS.ff1("card")
    assert KEYS.fingerprint != Keys(bytes(32)).fingerprint


def test_keys_do_not_show_in_text() -> None:
    assert KEYS.master.hex() not in repr(KEYS)
    assert "0x" not in repr(KEYS.ff1("x"))
    assert repr(KEYS) == "Keys()"


@pytest.mark.parametrize(
    ("kind", "value"),
    [("phone", "call me"), ("card", "1234"), ("iban", "XX00"), ("national_id", "20010230"), ("date", None)],
)
def test_what_a_mask_does_not_understand_blocks_by_row_and_without_the_value(kind: str, value: str | None) -> None:
    values: list[Any] = [value] if value else [datetime.date(2000, 1, 1)]
    inputs = {"country": ["CN"]} if value else {"person": pl.Series([None], dtype=pl.String)}
    with pytest.raises(UnknownValuesError) as caught:
        column(kind, values, **inputs)
    assert caught.value.rows == [0]
    assert value is None or value not in str(caught.value)


def test_what_a_mask_does_not_understand_can_be_dropped() -> None:
    assert column("phone", ["call me", "", None], options=DROP) == [None, "", None]


def test_a_chinese_id_with_an_impossible_date_is_unknown() -> None:
    assert column("national_id", ["110101200102309999"], options=DROP, country=["CN"]) == [None]


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.inside and name not in ("date", "drop")])
def test_a_codomain_is_json_that_holds_the_results(kind: str) -> None:
    import json
    import re

    from sandbox_suite.datasets import pools

    samples = {
        "phone": "+491512345678",
        "card": "4111111111111111",
        "iban": "DE89370400440532013000",
        "national_id": people("US", 1)[0],
        "ip": "10.1.2.3",
        "mac": "00:1a:2b:3c:4d:5e",
    }
    options = BLOCK | {"value": "x"}
    codomain = json.loads(json.dumps(KINDS[kind].module().codomain(options)))
    (masked,) = column(kind, [samples.get(kind, "Anna Schmidt")], options=options, country=["US"])
    if "regex" in codomain:
        listed = {name: "(?:" + "|".join(map(re.escape, pools.words(name))) + ")" for name in codomain.get("pools", [])}
        regex = re.sub("<([a-z.]+)>", lambda match: listed[match[1]], codomain["regex"])
        bare = re.sub("[" + re.escape(codomain.get("strip", "")) + "]", "", masked) if "strip" in codomain else masked
        assert re.fullmatch(f"(?:{regex})?", bare)
    else:
        assert codomain in ({"value": "x"}, {"null": True})


# Free text

PIECES = st.sampled_from(
    """Anna|anna schmidt|SCHMIDT,|Schmidtchen|王伟|客户|，| |mail|a@b.de|x.y+z@host.example.org|@|+49 151 2345678
13812345678|138-1234-5678
(030) 123456|030/1234567|555-123-4567|4111 1111 1111 1111|4111111111111111|123-45-6789|123456789|AB123456C
ab123456c|12345678Z|X1234567L|DE89 3704 0044 0532 0130 00|de89370400440532013000|GB29NWBK60161331926819|260125103044853
2 60 12 51 030 448 53|11010119900307123X|86095742719|86 095 742 719|2025-01-15 10:30|order 4711|99999999999999999999
é|ß|İ""".replace("\n", "|").split("|")
)
TEXTS = st.lists(
    st.lists(PIECES | st.text("0123456789 -+@.aA王", max_size=12), max_size=8).map("".join), min_size=1, max_size=6
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=TEXTS,
    name=st.sampled_from(["Anna Schmidt", "王伟", "欧阳娜娜", "İpek Weiß", "Al", "", None]),
    country=st.sampled_from(["US", "DE", "CN", None]),
)
def test_free_text_of_a_column_equals_single_texts(texts: list[str], name: str | None, country: str | None) -> None:
    inputs = {"locale": "de_DE", "country": country, "name_0": name}
    columns = {key: pl.Series([value] * len(texts), dtype=pl.String) for key, value in inputs.items()}
    assert column("free_text", texts, options=DROP, **columns) == [
        single("free_text", text, options=DROP, **inputs) for text in texts
    ]


@settings(max_examples=80, deadline=None)
@given(texts=TEXTS, name=st.sampled_from(["Anna Schmidt", "王伟", "欧阳娜娜", "İpek Weiß", "O'Hara, Kim", "  "]))
def test_the_search_for_candidates_misses_no_name(texts: list[str], name: str) -> None:
    hit = own_names.candidates(pl.Series(texts), pl.Series([name] * len(texts)))
    assert all(hit[place] for place, text in enumerate(texts) if own_names.find(text, name))


@settings(max_examples=80, deadline=None)
@given(texts=TEXTS)
def test_both_engines_find_the_same_spans(texts: list[str]) -> None:
    found = pl.Series(texts).str.extract_all(spans.RUST).to_list()
    assert found == [[match[0] for match in spans.PYTHON.finditer(text)] for text in texts]


def test_free_text_holds_what_the_columns_hold() -> None:
    text = "王伟来电：13812345678，邮箱Anna@x.test，Anna Schmidt's id is 123-45-6789; ANNA again,"
    text += " DE89 3704 0044 0532 0130 00"
    (masked,) = column("free_text", [text], country=["US"], locale=["en_US"], name_0=["Anna Schmidt"], name_1=["王伟"])
    for kind, value, inputs in (
        ("email", "anna@x.test", {}),
        ("phone", "13812345678", {}),
        ("national_id", "123-45-6789", {"country": ["US"]}),
        ("iban", "DE89 3704 0044 0532 0130 00", {}),
        ("name", "Anna Schmidt", {"locale": ["en_US"]}),
    ):
        assert value not in masked
        assert column(kind, [value], **inputs)[0] in masked
    assert not any(word in masked.lower() for word in ("anna", "schmidt", "王伟"))


def test_a_word_that_only_holds_the_name_stays() -> None:
    assert column("free_text", ["Annapurna"], options=DROP, name_0=["Anna Schmidt"]) == ["Annapurna"]


def test_the_span_log_tells_what_stands_where() -> None:
    from sandbox_suite.datasets.masks import free_text

    text = "Anna: a@b.de, 4111 1111 1111 1111 und 999999999999999999999"
    inputs = {"locale": pl.Series(["de_DE"]), "name:0": pl.Series(["Anna"])}
    masked, log = free_text.mask(pl.Series([text]), inputs, KEYS, DROP)
    assert log["kind"].to_list() == ["name", "email", "card", "unknown"]
    assert [text[row["start"] : row["end"]] for row in log.to_dicts()] == [
        "Anna",
        "a@b.de",
        "4111 1111 1111 1111",
        "999999999999999999999",
    ]
    assert masked[0][log["masked_start"][3] : log["masked_end"][3]] == free_text.REMOVED
    assert masked[0][log["masked_start"][1] : log["masked_end"][1]] == single("email", "a@b.de")


def test_a_number_in_free_text_that_nobody_knows_blocks() -> None:
    with pytest.raises(UnknownValuesError):
        column("free_text", ["fine", "number 999999999999999999999"])
    with pytest.raises(UnknownValuesError):
        single("free_text", "number 999999999999999999999")


def test_words_of_the_pools_are_as_they_are_hashed_but_for_capitals() -> None:
    for pool in pools.digests():
        for word in pools.words(pool):
            assert domains.normalised_scalar(word) == word.lower()
            assert pl.Series([word]).str.to_lowercase().item() == word.lower()
