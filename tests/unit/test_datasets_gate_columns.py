"""What the gate reckons for whole columns is what it reckons for one value; slices say what the whole says."""

import os
import random
import string
from pathlib import Path

import polars as pl
import pytest
from datasets_quarantine import MASTER, Quarantine, make, small_source
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_suite.datasets import example, pools, proof
from sandbox_suite.datasets.gate import check_digits, cutting, hands, ids, oracle, oracle_columns, slices, spoken
from sandbox_suite.datasets.gate.case import Rule
from sandbox_suite.datasets.gate.verdict import Verdict

COUNTRIES = tuple(ids.NATIONAL)
LOCALES = {"en_US", "de_DE", "zh_CN", "fr_FR", "es_ES", "pt_BR", "xx_XX"}


def people() -> pl.DataFrame:
    frame = pl.from_arrow(example.make(3, {"customers": 400, "orders": 1, "notes": 1})["customers"])
    assert isinstance(frame, pl.DataFrame)
    return frame


PEOPLE = people()


# ---- check digits


def numbers_like(chance: random.Random) -> list[str]:
    """Return texts with the lengths of ids: digits, digits with letters, some with separators or of other scripts."""
    lengths = (9, 11, 15, 16, 18, 22)
    signs = (string.digits, string.digits * 3 + "ABXYZ", string.digits * 3 + " -./x")
    made = ["".join(chance.choice(kind) for _ in range(length)) for length in lengths for kind in signs * 40]
    return [*made, "", " ", "١٢٣٤٥٦٧٨٩", "１２３４５６７８９", "é2345678A"]


@pytest.mark.parametrize("country", COUNTRIES)
def test_columns_of_ids_are_judged_as_single_ones(country: str) -> None:
    own = PEOPLE.filter(pl.col("country") == country)["national_id"].to_list()
    chance = random.Random(country)
    touched = [value[:place] + chance.choice("0123456789AX") + value[place + 1 :] for value in own for place in (3, -1)]
    values = [*own, *touched, *map(str.lower, own), *numbers_like(chance), *_completed(country, chance)]
    one = ids.NATIONAL[country]
    wrong = check_digits.invalid(pl.Series([*values, None]), one, check_digits.NATIONAL[country]).to_list()
    assert wrong == [*(bool(value) and not one(value) for value in values), False]
    assert any(one(value) for value in values)


def _completed(country: str, chance: random.Random) -> list[str]:
    """Return ids of the countries that nobody of the example is of."""
    if country == "IT":
        bodies = [f"ABCDEF{chance.randrange(100):02d}A{chance.randrange(100):02d}H{n:03d}" for n in range(50)]
        return [body + ids.it_check(body) for body in bodies]
    if country == "PL":
        return [body + ids.pl_check(body) for body in (f"{chance.randrange(10**10):010d}" for _ in range(50))]
    if country == "BR":
        firsts = [body + ids.br_check(body) for body in (f"{chance.randrange(10**9):09d}" for _ in range(50))]
        return [first + ids.br_check(first) for first in firsts]
    if country == "FR":
        bodies = [
            f"1{chance.randrange(10**4):04d}2{chance.choice('AB')}{chance.randrange(10**6):06d}" for _ in range(50)
        ]
        return [body + ids.fr_check(body) for body in bodies]
    return [f"{chance.randrange(10**9):09d}" for _ in range(200)]


@given(st.lists(st.text("0123456789 -ADEGBé", max_size=24), max_size=20))
@settings(deadline=None)
def test_columns_of_cards_and_ibans_are_judged_as_single_ones(values: list[str]) -> None:
    whole = [
        *values,
        "4111 1111 1111 1111",
        "GB82WEST12345698765432",
        "DE89370400440532013000",
        "DE8937040044053201300",
    ]
    for one, many in ((ids.card, check_digits.card), (ids.iban, check_digits.iban)):
        wrong = check_digits.invalid(pl.Series(whole), one, many).to_list()
        assert wrong == [bool(value) and not one(value) for value in whole]


# ---- what values become

KINDS = ("email", "name", "address", "phone", "card", "iban", "national_id", "mac", "ip")
ODD = (
    "", " ", "é", "Ａnna", "x\x00y", "+1 (212) 555-0199", "4111-1111-1111-1111", "12345", "DE89 3704 0044 0532 0130 00",
    "00:1A:2B:3C:4D:5E", "10.0.0.1", "2A04475021234", "X1234567L", "anna@mail.example", "王小明", "ß", "İ", "A\u0301",
)  # fmt: skip


