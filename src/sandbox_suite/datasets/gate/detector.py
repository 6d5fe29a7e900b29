"""Looks for the shapes of personal data where none should be; shapes and thresholds are the gate's own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.case import Case
from sandbox_suite.datasets.gate.surfaces import Surface
from sandbox_suite.datasets.gate.verdict import GateFinding

GAP = r"[ .\-/]?"
EDGE = r"(?:^|[^0-9A-Za-z])"
# The same for numbers that many things are made of (UUIDs, dates): nothing is joined to them on either side.
ALONE = r"(?:^|[^0-9A-Za-z .\-/]|[^0-9A-Za-z][ .\-/]|[A-Za-z] )"
ENDED = r"(?:[^0-9A-Za-z\-]|-[^0-9A-Za-z]|-?$)"


@dataclass(frozen=True)
class Shape:
    """A shape to look for. `chance`: the share of random values of the shape that are valid.

    In free text, where the masker leaves no long number alone, the first valid value blocks. In a kept column it does
    for a shape that few random values have, else where clearly more are valid than chance would make them.
    """

    kind: str
    pattern: str  # Rust and Python read it alike
    valid: Callable[[str], bool]
    chance: float


def _any(_: str) -> bool:
    return True


def _phone(value: str) -> bool:
    return 8 <= sum(sign.isdigit() for sign in value) <= 15


def _chinese_mobile(value: str) -> bool:
    return bool(re.fullmatch(r"(?:86)?1[3-9][0-9]{9}", ids.normal_scalar(value).lstrip("+")))


def _grouped_card(value: str) -> bool:
    """Look for a card among groups of digits, since other numbers may stand beside it."""
    groups = re.findall("[0-9]+", value)
    parts = (groups[start:end] for start in range(len(groups)) for end in range(start + 1, len(groups) + 1))
    return any(part[0][0] in "3456" and _regular(part) and ids.card("".join(part)) for part in parts)


def _regular(groups: list[str]) -> bool:
    """Say whether digits are grouped evenly, or as on an American Express card."""
    lengths = [len(group) for group in groups]
    return len(set(lengths[:-1])) <= 1 or lengths in ([4, 6, 5], [4, 6, 4])


def _iban(value: str) -> bool:
    """Look for an IBAN at the beginning, since words may follow it; each country says what one is made of."""
    from stdnum import iban

    groups = re.findall("[0-9A-Za-z]+", value)
    heads = ("".join(groups[:count]) for count in range(1, len(groups) + 1))
    return any(15 <= len(head) <= 34 and iban.is_valid(head, check_country=False) for head in heads)


def _lettered(value: str) -> bool:
    return any(sign.isalpha() for sign in value)


OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
SHAPES = (
    Shape("email", r"[^\s@<>()\[\],;:\x1f]+@[^\s@<>()\[\],;:\x1f]+\.[A-Za-z]{2,}", _any, 0.0),
    Shape("iban", rf"{EDGE}[A-Za-z]{{2}}[0-9]{{2}}(?:{GAP}[A-Za-z0-9]){{11,30}}", _iban, 0.01),
    Shape("phone", r"\+[0-9][0-9 ().\-/]{6,20}[0-9]", _phone, 0.0),
    Shape("phone", rf"{EDGE}1[3-9][0-9]{GAP}[0-9]{{4}}{GAP}[0-9]{{4}}(?:[^0-9]|$)", _chinese_mobile, 0.1),
    Shape("card", rf"{EDGE}(?:[0-9]{GAP}){{12,18}}[0-9](?:[^0-9A-Za-z]|$)", _grouped_card, 0.1),
    Shape("national_id", rf"{EDGE}[0-9]{{17}}[0-9Xx](?:[^0-9A-Za-z]|$)", ids.cn_resident_id, 0.001),
    Shape("national_id", rf"{EDGE}[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}(?:[^0-9]|$)", ids.us_ssn, 0.0),
    Shape("national_id", rf"{EDGE}[0-9]{{3}}\.[0-9]{{3}}\.[0-9]{{3}}-[0-9]{{2}}(?:[^0-9]|$)", ids.br_cpf, 0.01),
    Shape("national_id", rf"{EDGE}[12](?:{GAP}[0-9AB]){{14}}(?:[^0-9A-Za-z]|$)", ids.fr_nir, 0.01),
    Shape("national_id", rf"{EDGE}[0-9XYZ][0-9]{{7}}-?[A-Z](?:[^0-9A-Za-z]|$)", ids.es_dni, 0.04),
    Shape("national_id", rf"{EDGE}[A-Z]{{6}}[0-9]{{2}}[A-Z][0-9]{{2}}[A-Z][0-9]{{3}}[A-Z]", ids.it_fiscal_code, 0.04),
    Shape("national_id", rf"{EDGE}[A-Z]{{2}} ?(?:[0-9]{{2}} ?){{3}}[A-D](?:[^0-9A-Za-z]|$)", ids.gb_nino, 0.02),
    Shape("national_id", rf"{EDGE}[0-9]{{11}}(?:[^0-9A-Za-z]|$)", ids.de_tax_id, 0.1),
    Shape("national_id", rf"{EDGE}[0-9]{{11}}(?:[^0-9A-Za-z]|$)", ids.pl_pesel, 0.1),
    Shape("national_id", rf"{EDGE}[0-9]{{9}}(?:[^0-9A-Za-z]|$)", ids.nl_bsn, 0.09),
    Shape("mac", r"(?:^|[^0-9A-Za-z:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?:[^0-9A-Za-z:]|$)", _any, 0.0),
    Shape("mac", r"(?:^|[^0-9A-Za-z\-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?:[^0-9A-Za-z\-]|$)", _any, 0.0),
)
# Shapes that numbers of other meanings have, too; in free text the masker leaves none of them.
FREE_SHAPES = (
    Shape("phone", rf"{EDGE}\([0-9]{{3,4}}\) ?[0-9]{{3,4}}[ \-]?[0-9]{{3,5}}{ENDED}", _phone, 0.0),
    Shape("phone", rf"{ALONE}[0-9]{{3}}[.\-][0-9]{{3}}[.\-][0-9]{{4}}{ENDED}", _phone, 0.0),
    Shape("phone", rf"{ALONE}0[0-9]{{2,4}}[ /\-][0-9]{{3,4}}[ \-]?[0-9]{{3,6}}{ENDED}", _phone, 0.0),
    Shape("phone", rf"{ALONE}00[1-9][0-9 ().\-/]{{7,20}}[0-9]", _phone, 0.0),
    Shape("ip", rf"(?:^|[^0-9.]){OCTET}(?:\.{OCTET}){{3}}(?:[^0-9.]|$)", _any, 0.0),
    Shape("mac", rf"{EDGE}[0-9A-Fa-f]{{4}}(?:\.[0-9A-Fa-f]{{4}}){{2}}(?:[^0-9A-Za-z.]|$)", _lettered, 0.0),
)
# What decodings of chance make is not an e-mail address yet.
DECODED_EMAIL = Shape("email", r"[\w.%+'-]{2,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}", _any, 0.0)
# What the masker always takes: so long a number may be anybody's.
LONG_NUMBER = Shape("number", "[0-9]{9,}", _any, 0.0)
FIRST_BLOCKS = 0.05  # a shape rarer than this among random values
ENOUGH = 0.5  # else: this share of the values with the shape must be valid, of at least
AT_LEAST = 3
SHORTEST_EMAIL = 5  # signs
SHORTEST_NUMBER = 8  # digits and letters


def detector(case: Case, surfaces: list[Surface]) -> Iterator[GateFinding]:
    """No kept column and no text outside proved spans has a value with the shape of personal data."""
    for surface in surfaces:
        possible = [
            shape
            for shape in _shapes(surface)
            if surface.longest >= (SHORTEST_EMAIL if shape.kind == "email" else SHORTEST_NUMBER)
        ]
        values: dict[str, set[str]] = {}  # text -> what was found in it
        for kind in dict.fromkeys(shape.kind for shape in possible):
            found = [_hits(surface, shape, values) for shape in possible if shape.kind == kind]
            rows = sorted({row for hits in found for row in surface.rows(hits)})
            if rows:
                message = f"holds what looks like {kind.replace('_', ' ')}"
                yield case.finding(kind, surface.table, surface.column, message, rows, "masked")


def _shapes(surface: Surface) -> tuple[Shape, ...]:
    known = (DECODED_EMAIL, *SHAPES[1:]) if surface.decoded else SHAPES
    if not surface.free:
        return known
    return (*known, *FREE_SHAPES) if surface.decoded else (*known, *FREE_SHAPES, LONG_NUMBER)


def _hits(surface: Surface, shape: Shape, known: dict[str, set[str]]) -> pl.Series:
    """Return the distinct texts with valid values of a shape, empty where chance explains them.

    `known` collects the values of each text. A long number counts only outside those: it would be told twice.
    """
    texts, plain = surface.distinct["text"], surface.distinct["plain"]
    with_shape = plain.str.contains(shape.pattern).fill_null(False)
    if not with_shape.any():
        return texts.clear()
    pattern = re.compile(shape.pattern)
    valid, shaped = [], 0
    for text, cleaned in zip(texts.filter(with_shape), plain.filter(with_shape), strict=True):
        values = _values(pattern, cleaned, overlapping=shape is not LONG_NUMBER)
        there = known.setdefault(text, set())
        good = {value for value in values if shape.valid(value)}
        if shape is LONG_NUMBER:
            good = {value for value in good if not any(value in other for other in there)}
        there |= good
        shaped += bool(values)
        valid += [text] if good else []
    first = shape.chance < FIRST_BLOCKS or surface.free
    enough = len(valid) >= AT_LEAST and len(valid) >= ENOUGH * shaped
    return pl.Series(valid if first or enough else [], dtype=pl.String)


def _values(pattern: re.Pattern[str], text: str, overlapping: bool) -> list[str]:
    """Return every match; where they may overlap, also those that begin inside another one."""
    found, start = [], 0
    while match := pattern.search(text, start):
        found.append(_trimmed(match[0]))
        start = match.start() + 1 if overlapping else match.end()
    return found


def _trimmed(value: str) -> str:
    """Take the signs off that only mark the edges of a shape."""
    return re.sub(r"^[^0-9A-Za-z+]+|[^0-9A-Za-z]+$", "", value)
