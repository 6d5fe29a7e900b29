"""Days as people write them: numbers in any order, names of months in eight languages."""

import datetime
import re
from collections.abc import Iterator

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen sty", "feb fév fev lut", "mar mär mrt maa mrz", "apr avr abr kwi", "may mai mei mag maj",
            "jun jui giu cze", "jul lug lip", "aug aoû aou ago sie", "sep set wrz", "oct okt out ott paź paz",
            "nov lis", "dec dez déc dic gru",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
LONGER = {"juin": 6, "juil": 7, "juni": 6, "juli": 7, "june": 6, "july": 7, "maart": 3}
GAP = r"[^0-9A-Za-z]{1,3}"
YEAR_FIRST = re.compile(rf"(?<!\d)(\d{{4}})(?:{GAP}|年)(\d{{1,2}})(?:{GAP}|月)(\d{{1,2}})(?!\d)")
YEAR_LAST = re.compile(rf"(?<!\d)(\d{{1,2}}){GAP}(\d{{1,2}}){GAP}(\d{{4}})(?!\d)")
OF = r"(?:\s*(?:de|del|di|of)\s)?"
DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?[\s\-]*{OF}\s*([^\W\d_]{{3,12}})\.?,?[\s\-]*{OF}\s*(\d{{4}})(?!\d)"
)
MONTH_DAY = re.compile(r"([^\W\d_]{3,12})\.?\s*(\d{1,2})(?:st|nd|rd|th)?,?\s*(\d{4})(?!\d)")


def days(text: str) -> set[datetime.date]:
    """Return every day that a text may name; of 3/4/1990 both."""
    return {day for numbers in _numbers(text.lower()) for day in _day(*numbers)}


def _numbers(text: str) -> Iterator[tuple[int, int, int]]:
    for year, month, day in YEAR_FIRST.findall(text):
        yield int(year), int(month), int(day)
    for first, second, year in YEAR_LAST.findall(text):
        yield int(year), int(second), int(first)
        yield int(year), int(first), int(second)
    for day, month, year in DAY_MONTH.findall(text):
        yield int(year), _month(month), int(day)
    for month, day, year in MONTH_DAY.findall(text):
        yield int(year), _month(month), int(day)


def _month(word: str) -> int:
    return LONGER.get(word[:4], LONGER.get(word, MONTHS.get(word[:3], 0)))


def _day(year: int, month: int, day: int) -> Iterator[datetime.date]:
    try:
        yield datetime.date(year, month, day)
    except ValueError:
        return
