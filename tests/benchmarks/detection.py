"""bench.detection: how many columns of personal data are found, in languages that no word list comes from."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from sandbox_suite.datasets.detection import Label, Look, label
from tests.benchmarks.columns import DEVELOPMENT, JUDGED, Column, columns
from tests.benchmarks.measuring import arguments, median, say, tell

DEVELOPMENT_SEED, JUDGED_SEED = 101, 7_000_000


@dataclass(frozen=True)
class Answer:
    """What a column holds and what it was taken for: by its values alone, and with its name."""

    column: Column
    by_values: Label
    with_name: Label
    seconds: float


def main() -> None:
    """Measure and print."""
    asked = arguments("development", "wrong")
    if asked.development:
        answers = [answer(column) for column in columns(DEVELOPMENT, DEVELOPMENT_SEED + asked.seed)]
    else:
        answers = [answer(column) for column in columns(JUDGED, JUDGED_SEED + asked.seed)]
    with_name = score([(item.column.kind, item.with_name.kind) for item in answers])
    by_values = score([(item.column.kind, item.by_values.kind) for item in answers])
    _table("with the names of a schema, half of which say nothing", with_name["kinds"])
    _table("by values alone", by_values["kinds"])
    for item in answers:
        if asked.wrong and item.column.kind != item.by_values.kind:
            why = "; ".join(map(str, item.by_values.evidence))
            say(f"{item.column.made_of}: {item.column.kind or '-'} taken for {item.by_values.kind or '-'}: {why}")
    tell(
        {
            **with_name,
            "values_alone": by_values,
            "columns": len(answers),
            "column_ms": round(1000 * median([item.seconds for item in answers]), 1),
            "slowest_ms": round(1000 * max(item.seconds for item in answers), 1),
            "locales": list(DEVELOPMENT if asked.development else JUDGED),
            "seed": asked.seed,
        }
    )


def answer(column: Column) -> Answer:
    """Look at a column."""
    values = pl.Series(column.name, column.values, strict=False)
    start = time.perf_counter()
    seen = Look()
    seen.add(values)
    by_values = label(seen)
    seconds = time.perf_counter() - start
    return Answer(column, by_values, label(seen, column.name), seconds)


def score(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return recall and precision over (what it is, what it was taken for); another kind counts against both."""
    right = Counter(is_ for is_, taken in pairs if is_ and is_ == taken)
    there, taken_for = Counter(is_ for is_, _ in pairs if is_), Counter(taken for _, taken in pairs if taken)
    kinds = {
        kind: {
            "columns": there[kind],
            "recall": round(right[kind] / there[kind], 3),
            "precision": round(right[kind] / taken_for[kind], 3) if taken_for[kind] else 1.0,
        }
        for kind in sorted(there)
    }
    total = sum(right.values())
    return {
        "recall": round(total / max(1, sum(there.values())), 4),
        "precision": round(total / max(1, sum(taken_for.values())), 4),
        "kinds": kinds,
    }


def _table(title: str, kinds: dict[str, Any]) -> None:
    say(f"\n{title}\n{'kind':<14} columns recall precision")
    for kind, row in kinds.items():
        say(f"{kind:<14} {row['columns']:>7} {row['recall']:>6.2f} {row['precision']:>9.2f}")


if __name__ == "__main__":
    main()
