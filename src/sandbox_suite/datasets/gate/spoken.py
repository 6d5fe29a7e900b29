"""Names and addresses of the pools, recognised by looking their words up: what a regex of all pools finds slowly.

A value that is recognised here is one that the pools give. What is not recognised may still be one: the regex decides.
"""

import functools
from collections.abc import Callable, Mapping

import polars as pl

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.gate import oracle

NUMBER = "[1-9][0-9]{0,2}"
SHAPES = {  # template: a regex that takes it apart; no city has a comma
    oracle.LATIN[0]: rf"^(?P<number>{NUMBER}) (?P<street>.+), (?P<city>[^,]+)$",
    oracle.LATIN[1]: rf"^(?P<street>.+) (?P<number>{NUMBER}), (?P<city>[^,]+)$",
    oracle.LATIN[2]: rf"^(?P<street>.+), (?P<number>{NUMBER}), (?P<city>[^,]+)$",
}
CHINESE_ADDRESS = rf"^(?P<head>.+?)(?P<number>{NUMBER})号$"
BLANKS = 3  # at most, inside a given name


def recognised(kind: str, values: pl.Series) -> pl.Series:
    """Return, per row, whether a `name` or `address` is one of the pools; NULL is none."""
    rest, found = values.fill_null(""), pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    for likely, look in _LOOKS[kind]:
        rows = (~found & rest.str.contains(likely)).arg_true()
        if len(rows):
            found = found.scatter(rows, look(rest.gather(rows)))
    return found


def _latin_names(values: pl.Series) -> pl.Series:
    languages = sum(_bit(language) for language in pools.LANGUAGES if language not in oracle.NAME)
    split = values.str.splitn(" ", BLANKS + 2).struct.unnest()
    fields = [split[name] for name in split.columns[: BLANKS + 1]]
    found = pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    given = fields[0]
    for more in [*fields[1:], None]:
        family = values.str.slice(given.str.len_chars() + 1)
        found |= (_spoken_in(given, "given") & _spoken_in(family, "family") & languages) != 0
        if more is None or not more.is_not_null().any():
            break
        given = (given + " " + more).fill_null("")
    return found.fill_null(False)


def _chinese_names(values: pl.Series) -> pl.Series:
    return _two(values, "family", "given", tuple({len(word) for word in pools.words("family.zh")}))


def _addresses(template: str, shape: str) -> Callable[[pl.Series], pl.Series]:
    languages = sum(
        _bit(language) for language in pools.LANGUAGES if oracle.ADDRESS.get(language, oracle.LATIN[0]) == template
    )

    def look(values: pl.Series) -> pl.Series:
        parts = values.str.extract_groups(shape).struct.unnest()
        words = _spoken_in(parts["street"], "street") & _spoken_in(parts["city"], "city") & languages
        return ((words != 0) & parts["number"].is_in(oracle.HOUSES)).fill_null(False)

    return look


def _chinese_addresses(values: pl.Series) -> pl.Series:
    parts = values.str.extract_groups(CHINESE_ADDRESS).struct.unnest()
    head = parts["head"].fill_null("")
    long = tuple({-len(word) for word in pools.words("street.zh")})
    return _two(head, "place", "street", long) & parts["number"].is_in(oracle.HOUSES).fill_null(False)


def _two(values: pl.Series, first: str, second: str, lengths: tuple[int, ...]) -> pl.Series:
    """Say where a text is a word of two Chinese pools; `lengths`: of the first, or less those of the second."""
    found = pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    chinese = _bit("zh")
    for length in lengths:
        cut = (
            values.str.len_chars().cast(pl.Int64) + length if length < 0 else pl.repeat(length, len(values), eager=True)
        )
        cut = cut.clip(0)
        head, tail = (
            values.to_frame("v")
            .with_columns(c=cut)
            .select(a=pl.col("v").str.slice(0, pl.col("c")), b=pl.col("v").str.slice(pl.col("c")))
        )
        found |= (_spoken_in(head, first) & _spoken_in(tail, second) & chinese) != 0
    return found


def _bit(language: str) -> int:
    return 1 << pools.LANGUAGES.index(language)


def _spoken_in(words: pl.Series, pool: str) -> pl.Series:
    """Return the languages in whose pool each word is, a bit each."""
    known = _languages(pool)
    bits = words.to_frame("w").join(known, left_on="w", right_on="word", how="left", maintain_order="left")["bits"]
    return bits.fill_null(0)


@functools.cache
def _languages(pool: str) -> pl.DataFrame:
    bits: dict[str, int] = {}
    for language in pools.LANGUAGES:
        if (pools.FOLDER / f"{pool}.{language}.txt").exists():
            for word in pools.words(f"{pool}.{language}"):
                bits[word] = bits.get(word, 0) | _bit(language)
    return pl.DataFrame({"word": list(bits), "bits": pl.Series(list(bits.values()), dtype=pl.Int64)})


# By kind: (what all values of a form have, how they are looked up).
_LOOKS: Mapping[str, tuple[tuple[str, Callable[[pl.Series], pl.Series]], ...]] = {
    "name": ((" ", _latin_names), ("^[^ ]+$", _chinese_names)),
    "address": (
        ("号$", _chinese_addresses),
        ("^[1-9]", _addresses(oracle.LATIN[0], SHAPES[oracle.LATIN[0]])),
        (f" {NUMBER}, [^,]+$", _addresses(oracle.LATIN[1], SHAPES[oracle.LATIN[1]])),
        (f", {NUMBER}, [^,]+$", _addresses(oracle.LATIN[2], SHAPES[oracle.LATIN[2]])),
    ),
}
