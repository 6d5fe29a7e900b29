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
SMALLEST = 100_000_000  # numbers below have no shape
HEAD = 2000  # values that show whether the column repeats itself
REPEATING = 0.9  # share of different ones among them from which it does not


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
        plain = _plain(batch.drop_nulls())
        if plain is None:
            return
        plain = plain.rename("text")
        self.numeric = plain.dtype.is_integer()
        if plain.dtype == pl.String:
            counted = _counted(plain)
            self.values += int(counted["count"].sum())
            self._draw(counted)
            self._count(counted)
        else:
            self.values += len(plain)
            self._draw(_spelled(plain.unique()))
            if self.numeric:
                self._count(_spelled(plain.filter(plain.cast(pl.Int64).abs() >= SMALLEST), len(plain)))

    def _draw(self, counted: pl.DataFrame) -> None:
        self._sample = _fewest(pl.concat([self._sample, counted]), SAMPLE)

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
        """Count every shape among the values that have what it needs."""
        counted = counted.filter(pl.col("text").str.len_bytes() >= SHORTEST)
        for needs, wanted in needing().items():
            found = counted.filter(pl.col("text").str.contains(needs))
            if len(found):
                self._fit(found, [shape for shape in wanted if shape.digits or not self.numeric])

    def _fit(self, counted: pl.DataFrame, wanted: list[Shape]) -> None:
        bare = pl.col("text").str.to_uppercase().str.replace_all(SEPARATORS, "")
        counted = counted.with_columns(bare=bare if any(shape.on == "bare" for shape in wanted) else pl.col("text"))
        for shape in wanted:
            pattern = shape.pattern if shape.inside else f"^(?:{shape.pattern})$"
            found = counted.filter(pl.col(shape.on).str.contains(pattern))
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
def needing() -> dict[str, list[Shape]]:
    """Return {what a value must contain: the shapes that need it}."""
    found: dict[str, list[Shape]] = {}
    for shape in shapes_of():
        found.setdefault(shape.needs, []).append(shape)
    return found


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


def _counted(text: pl.Series) -> pl.DataFrame:
    """Return different texts and how often each occurs; where few come twice, all of them once each."""
    frame = text.to_frame("text").filter(pl.col("text") != "")
    head = frame["text"].head(HEAD)
    if head.n_unique() < REPEATING * len(head):
        frame = frame.group_by("text").len("count")
    else:
        frame = frame.with_columns(count=pl.lit(1, pl.UInt32))
    return frame.with_columns(hash=pl.col("text").hash(7))


def _spelled(values: pl.Series, size: int = SAMPLE) -> pl.DataFrame:
    """Return numbers or moments as texts: those with the smallest hashes, before they are written out."""
    frame = values.to_frame("text").with_columns(count=pl.lit(1, pl.UInt32), hash=pl.col("text").hash(7))
    frame = frame.bottom_k(2 * size, by="hash") if len(frame) > 2 * size else frame
    return frame.with_columns(pl.col("text").cast(pl.String)).with_columns(hash=pl.col("text").hash(7))


def _plain(batch: pl.Series) -> pl.Series | None:
    """Return values as texts, whole numbers or moments; None for types that are not looked at."""
    kind = batch.dtype
    if kind.is_float() or kind.is_decimal():
        whole = batch.cast(pl.Float64)
        whole = whole.filter(whole.is_finite() & (whole.abs() < 2**53))
        same = len(whole) > 0 and bool((whole.floor() == whole).all())
        return whole.cast(pl.Int64) if same else None  # whole numbers beside NULLs, as spreadsheets write them
    if kind.is_integer() or kind in (pl.Date, pl.Datetime):
        return batch
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _cleaned(batch.cast(pl.String))
    return None


def _cleaned(text: pl.Series) -> pl.Series:
    """Return values without surrounding blanks, full-width letters as plain ones, invisible signs removed."""
    text = text.str.slice(0, LONGEST)
    if bool((text.str.len_bytes() != text.str.len_chars()).any()):
        text = text.str.normalize("NFKC").str.replace_all(INVISIBLE, "")
    return text.str.strip_chars()
