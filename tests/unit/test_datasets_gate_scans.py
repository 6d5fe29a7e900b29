"""What the gate's scans are made of: originals at every offset, decodings, days and names as people write them."""

import base64
import datetime
import html
import json
import re
import urllib.parse
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_suite.datasets.gate import dates, decoding, ids, naming
from sandbox_suite.datasets.gate.anchors import Anchors
from sandbox_suite.datasets.gate.detector import FREE_SHAPES, SHAPES, _grouped_card, _iban

SIGNS = "ab1@é王"
VALUES = st.lists(st.text(SIGNS, min_size=1, max_size=14), max_size=12)


@given(VALUES, st.lists(st.text(SIGNS, max_size=40), max_size=8), st.sampled_from([5, 8]))
@settings(deadline=None)
def test_anchors_find_exactly_what_a_plain_search_finds(values: list[str], texts: list[str], width: int) -> None:
    found = Anchors(pl.Series(values, dtype=pl.String), width=width).find(pl.Series(texts, dtype=pl.String))
    long = [value for value in values if len(value.encode()) >= width]
    assert set(found.iter_rows()) == {(row, one) for row, text in enumerate(texts) for one in long if one in text}


@given(VALUES, st.lists(st.text(SIGNS, max_size=40), max_size=8), st.integers(-20, 20))
@settings(deadline=None)
def test_where_an_anchor_stands_changes_nothing(values: list[str], texts: list[str], place: int) -> None:
    originals, seen = pl.Series(values, dtype=pl.String), pl.Series(texts, dtype=pl.String)
    moved = Anchors(originals, pl.Series([place] * len(values), dtype=pl.Int64)).find(seen)
    assert set(moved.iter_rows()) == set(Anchors(originals).find(seen).iter_rows())


def test_an_original_does_not_reach_from_one_text_into_the_next() -> None:
    found = Anchors(pl.Series(["anna.schmidt"])).find(pl.Series(["x anna.s", "chmidt", "", "anna.schmidt"]))
    assert found.rows() == [(3, "anna.schmidt")]


def test_originals_are_found_over_the_border_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox_suite.datasets.gate.anchors.CHUNK", 16)
    text = "." * 100
    for place in range(0, 88):
        one = text[:place] + "anna.schmidt" + text[place:]
        assert Anchors(pl.Series(["anna.schmidt"])).find(pl.Series([one])).height == 1


ENCODINGS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 without its end": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base64 glued": lambda text: f"xy{base64.b64encode(text.encode()).decode().rstrip('=')}",
    "base64 behind a dash": lambda text: f"v46-{base64.b64encode(text.encode()).decode()}",
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "quoted": lambda text: urllib.parse.quote_plus(text, safe=""),
    "JSON": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "JavaScript": lambda text: "".join(f"\\u{{{ord(sign):x}}}" for sign in text),
    "entities": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "hex entities": lambda text: "".join(f"&#x{ord(sign):x};" for sign in text),
    "escaped bytes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "mail": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "markup": html.escape,
}
PLAIN = ("anna.schmidt@mail.test", "12 & Sons, Łódź", "+8613812345678")


def decoded(text: str) -> list[str]:
    return decoding.decoded(pl.Series([text]))["plain"].to_list()


READ = [(name, plain) for name in ENCODINGS for plain in PLAIN if plain.isascii() or "UTF-16" not in name]


@pytest.mark.parametrize(("name", "plain"), READ)
def test_an_encoded_text_is_read(name: str, plain: str) -> None:
    encoded = ENCODINGS[name](plain)
    for text in (encoded, f"see {encoded}", f"({encoded}) and so on"):
        assert text.count(plain) or any(plain in found for found in decoded(text))


@pytest.mark.parametrize("outer", ["base64", "percent", "JSON", "hex"])
@pytest.mark.parametrize("inner", ["base64", "percent", "hex", "entities"])
def test_one_encoding_inside_another_is_read(outer: str, inner: str) -> None:
    both = ENCODINGS[outer](json.dumps({"v": ENCODINGS[inner](PLAIN[0])}))
    assert any(PLAIN[0] in found for found in decoded(both))


@pytest.mark.parametrize("text", ["plain words", "", "%zz &nothing; \\u12", "=4", "100 %", "\\u{110000} \\ud83d x"])
def test_what_is_not_encoded_does_no_harm(text: str) -> None:
    assert all(isinstance(found, str) and found.encode() for found in decoded(text))


