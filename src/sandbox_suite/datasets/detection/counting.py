"""One pass over a column, batch by batch: every value is counted by shape, few are held for a closer look.

What is held does not grow with the column: the values with the smallest hashes, a fair draw of all different ones.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.shapes import Shape, shapes

CHECKED = 400  # different values of a shape that are validated
SAMPLE = 3000  # different values that words and structure are looked at
LONGEST = 20_000  # characters of a value that are looked at
SHORTEST = 5  # characters: below that no shape fits
FEW = 5  # different values below which shares say nothing
SEPARATORS = r"[ .\-/()\u00a0]"
INVISIBLE = r"\p{Cf}"
NUMBERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)


class Look:
    """What is known of one column. Feed it with `add`, then ask."""

    def __init__(self) -> None:
        self.rows = 0
        self.values = 0  # that are neither NULL nor empty
        self.hits: dict[str, int] = {}  # {shape: values of the column that have it}
        self.numeric = False
        self.type = ""
        self._held: dict[str, pl.DataFrame] = {}
        self._sample = _empty()

    def add(self, batch: pl.Series) -> None:
        """Count one more batch of the column."""
        self.rows += len(batch)
        text, self.numeric = _as_text(batch)
        if text is None:
            return
        counted = _plain(text).rename("text").to_frame().filter(pl.col("text") != "")
        counted = counted.group_by("text").len("count").with_columns(hash=pl.col("text").hash(7))
        self.values += int(counted["count"].sum())
        self._sample = _fewest(pl.concat([self._sample, counted]), SAMPLE)
        self._count(counted)

    @functools.cached_property
    def distinct(self) -> pl.Series:
        """Return a fair draw of the different values, at most `SAMPLE`. Ask after the last `add`."""
        return self._sample["text"]

    def candidates(self, shape: Shape) -> list[str]:
        """Return at most `CHECKED` different values (or parts of values) of a shape."""
        held = self._held.get(shape.name)
        return held["text"].to_list() if held is not None else []

    def share(self, condition: pl.Expr) -> float:
        """Return the share of the drawn different values for which a condition on `text` holds."""
        if not len(self.distinct):
            return 0.0
        return float(self._sample.select(condition.fill_null(False).mean()).item())

    def scaled(self, share: float) -> int:
        """Return how many values a share of the drawn ones stands for."""
        return round(share * self.values)

    def _count(self, counted: pl.DataFrame) -> None:
        wanted = [shape for shape in shapes_of() if shape.digits or not self.numeric]
        bare = pl.col("text").str.to_uppercase().str.replace_all(SEPARATORS, "")
        counted = counted.filter(pl.col("text").str.len_bytes() >= SHORTEST).with_columns(bare=bare)
        if not len(counted):
            return
        fits = counted.select(
            pl.col(shape.on).str.contains(shape.pattern if shape.inside else f"^(?:{shape.pattern})$").alias(shape.name)
            for shape in wanted
        )
        for shape in wanted:
            found = counted.filter(fits[shape.name])
            if shape.inside and shape.kind != "secret":  # a whole value is the other shapes' matter
                found = found.filter(pl.col("text").str.replace(shape.pattern, "").str.contains(r"[^\s.,;:]"))
            if len(found):
                self.hits[shape.name] = self.hits.get(shape.name, 0) + int(found["count"].sum())
                self._hold(shape, found)

    def _hold(self, shape: Shape, found: pl.DataFrame) -> None:
        parts = _fewest(found, 5 * CHECKED).select(text=pl.col(shape.on))["text"]
        if shape.inside:
            parts = parts.str.extract_all(shape.pattern).explode().drop_nulls()
        new = parts.rename("text").to_frame().with_columns(count=pl.lit(1, pl.UInt32), hash=pl.col("text").hash(7))
        held = self._held.get(shape.name, _empty())
        self._held[shape.name] = _fewest(pl.concat([held, new]), CHECKED)


def look(batches: Iterator[pl.Series]) -> Look:
    """Return what is known of a column after all its batches."""
    made = Look()
    for batch in batches:
        made.add(batch)
    return made


def mean(values: pl.Series) -> float:
    """Return the mean of booleans or numbers; 0 where there are none."""
    found = values.mean()
    return float(found) if isinstance(found, int | float) else 0.0


@functools.cache
def shapes_of() -> tuple[Shape, ...]:
    """Return the shapes, made once."""
    return shapes()


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema={"text": pl.String, "count": pl.UInt32, "hash": pl.UInt64})


def _fewest(frame: pl.DataFrame, size: int) -> pl.DataFrame:
    """Return the `size` different texts with the smallest hashes, in the order of these."""
    frame = frame.unique("text", keep="any")
    return frame.bottom_k(size, by="hash").sort("hash", "text") if len(frame) > size else frame.sort("hash", "text")


def _as_text(batch: pl.Series) -> tuple[pl.Series | None, bool]:
    """Return the values as text and whether they were numbers; None for types that are not looked at."""
    kind = batch.dtype
    batch = batch.drop_nulls()
    if kind.is_float() or kind.is_decimal():
        whole = batch.cast(pl.Float64)
        whole = whole.filter(whole.is_finite() & (whole.abs() < 1e15))
        if len(whole) and bool(
            (whole.floor() == whole).all()
        ):  # whole numbers beside NULLs, as spreadsheets write them
            return whole.cast(pl.Int64).cast(pl.String), True
        return None, True
    if kind in NUMBERS:
        return batch.cast(pl.String), True
    if kind.is_temporal() and kind not in (pl.Time, pl.Duration):
        return batch.cast(pl.String), False
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return batch.cast(pl.String), False
    return None, False


def _plain(text: pl.Series) -> pl.Series:
    """Return values without surrounding blanks, full-width letters as plain ones, invisible signs removed."""
    text = text.str.slice(0, LONGEST)
    if bool((text.str.len_bytes() != text.str.len_chars()).any()):
        text = text.str.normalize("NFKC").str.replace_all(INVISIBLE, "")
    return text.str.strip_chars()
