"""Names and addresses: words of a language's pools, chosen by the HMAC; never the value itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets import domains, pools
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import columns

HAN = r"[\u4e00-\u9fff]"
HAN_RUST = r"[\x{4e00}-\x{9fff}]"
OTHER = "en"  # the language of a locale without pools
HOUSES = tuple(str(number) for number in range(1, 400))


def languages(values: pl.Series, locale: pl.Series | None) -> pl.Series:
    """Return each row's language: that of its locale, else by its script."""
    if locale is None:
        return _by_script(values)
    short = locale.str.slice(0, 2).str.to_lowercase()
    known = short.is_in(pools.LANGUAGES).fill_null(False)
    return short if known.all() else short.zip_with(known, _by_script(values))


def _by_script(values: pl.Series) -> pl.Series:
    script = pl.when(pl.col("v").str.contains(HAN_RUST)).then(pl.lit("zh")).otherwise(pl.lit(OTHER))
    return values.to_frame("v").select(script).to_series()


def language_scalar(value: str, locale: str | None) -> str:
    """Return one row's language."""
    short = (locale or "")[:2].lower()
    return short if short in pools.LANGUAGES else ("zh" if re.search(HAN, value) else OTHER)


@dataclass(frozen=True)
class Words:
    """A kind of mask that gives words: `templates` has one text per language with `{pool}` in it."""

    domain: str
    templates: Mapping[str, str]

    def vector(
        self, values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]
    ) -> pl.Series:
        """Return the masked column."""
        plain = domains.normalised(values)
        hashed = domains.numbers(plain, self.domain, keys)

        def work(language: str, rows: pl.Series) -> pl.Series:
            chosen, template = hashed.gather(rows).fill_null(0).to_numpy(), self._template(language)
            out = _spoken(template, language, chosen)
            same = out.str.to_lowercase() == plain.gather(rows)  # words of the pools are NFC, without blanks around
            return columns.replaced(  # never the value itself
                out, same.fill_null(False), lambda _: _spoken(template, language, chosen[same.to_numpy()] + 1)
            )

        masked = columns.grouped(languages(values, inputs.get("locale")), work)
        unmasked = values.is_null() | (values == "")
        return values.zip_with(unmasked, masked) if unmasked.any() else masked

    def scalar(self, value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str:
        """Return one masked value."""
        if value == "":
            return value
        plain = domains.normalised_scalar(value)
        language = language_scalar(value, inputs.get("locale"))
        number = domains.number_scalar(plain, self.domain, keys)
        out = _spoken_scalar(self._template(language), language, number)
        same = domains.normalised_scalar(out) == plain
        return _spoken_scalar(self._template(language), language, number + 1) if same else out

    def codomain(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return a regex over all languages; `<pool>` in it stands for any word of a pool."""
        shapes, used = [], []
        for language in pools.LANGUAGES:
            pieces = [_shape(piece, language) for piece in _pieces(self._template(language))]
            shapes.append("".join(pieces))
            used += [piece[1:-1] for piece in pieces if piece.startswith("<")]
        return {"regex": "|".join(shapes), "pools": sorted(set(used))}

    def _template(self, language: str) -> str:
        return self.templates.get(language, self.templates[OTHER])


def _pieces(template: str) -> list[str]:
    return [piece for piece in re.split(r"(\{\w+\})", template) if piece]


def _shape(piece: str, language: str) -> str:
    if piece == "{number}":
        return "[1-9][0-9]{0,2}"
    return f"<{piece[1:-1]}.{language}>" if piece.startswith("{") else re.escape(piece)


def _spoken(template: str, language: str, chosen: NDArray[np.int64]) -> pl.Series:
    """Fill a template: each pool takes the remainder of the number by its size, the rest goes on to the next."""
    columns_: list[pl.Expr | pl.Series] = []
    frame: dict[str, pl.Series] = {}
    for place, piece in enumerate(_pieces(template)):
        if not piece.startswith("{"):
            columns_.append(pl.lit(piece))
            continue
        words = _words(piece, language)
        chosen, at = np.divmod(chosen, len(words))
        frame[str(place)] = pl.Series(words, dtype=pl.String).gather(at)
        columns_.append(pl.col(str(place)))
    return pl.DataFrame(frame).select(pl.concat_str(columns_)).to_series()


def _spoken_scalar(template: str, language: str, number: int) -> str:
    out = ""
    for piece in _pieces(template):
        if piece.startswith("{"):
            words = _words(piece, language)
            number, at = divmod(number, len(words))
            piece = words[at]
        out += piece
    return out


def _words(piece: str, language: str) -> Sequence[str]:
    if piece == "{number}":
        return HOUSES
    return pools.words(f"{piece[1:-1]}.{language}")