@given(st.sampled_from(KINDS), st.sampled_from(["realistic", "tagged"]), st.data())
@settings(deadline=None, max_examples=60)
def test_columns_become_what_single_values_become(kind: str, mode: str, data: st.DataObject) -> None:
    column = {"name": "full_name"}.get(kind, kind)
    known = PEOPLE[column].to_list() if column in PEOPLE.columns else []
    texts = st.one_of(st.sampled_from([*known, *ODD]), st.text("0123456789ABX +-.@é王", max_size=20), st.none())
    values = data.draw(st.lists(texts, min_size=1, max_size=30))
    beside = sorted(LOCALES) if kind in ("name", "address") else ["US", "gb", "DE", "FR", "ES", "CN", "NL", "PL", "??"]
    lent = data.draw(st.lists(st.sampled_from([*beside, None]), min_size=len(values), max_size=len(values)))
    rule, own = Rule(kind, {"mode": mode}), oracle.Oracle(MASTER)
    name = {"national_id": "country"}.get(kind, "locale")
    masked, unknown = oracle_columns.mask(
        own, rule, pl.Series(values, dtype=pl.String), pl.Series(lent, dtype=pl.String)
    )
    single = [own.mask(rule, value, {name: item}) for value, item in zip(values, lent, strict=True)]
    assert unknown.to_list() == [one is oracle.UNKNOWN for one in single]
    assert masked.to_list() == [None if one is oracle.UNKNOWN else one for one in single]


@pytest.mark.parametrize("country", ["US", "GB", "DE", "FR", "ES", "CN"])
def test_the_ids_of_many_people_become_what_they_become_one_by_one(country: str) -> None:
    own = PEOPLE.filter(pl.col("country") == country)["national_id"]
    rule, one_by_one = Rule("national_id", {"mode": "realistic"}), oracle.Oracle(MASTER)
    masked, unknown = oracle_columns.mask(one_by_one, rule, own, pl.repeat(country, len(own), eager=True))
    assert not unknown.any()
    assert masked.to_list() == [one_by_one.mask(rule, value, {"country": country}) for value in own]


@given(st.lists(st.text(max_size=20), max_size=10))
@settings(deadline=None)
def test_tags_of_a_column_are_those_of_single_spans(values: list[str]) -> None:
    own = oracle.Oracle(MASTER)
    tags = oracle_columns.tags(own, pl.Series(values, dtype=pl.String))
    assert [bytes(row).hex() for row in tags] == [own.span_tag(value) for value in values]


# ---- words of the pools


@given(st.sampled_from(["name", "address"]), st.data())
@settings(deadline=None, max_examples=60)
def test_whatever_is_recognised_matches_the_regex_of_the_pools(kind: str, data: st.DataObject) -> None:
    def word(pool: str, language: str) -> str:
        return str(data.draw(st.sampled_from(oracle.pool_words(pool, language))))

    templates, other = oracle.FILLED[kind]
    made = []
    for language in pools.LANGUAGES:
        form, tongue = templates.get(language, other), data.draw(st.sampled_from([language, language, "en", "zh"]))
        try:
            made.append(form.format_map(_Words(word, tongue)))
        except FileNotFoundError:
            continue  # this language has no such pool
    values = pl.Series([*made, *(value + "x" for value in made), "12 , ", "", "Anna", None])
    recognised = spoken.recognised(kind, values)
    matched = values.str.contains(oracle.pool_regex(kind)).fill_null(False)
    assert not (recognised & ~matched).any()


class _Words(dict[str, str]):
    def __init__(self, word: object, language: str) -> None:
        super().__init__()
        self._word, self._language = word, language

    def __missing__(self, pool: str) -> str:
        return self._word(pool, self._language)  # type: ignore[operator, no-any-return]


# ---- spans


def plainly_cut(text: str, places: list[tuple[int, int]]) -> tuple[list[str], str, bool]:
    pieces, last = [], 0
    for start, end in places:
        if not last <= start < end <= len(text):
            return [""] * len(places), text, True
        pieces.append(text[last:start])
        last = end
    return [text[start:end] for start, end in places], "\x1f".join([*pieces, text[last:]]), False