@given(st.lists(st.text(max_size=60), max_size=5))
@settings(deadline=None)
def test_any_text_can_be_looked_at(texts: list[str]) -> None:
    plain = [text.encode("utf-8", "replace").decode() for text in texts]
    assert decoding.decoded(pl.Series(plain, dtype=pl.String)).null_count().row(0) == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "1990-03-04", "4.3.1990", "03/04/1990", "born 4 March 1990!", "March 4, 1990", "4th of March 1990",
        "4. März 1990", "4 mars 1990", "4 de marzo de 1990", "1990年3月4日", "1990/3/4", "4-Mar-1990", "4 maart 1990",
    ],
)  # fmt: skip
def test_a_day_is_read_however_it_is_written(text: str) -> None:
    assert datetime.date(1990, 3, 4) in dates.days(text)


@pytest.mark.parametrize("text", ["", "1990", "order 1990-13-45", "31 February 1990", "1/2/199", "version 3.4.19901"])
def test_what_is_no_day_is_none(text: str) -> None:
    assert dates.days(text) == set()


def full(text: str, name: str) -> bool:
    distinct = pl.DataFrame({"text": [text]}).with_columns(plain=ids.plain(pl.col("text")))
    distinct = distinct.with_columns(normal=ids.normal(pl.col("plain")))
    normal = pl.Series([ids.normal_scalar(name)])
    return bool(naming.full(distinct, [Anchors(normal), Anchors(normal, width=5)]))


@pytest.mark.parametrize(
    "text",
    [
        "Theo Ryan rang",
        "THEO RYAN",
        "theo  ryan.",
        "Theo-Ryan",
        "RefTheoRyan7",
        "theo_ryan",
        "x.theoryan@",
        "Ｔｈｅｏ Ｒｙａｎ",
    ],
)
def test_a_full_name_is_found_as_words_and_glued(text: str) -> None:
    assert full(text, "Theo Ryan")


@pytest.mark.parametrize("text", ["the theory and practice", "Theo, no, Ryan"])
def test_letters_of_other_words_make_no_name(text: str) -> None:
    assert full(text, "Theo Ryan") is False


def test_a_short_name_counts_as_words_or_where_two_words_were_glued() -> None:
    assert full("ask Ana Li", "Ana Li")
    assert full("RefAnaLi", "Ana Li")
    assert not full("eine Analista", "Ana Li")


def test_a_chinese_name_is_found_in_running_text() -> None:
    assert full("客户钟念恬来电", "钟念恬")


def test_digits_of_every_script_are_the_same_to_the_gate() -> None:
    for digits in ("١٣٨", "१३८", "１３８", "𝟏𝟑𝟖", "①③⑧", "1\u200b3\u00ad8"):
        assert ids.normal_scalar(digits) == "138"
        assert pl.Series([digits]).to_frame("v").select(ids.normal(pl.col("v"))).item() == "138"


@given(st.text())
@settings(deadline=None)
def test_column_and_single_value_have_one_normal_form(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    plain = pl.Series([text]).to_frame("v").select(ids.normal(pl.col("v"))).item()
    if ids.normal_scalar(text) != plain:  # letters that Python and Rust lower differently, or other spaces
        assert not text.isascii()


def test_a_card_is_found_beside_other_numbers() -> None:
    assert _grouped_card("2 4111 1111 1111 1111 12")
    assert _grouped_card("3782-822463-10005")
    assert not _grouped_card("4111 1111 1111 1112")
    assert not _grouped_card("41 1111 11 111 11 1111 1")


def test_an_iban_is_found_before_other_words() -> None:
    assert _iban("DE89 3704 0044 0532 0130 00 please")
    assert not _iban("DE89 3704 0044 0532 0130 01 please")


@pytest.mark.parametrize(
    "text",
    [
        "trace f7f3e879-3658-1548-5840-58ed501412e2",  # Luhn holds for 36581548584058
        "v0016-22a16612e25b6652d2057dbb2bdc9609ec62d7d9",
        "767e91b3-97c1-6ed4-e055-17e098cf7e61",
        "aa678fd2-0969-4228-1234-d19f340d43ec",
        "sent 2023-04-10 12:16, 100.200.300 EUR",
    ],
)
def test_digests_ids_and_sums_have_no_shape_of_personal_data(text: str) -> None:
    for shape in (*SHAPES, *FREE_SHAPES):
        found = re.search(shape.pattern, text)
        assert not (found and shape.valid(found[0])), shape
