"""The search in whole columns finds what the search in single texts finds: no span and no name more, none less."""

import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox_suite.datasets.masks import own_names, scan, spans
from sandbox_suite.datasets.masks.pieces import Texts

PARTS = st.sampled_from(
    [
        "a@b.de", "émile.zola+x@post.example", "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB33BUKB",
        "20201555555555", "11010119900307123X", "1 85 05 78 006 084 36", "1 85 05 2A 006 084 36", "4111 1111 1111 1111",
        "3782 822463 10005", "192.168.1.17", "fe80::1ff:fe23:4567:890a", "00:1a:2b:3c:4d:5e", "00-1a-2b-3c-4d-5e",
        "123-45-6789", "86 095 742 719", "12345678Z", "X-1234567-L", "AB 12 34 56 C", "ab123456c", "+49 (151) 234-5678",
        "13812345678", "138 1234 5678", "(02) 123-456", "212.555.0100", "030 1234567", "0301234567890", "2025-01-15",
        "10:30:45", " ", "-", "é", "王", "x", "7", "+", "(", "A",
    ]
)  # fmt: skip
TEXTS = st.lists(st.lists(PARTS | st.text("0123456789 :.-+@aAxX(é王", max_size=8), max_size=7).map("".join), max_size=5)
NAMES = st.sampled_from(
    [
        "Anna Schmidt",
        "anna",
        "王伟",
        "欧阳娜娜",
        "İpek Weiß",
        "O'Hara, Kim",
        "Ana Ana",
        "Al",
        "",
        " ",
        "Wang 伟",
        "ΟΔΟΣ",
        "Ünal",
    ]
)
AROUND = st.sampled_from(
    ["Anna", "Schmidt", "ANNA SCHMIDT", "王", "伟", "娜娜", "İpek", "Kim", "ana", " ", "x", "é", "Σ", "-"]
)
slow = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def found(texts: list[str]) -> list[list[str]]:
    """What the search in whole columns finds, text by text."""
    column = Texts.of(pl.Series(texts, dtype=pl.String))
    starts, ends = scan.find(column)
    shown: list[list[str]] = [[] for _ in texts]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        row = max(number for number in range(len(texts)) if column.bounds[number] <= start)
        shown[row].append(column.buffer[start:end].to_pybytes().decode())
    return shown


@slow
@given(texts=TEXTS)
@example(texts=["", "a", "", "a@b.de"])
def test_spans_of_columns_are_those_of_single_texts(texts: list[str]) -> None:
    assert found(texts) == [[match[0] for match in spans.PYTHON.finditer(text)] for text in texts]


@slow
@given(texts=TEXTS)
def test_every_span_begins_where_a_shape_may_begin(texts: list[str]) -> None:
    begins = pl.Series(
        [text[match.start() :] for text in texts for match in spans.PYTHON.finditer(text)], dtype=pl.String
    )
    assert begins.str.contains(f"^(?:{spans.START})").all()


def test_a_text_with_more_spans_than_are_tried_one_by_one_keeps_none_of_them() -> None:
    text = "é 12345678 a@b.de;" * (3 * scan.ROUNDS)
    assert found([text, "x@y.de"]) == [["a@b.de"] * (3 * scan.ROUNDS), ["x@y.de"]]


@slow
@given(texts=st.lists(st.lists(AROUND | NAMES, max_size=6).map("".join), min_size=1, max_size=5), name=NAMES)
@example(texts=["anna Schmidt", "x Anna Schmidt, Anna", "éAnna Schmidt"], name="Anna Schmidt")
def test_names_of_columns_are_those_of_single_texts(texts: list[str], name: str) -> None:
    rows, starts, ends = own_names.places(pl.Series(texts, dtype=pl.String), pl.Series([name] * len(texts)))
    shown = {
        (row, texts[row].encode()[start:end].decode(), start)
        for row, start, end in zip(rows, starts, ends, strict=True)
    }
    expected = {
        (row, text[start:end], len(text[:start].encode()))
        for row, text in enumerate(texts)
        for start, end in own_names.find(text, name)
    }
    assert shown == expected
