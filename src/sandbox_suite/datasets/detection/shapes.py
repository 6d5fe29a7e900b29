"""What values of a kind look like, and how often a random value of that shape would pass for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EMAIL = r"[\p{L}0-9._%+\-]+@[\p{L}0-9\-]+(?:\.[\p{L}0-9\-]+)+"
INTERNATIONAL_PHONE = r"\+[0-9]{1,3}(?:[ ().\-]{0,2}[0-9]){6,12}"


@dataclass(frozen=True)
class Shape:
    """A kind of value: `pattern` of the whole value without separators, in upper case."""

    kind: str
    pattern: str
    valid: Callable[[str], bool]
    chance: float  # share of random values of the pattern that `valid` accepts


def shapes() -> tuple[Shape, ...]:
    """Return the shapes with check digits or numbering plans behind them."""
    from stdnum import iban, luhn
    from stdnum.cn import ric
    from stdnum.de import idnr
    from stdnum.es import dni, nie
    from stdnum.fr import nir

    return (
        Shape("iban", "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", lambda text: iban.is_valid(text, check_country=False), 0.011),
        Shape("national_id", "[1-9][0-9]{16}[0-9X]", ric.is_valid, 0.001),
        Shape("national_id", "[12][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}", nir.is_valid, 0.011),
        Shape("national_id", "[1-9][0-9]{10}", idnr.is_valid, 0.004),
        Shape("national_id", "[0-9]{8}[A-Z]", dni.is_valid, 0.044),
        Shape("national_id", "[XYZ][0-9]{7}[A-Z]", nie.is_valid, 0.044),
        Shape("national_id", "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", lambda _: True, 0.0),
        Shape("card", "(?:3[47][0-9]{13}|[2-6][0-9]{12,18})", luhn.is_valid, 0.1),
        Shape("phone", "1[3-9][0-9]{9}", lambda text: _phone("+86" + text), 0.5),
        Shape("phone", "00[1-9][0-9]{7,13}", lambda text: _phone("+" + text[2:]), 0.3),
    )


def _phone(text: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False
