"""Names in texts: a full name as words side by side or glued into one, a part of a name as a word."""

import re
from collections.abc import Sequence

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.anchors import WIDTH, Anchors

PART = 5  # letters of a given or family name that counts alone
WORDS = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
TOKENS = re.compile(r"[^\s,;:!?\"<>\[\]{}()\x1f，。；：、！？（）]+")
CAMEL = re.compile(r"[^\W\d_A-Z][A-ZÀ-ÖØ-Þ]")  # a capital inside a word


def full(distinct: pl.DataFrame, anchors: Sequence[Anchors]) -> list[str]:
    """Return the texts (of a surface's `distinct`) that hold a full name of anybody."""
    found = []
    for some in anchors:
        for place, value in some.find(distinct["normal"]).iter_rows():
            text = distinct["plain"][place]
            if _as_words(text, value) or _glued(text, value):
                found.append(distinct["text"][place])
    return found


def parts(look: pl.DataFrame, names: pl.Series) -> list[int]:
    """Return the rows of `look` (`plain`) with a given or family name of `names`, row by row, as a word in any case."""
    pair = look.select("plain").with_columns(name=names).with_row_index("row").drop_nulls()
    pair = pair.with_columns(ids.plain(pl.col("name")).str.to_lowercase(), low=pl.col("plain").str.to_lowercase())
    split = (
        pair.with_columns(part=pl.col("name").str.extract_all(rf"[\p{{L}}'’\-]{{{PART},}}"))
        .explode("part")
        .drop_nulls()
    )
    shown = split.filter(pl.col("low").str.contains(pl.col("part"), literal=True))
    return [row for row, low, part in shown.select("row", "low", "part").iter_rows() if _is_word(low, part)]


def _is_word(text: str, part: str) -> bool:
    return re.search(rf"(?<![^\W\d_]){re.escape(part)}(?![^\W\d_])", text) is not None


def _as_words(text: str, value: str) -> bool:
    """Say whether a normal name begins with a word of the text and ends with one."""
    words = [ids.normal_scalar(word) for word in WORDS.findall(text)]
    edges, length = [0], 0
    for word in words:
        length += len(word)
        edges.append(length)
    joined, places = "".join(words), set(edges)
    start = joined.find(value)
    while start >= 0:
        if start in places and start + len(value) in places:
            return True
        start = joined.find(value, start + 1)
    return False


def _glued(text: str, value: str) -> bool:
    """Say whether a name stands inside one token; a short one must look like two words that were glued."""
    for token in TOKENS.findall(text):
        if value in ids.normal_scalar(token):
            if len(value.encode()) >= WIDTH:
                return True
            start = token.lower().find(value)
            if start >= 0 and CAMEL.search(token[start : start + len(value)]):
                return True
    return False
