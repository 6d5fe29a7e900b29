"""Kinds of planted leaks: where a value stands, whose it is, how it is spelled."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.leaks_dataset import NOTES, PEOPLE, VISITS, Masked
from tests.benchmarks.leaks_values import SPELLINGS, STRANGERS, TYPES, Chance, stranger

SENTENCES = ("see also {}", "(was {})", "neu: {}", "{} ok", "备注：{}。", 'said "{}" twice')
TOKENS = re.compile(r"[0-9A-Za-z+/=_%.-]+")
IN_TOKENS = ("as it is", "glued", "base64", "base64 in more", "hex", "URL", "lower case")
STRANGELY = (
    "as it is",
    "reformatted",
    "upper case",
    "base64",
    "URL",
    "escaped",
    "JSON",
    "full width",
    "invisible signs",
    "other digits",
)
AMOUNT = re.compile(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}")  # nobody can tell a phone number so spelled from a sum of money
SHORT = 5  # letters; shorter names are told apart


@dataclass(frozen=True)
class Kind:
    """A kind of leak: `place` and `whose` of a value of this `type`, in this spelling."""

    place: str
    whose: str
    type: str
    spelling: str

    def __str__(self) -> str:
        return f"{self.place}, {self.whose}, {self.spelling}"


@dataclass
class Values:
    """Draws values for plants; `rows` are rows of people."""

    masked: Masked
    kind: Kind
    chance: Chance

    def of(self, row: int) -> str | None:
        """Return a person's value of the kind's type, spelled; None where it cannot be spelled so."""
        return self.spelled(str(self.masked.people[self.kind.type][row]))

    def anybody(self, besides: int = -1) -> str | None:
        """Return a spelled value of somebody: of another person than the row `besides`."""
        for _ in range(200):
            row = self.chance.randrange(PEOPLE)
            value = None if row == besides else self.of(row)
            if value is not None:
                return value
        return None

    def spelled(self, value: str) -> str | None:
        """Return a value in the kind's spelling; None where it has none, or would be a short name."""
        if self.kind.type == "full_name" and sum(map(str.isalpha, value)) < SHORT and self.kind.whose != "short name":
            return None
        return SPELLINGS[self.kind.spelling](value, self.kind.type, self.chance)


def kinds() -> Iterator[Kind]:
    """Yield every kind."""
    for type_ in TYPES:
        for spelling in SPELLINGS:
            yield Kind("text", "own", type_, spelling)
            if type_ != "birth_date":  # a day is many people's
                yield Kind("text", "another's", type_, spelling)
        for spelling in IN_TOKENS:
            if type_ not in ("full_name", "address", "birth_date", "ip", "mac") or spelling in ("base64", "hex", "URL"):
                for place in ("kept column", "kept JSON value", "text key"):
                    if type_ != "birth_date":
                        yield Kind(place, "anybody's", type_, spelling)
        yield Kind("masked column", "own", type_, "as it is")
        yield Kind("masked column", "own", type_, "reformatted")
        yield Kind("masked column", "another's", type_, "as it is")
        for spelling in ("as it is", "base64", "reformatted"):
            yield Kind("new column", "own", type_, spelling)
        yield Kind("JSON key", "own", type_, "as it is")
        yield Kind("new JSON value", "own", type_, "as it is")
    for type_ in ("email", "phone"):
        yield Kind("masked JSON value", "own", type_, "as it is")
        yield Kind("masked JSON value", "another's", type_, "as it is")
    for spelling in ("as it is", "upper case", "lower case", "mixed case", "decomposed (NFD)", "invisible signs"):
        yield Kind("text", "own part of a name", "full_name", spelling)
    for type_ in STRANGERS:
        for spelling in STRANGELY:
            yield Kind("text", "stranger's", type_, spelling)


def short_kinds() -> Iterator[Kind]:
    """Yield the kinds of names under five letters, Chinese ones above all."""
    for spelling in ("as it is", "base64", "hex", "URL", "JSON", "glued", "invisible signs"):
        yield Kind("text", "short name", "full_name", spelling)


def plant(masked: Masked, kind: Kind, count: int, chance: Chance) -> int:
    """Plant up to `count` values of a kind and return how many there are; 0 where the kind has no such value."""
    return PLACES[kind.place](masked, Values(masked, kind, chance), count)


def _text(masked: Masked, values: Values, count: int) -> int:
    about = (masked.frame("notes", "raw")["person_id"] - 1).to_list()
    found: dict[int, str] = {}
    for row in values.chance.sample(range(NOTES), NOTES):
        value = _said_of(values, about[row]) if len(found) < count else None
        if value is not None:
            found[row] = values.chance.choice(SENTENCES).replace("{}", value)
    for side in ("raw", "quarantine"):
        before = masked.frame("notes", side)["body"]
        masked.put("notes", side, "body", {row: f"{before[row]} {text}" for row, text in found.items()})
    return len(found)