@given(
    st.lists(
        st.tuples(
            st.text("aé王🙂 ", max_size=12), st.lists(st.tuples(st.integers(-1, 13), st.integers(-1, 13)), max_size=4)
        ),
        max_size=8,
    )
)
@settings(deadline=None)
def test_spans_are_cut_as_a_plain_loop_cuts_them(cases: list[tuple[str, list[tuple[int, int]]]]) -> None:
    rows = [row for row, (_, places) in enumerate(cases) for _ in places]
    starts, ends = ([place[side] for _, places in cases for place in places] for side in (0, 1))
    columns = [pl.Series(values, dtype=pl.Int64) for values in (rows, starts, ends)]
    held, outside, torn = cutting.cut(pl.Series([text for text, _ in cases], dtype=pl.String), *columns)
    plain = [plainly_cut(text, places) for text, places in cases]
    assert held.to_list() == [span for spans, _, _ in plain for span in spans]
    assert outside.to_list() == [text for _, text, _ in plain]
    assert torn.to_list() == [wrong for _, _, wrong in plain]


# ---- the digest that is signed


def test_the_digest_of_rows_does_not_follow_their_order_or_their_slices() -> None:
    table = {
        "order": ["customer_id", "email"],
        "columns": {"customer_id": {"type": "int64"}, "email": {"type": "string"}},
    }
    frame = pl.concat([PEOPLE, PEOPLE.head(3)])  # equal rows, too
    parts = b"".join(proof.lines(frame[at : at + 100], table) for at in (300, 0, 100, 200, 400))
    assert proof.digest_of_lines(parts) == proof.frame_digest(frame, table)
    assert proof.digest_of_lines(parts[32:]) != proof.frame_digest(frame, table)


# ---- processes


def _doubled(number: int) -> int:
    return 2 * number


def test_processes_give_their_results_in_order() -> None:
    assert hands.share(_doubled, list(range(20)), 3) == [2 * number for number in range(20)]


def test_a_process_that_ends_ends_the_work() -> None:
    def work(number: int) -> int:
        if number == 2:
            os._exit(0)
        return number

    with pytest.raises(EOFError):
        hands.share(work, [1, 2, 3, 4], 2)


# ---- slices


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    folder = tmp_path_factory.mktemp("sliced")
    return make(folder, source=small_source(folder, {"customers": 50, "orders": 60, "notes": 70}))


@pytest.fixture
def sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "ROWS", 20)


@pytest.fixture
def spoiled(masked: Quarantine, tmp_path: Path, sliced: None) -> Quarantine:
    return masked.copy(tmp_path)


def kinds(verdict: Verdict) -> set[str]:
    assert verdict.attestation is None
    return {finding.kind for finding in verdict.findings}


def test_slices_sign_what_the_whole_signs(masked: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = masked.judge()
    monkeypatch.setattr(slices, "ROWS", 20)
    parts = masked.judge()
    assert parts.findings == []
    assert parts.manifest == whole.manifest


def test_rows_of_two_slices_with_one_pseudonym_block(spoiled: Quarantine) -> None:
    other = spoiled.frame("customers")["phone"][3]
    verdict = spoiled.put("customers", "phone", 45, other).judge()
    assert "unique" in kinds(verdict)
    shown = [row.key for finding in verdict.findings if finding.kind == "unique" for row in finding.evidence]
    assert shown == ["customer_id=4", "customer_id=46"]


def test_keys_of_two_slices_that_are_equal_block(spoiled: Quarantine) -> None:
    assert "key" in kinds(spoiled.put("orders", "order_id", 50, 2).judge())


def test_an_original_of_another_slice_blocks(spoiled: Quarantine) -> None:
    email = spoiled.frame("customers", "raw")["email"][2]
    verdict = spoiled.plant("notes", "body", 65, f"mail {email}").judge()
    assert "original" in kinds(verdict)


def test_a_span_log_of_rows_in_no_slice_blocks(spoiled: Quarantine) -> None:
    spoiled.change_spans("notes.body", lambda log: log.with_columns(pl.col("note_id") + 1_000_000))
    assert "span" in kinds(spoiled.judge())


def test_a_row_that_was_lost_blocks_where_slices_are_small(spoiled: Quarantine) -> None:
    spoiled.change("orders", lambda frame: frame.filter(pl.col("order_id") != 30))
    assert "rows" in kinds(spoiled.judge())


def test_a_row_of_a_later_slice_is_named_by_its_key(spoiled: Quarantine) -> None:
    raw = spoiled.frame("customers", "raw")["phone"][44]
    verdict = spoiled.put("customers", "phone", 44, raw).judge()
    (found,) = [finding for finding in verdict.findings if finding.kind == "identity"]
    assert [row.key for row in found.evidence] == ["customer_id=45"]
