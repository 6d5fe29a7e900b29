"""Masks of values with a shape (phone, national id, IBAN, card): separators aside, one form enciphers each shape.

A form is told twice, for whole columns and for one value. Separators stay where they were; letters become upper case.
A value that no form takes is unknown: it blocks, or is dropped, as the rule says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import columns

SEPARATORS = " .-/()+"


class UnknownValuesError(Exception):
    """Values that the mask does not understand, by their place in the column. Holds no value."""

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(f"{len(rows)} values have no form that the mask understands")
        self.rows = rows


@dataclass(frozen=True)
class Tag:
    """Moves a result to where no real value is. Takes the bare result and the original with its separators.

    What it puts before a result goes before its first letter or digit; it may give NULL for what cannot be moved.
    """

    vector: Callable[[pl.Series, pl.Series], pl.Series]
    scalar: Callable[[str, str], str | None]


@dataclass(frozen=True)
class Form:
    """One shape of a value, separators stripped and in upper case. `vector` may give NULL for what is no valid date."""

    pattern: str  # of the whole value; the same to Rust and to Python
    vector: Callable[[pl.Series, Keys], pl.Series]
    scalar: Callable[[str, Keys], str | None]
    tag: Tag
    tagged: str  # pattern of the whole tagged result


Forms = Sequence[Form]


@dataclass(frozen=True)
class Coded:
    """A kind of mask whose values have forms: the row's `country` chooses them where `beside` says so."""

    forms: Mapping[Any, Forms]  # by country, by the first letters, or all under None
    check: str  # what a codomain says of check digits; empty: nothing
    beside: str = ""  # the option that names the column which chooses
    head: int = 0  # else: how many letters of the bare value choose
    separators: str = SEPARATORS

    def vector(
        self, values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]
    ) -> pl.Series:
        """Return the masked column."""
        bare = values.str.to_uppercase().str.replace_all(_class(self.separators), "")
        tagged = options.get("mode") == "tagged"

        def work(name: str | None, rows: pl.Series) -> pl.Series:
            return _formed(bare.gather(rows), values.gather(rows), self.forms.get(name, ()), keys, tagged)

        masked = columns.grouped(self._choice(bare, inputs), work)
        empty = (values == "").fill_null(False)
        unknown = masked.is_null() & values.is_not_null() & ~empty
        if unknown.any() and options["on_unknown"] != "drop":
            raise UnknownValuesError(unknown.arg_true().to_list())
        return dressed(masked, bare, values).zip_with(~empty, values)

    def _choice(self, bare: pl.Series, inputs: Mapping[str, pl.Series]) -> pl.Series:
        """Return, per row, under what its forms stand."""
        if self.beside:
            return inputs[self.beside].str.to_uppercase()
        return bare.str.head(self.head) if self.head else _nothing(len(bare))

    def scalar(self, value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
        """Return one masked value."""
        if value == "":
            return value
        bare = re.sub(_class(self.separators), "", value.upper())
        own = bare[: self.head] if self.head else None
        forms = self.forms.get((inputs[self.beside] or "").upper() if self.beside else own, ())
        form = next((form for form in forms if re.fullmatch(form.pattern, bare)), None)
        masked = form.scalar(bare, keys) if form else None
        if form and masked is not None and options.get("mode") == "tagged":
            masked = form.tag.scalar(masked, value)
        if masked is None and options["on_unknown"] != "drop":
            raise UnknownValuesError([0])
        return None if masked is None else _dressed_scalar(masked, value)

    def codomain(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what results look like."""
        tagged = options.get("mode") == "tagged"
        shapes = [form.tagged if tagged else form.pattern for forms in self.forms.values() for form in forms]
        found: dict[str, Any] = {"regex": "|".join(shapes), "strip": self.separators}
        if self.check:
            found["check"] = f"{self.check}-tagged" if tagged and self.check == "national_id" else self.check
        return found | ({self.beside: options[self.beside]} if self.beside else {})


def prefixed(text: str) -> Tag:
    """Return the tag that puts a text before every result."""
    return Tag(lambda masked, _: text + masked, lambda masked, _: text + masked)


def _class(separators: str) -> str:
    return f"[{re.escape(separators)}]"


def _nothing(length: int) -> pl.Series:
    return pl.repeat(None, length, dtype=pl.String, eager=True)


def _formed(bare: pl.Series, values: pl.Series, forms: Forms, keys: Keys, tagged: bool) -> pl.Series:
    """Mask each value by the first form whose pattern it has."""

    def work(place: int | None, rows: pl.Series) -> pl.Series:
        if place is None:
            return _nothing(len(rows))
        masked = forms[place].vector(bare.gather(rows), keys)
        return _tagged(masked, values.gather(rows), forms[place].tag) if tagged else masked

    return columns.grouped(_form_numbers(bare, forms), work)


def _form_numbers(bare: pl.Series, forms: Forms) -> pl.Series:
    """Return the place of each value's form; NULL for a value that has none."""
    if not forms:
        return pl.repeat(None, len(bare), dtype=pl.Int32, eager=True)
    number = pl.lit(None, dtype=pl.Int32)
    for place in range(len(forms) - 1, -1, -1):
        number = pl.when(pl.col("v").str.contains(f"^(?:{forms[place].pattern})$")).then(place).otherwise(number)
    return bare.to_frame("v").select(number.alias("form"))["form"]


def _tagged(masked: pl.Series, values: pl.Series, tag: Tag) -> pl.Series:
    def work(known: bool, rows: pl.Series) -> pl.Series:
        return tag.vector(masked.gather(rows), values.gather(rows)) if known else masked.gather(rows)

    return columns.grouped(masked.is_not_null(), work)


def dressed(masked: pl.Series, bare: pl.Series, originals: pl.Series) -> pl.Series:
    """Put the separators of the originals back; what a tag added goes before the first letter or digit.

    `bare` are the originals without separators. Most values have none, or just a `+` at their head.
    """
    plain = (originals.str.len_bytes() == bare.str.len_bytes()) & (originals.str.len_chars() == bare.str.len_bytes())
    parted = ~plain.fill_null(True) & masked.is_not_null()
    if not parted.any():
        return masked
    stripped = originals.str.replace("^[^0-9A-Za-z]+", "")
    head_only = parted & (stripped == bare) & (originals.str.len_bytes() - stripped.str.len_bytes() == 1)
    led = (originals.str.head(1) + masked).zip_with(head_only, masked) if head_only.any() else masked
    rest = parted & ~head_only
    if not rest.any():
        return led
    return led.scatter(rest.arg_true(), _with_separators(masked.filter(rest), originals.filter(rest)))


def _with_separators(masked: pl.Series, originals: pl.Series) -> pl.Series:
    """Put separators back wherever they stand."""
    longer = masked.str.len_chars().cast(pl.Int64) - originals.str.count_matches("[0-9A-Za-z]").cast(pl.Int64)
    if not (longer > 0).any():
        return _patterned(masked, originals)
    frame = pl.DataFrame({"m": masked, "n": longer.fill_null(0)})
    head, body = (
        frame.select(pl.col("m").str.slice(0, pl.col("n"))).to_series(),
        frame.select(pl.col("m").str.slice(pl.col("n"))).to_series(),
    )
    plain = pl.DataFrame({"d": _patterned(body, originals), "h": head})
    before = pl.col("d").str.extract("^([^0-9A-Za-z]*)")
    return plain.select(before + pl.col("h") + pl.col("d").str.slice(before.str.len_chars())).to_series()


def _patterned(masked: pl.Series, originals: pl.Series) -> pl.Series:
    """Put the separators back, for all values with the same pattern of separators at once."""
    first = re.sub("[0-9A-Za-z]", "x", originals[0])
    if originals.str.contains(f"^{re.escape(first).replace('x', '[0-9A-Za-z]')}$").all():
        return _spread(masked, first)
    pattern = originals.str.replace_all("[0-9A-Za-z]", "x")
    return columns.grouped(pattern, lambda shape, rows: _spread(masked.gather(rows), shape))


def _spread(masked: pl.Series, shape: str | None) -> pl.Series:
    if shape is None or shape == "x" or "x" not in shape:
        return masked
    pieces, place = [], 0
    for run in re.findall("x+|[^x]+", shape):
        letters = run.startswith("x")
        pieces.append(pl.col("m").str.slice(place, len(run)) if letters else pl.lit(run))
        place += len(run) if letters else 0
    return masked.to_frame("m").select(pl.concat_str(pieces)).to_series()


def _dressed_scalar(masked: str, original: str) -> str:
    longer = len(masked) - len(re.findall("[0-9A-Za-z]", original))
    letters = iter(masked[longer:])
    text = "".join(next(letters) if re.match("[0-9A-Za-z]", letter) else letter for letter in original)
    before = re.match("[^0-9A-Za-z]*", text)
    place = before.end() if before else 0
    return text[:place] + masked[:longer] + text[place:]