def _said_of(values: Values, person: int) -> str | None:
    whose = values.kind.whose
    if whose == "stranger's":
        said = values.spelled(stranger(values.kind.type, values.chance))
        return None if said and AMOUNT.fullmatch(said) else said
    if whose in ("own", "short name"):
        short = sum(map(str.isalpha, values.masked.people["full_name"][person])) < SHORT
        return values.of(person) if short == (whose == "short name") or values.kind.type != "full_name" else None
    if whose == "own part of a name":
        parts = [part for part in re.split(r"[\s'’-]", values.masked.people["full_name"][person]) if len(part) >= SHORT]
        return values.spelled(values.chance.choice(parts)) if parts else None
    return values.anybody(besides=person)


def _kept(masked: Masked, values: Values, count: int) -> int:
    return _tokens(masked, values, count, "trace", "")


def _key(masked: Masked, values: Values, count: int) -> int:
    return _tokens(masked, values, count, "visit_key", "v")


def _tokens(masked: Masked, values: Values, count: int, column: str, before: str) -> int:
    found: dict[int, str | None] = {}
    for row in values.chance.sample(range(VISITS), count):
        token = _token(values)
        if token:
            found[row] = f"{before}{row}-{token}" if before else token
    for side in ("raw", "quarantine"):
        masked.put("visits", side, column, found)
    return len(found)


def _token(values: Values) -> str | None:
    for _ in range(20):
        value = values.anybody()
        if value is not None:
            token = (
                value.replace("@", "%40").replace("+", "%2B" if values.chance.random() < 0.5 else "+").replace(" ", "-")
            )
            if TOKENS.fullmatch(token):
                return token
    return None


def _profiles(
    masked: Masked, values: Values, count: int, change: Callable[[dict[str, Any], str], None], *sides: str
) -> int:
    found: dict[int, str] = {}
    for row in values.chance.sample(range(PEOPLE), PEOPLE):
        other = values.kind.whose == "another's"
        value = (
            (_token(values) if "raw" in sides else values.anybody(row) if other else values.of(row))
            if len(found) < count
            else None
        )
        if value is not None:
            found[row] = value
    for side in sides:
        before = masked.frame("people", side)["profile"]
        cells: dict[int, str | None] = {}
        for row, value in found.items():
            document = json.loads(before[row])
            change(document, value)
            cells[row] = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        masked.put("people", side, "profile", cells)
    return len(found)


def _json_kept(masked: Masked, values: Values, count: int) -> int:
    return _profiles(masked, values, count, lambda document, value: document.update(device=value), "raw", "quarantine")


def _json_key(masked: Masked, values: Values, count: int) -> int:
    return _profiles(masked, values, count, lambda document, value: document.update({value: 1}), "quarantine")


def _json_new(masked: Masked, values: Values, count: int) -> int:
    return _profiles(
        masked, values, count, lambda document, value: document["contact"].update(other=[value]), "quarantine"
    )


def _json_masked(masked: Masked, values: Values, count: int) -> int:
    change = lambda document, value: document["contact"].update({values.kind.type: value})  # noqa: E731
    return _profiles(masked, values, count, change, "quarantine")


def _column(masked: Masked, values: Values, count: int) -> int:
    """Leave cells of a labelled column as they were, or put somebody else's there."""
    kind, found = values.kind, dict[int, str | None]()
    for row in values.chance.sample(range(PEOPLE), PEOPLE):
        value = None
        if len(found) < count:
            value = values.anybody(row) if kind.whose == "another's" else values.of(row)
        if kind.type == "birth_date" and value is not None:
            if kind.spelling != "as it is" or kind.whose != "own":
                return 0  # a day in a column of days has one spelling, and is many people's
            value = str(datetime.date.fromisoformat(value))
        if value is not None:
            found[row] = value
    masked.put("people", "quarantine", kind.type, found)
    return len(found)


def _new(masked: Masked, values: Values, count: int) -> int:
    found: dict[int, str | None] = {}
    for row in values.chance.sample(range(PEOPLE), count):
        value = values.of(row)
        if value is not None:
            found[row] = value
    masked.put("people", "quarantine", "extra", found)
    if values.chance.random() < 0.5:
        masked.claim("people", "extra", {"type": "string", "nullable": True, "rule": {"mask": "null"}, "codomain": {}})
    return len(found)


PLACES: dict[str, Callable[[Masked, Values, int], int]] = {
    "text": _text,
    "kept column": _kept,
    "text key": _key,
    "kept JSON value": _json_kept,
    "JSON key": _json_key,
    "new JSON value": _json_new,
    "masked JSON value": _json_masked,
    "masked column": _column,
    "new column": _new,
}
