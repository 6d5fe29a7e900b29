"""Identifiers as the gate knows them: normal form, and check digits written from their public definitions."""

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

import polars as pl

SEPARATORS = r"[\s\p{Cf}\-‐‑–—./()_\\,]"  # what people put between digits, and what cannot be seen
SEPARATORS_SCALAR = re.compile(
    r"(?:(?![\x1c-\x1f])\s|[\-‐‑–—./()_\\,\u00ad\u200b-\u200f\u2060-\u2064\ufeff])"
)  # to Rust the signs 1c to 1f are no blanks
OTHER_DIGITS = [
    list(signs)
    for signs in zip(
        *(
            (sign, str(unicodedata.decimal(sign)))
            for sign in map(chr, range(0x660, 0x20000))
            if unicodedata.category(sign) == "Nd" and unicodedata.normalize("NFKC", sign) == sign
        ),
        strict=True,
    )
]  # [digits that NFKC leaves, what they are]
FOLDED = str.maketrans(dict(zip(*OTHER_DIGITS, strict=True)))
ODD_VALUES = "1 0 5 7 9 13 15 17 19 21 1 0 5 7 9 13 15 17 19 21 2 4 18 20 11 3 6 8 12 14 16 10 22 25 24 23"
ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", map(int, ODD_VALUES.split()), strict=True))
IBAN_LENGTHS = {"DE": 22, "GB": 22, "FR": 27, "ES": 24, "IT": 27, "NL": 18, "PL": 28, "BR": 29}


def normal(values: pl.Expr) -> pl.Expr:
    """Return texts with width, case, separators and invisible characters taken away."""
    return plain(values).str.to_lowercase().str.replace_all("ß", "ss", literal=True).str.replace_all(SEPARATORS, "")


def plain(values: pl.Expr) -> pl.Expr:
    """Return texts as they look: width, invisible characters and the digits of other scripts taken away."""
    return _where_not_ascii(
        values, lambda texts: texts.str.normalize("NFKC").str.replace_all(r"\p{Cf}", "").str.replace_many(*OTHER_DIGITS)
    )


def composed(values: pl.Expr, form: Literal["NFC", "NFKC"]) -> pl.Expr:
    """Return texts in a Unicode form."""
    return _where_not_ascii(values, lambda texts: texts.str.normalize(form))


def _where_not_ascii(values: pl.Expr, change: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    """Pass over ASCII, where there is nothing to change: Unicode takes ten times as long as all that follows."""

    def look(texts: pl.Series) -> pl.Series:
        other = texts.str.contains(r"[^\x00-\x7f]").fill_null(False)
        return texts.scatter(other.arg_true(), change(texts.filter(other))) if other.any() else texts

    return values.map_batches(look, return_dtype=pl.String)


def normal_scalar(value: str) -> str:
    """Return one text with width, case, separators and invisible characters taken away."""
    folded = unicodedata.normalize("NFKC", value).translate(FOLDED).lower().replace("ß", "ss")
    return SEPARATORS_SCALAR.sub("", folded)


def bare(value: str) -> str:
    """Return a value in upper case without separators."""
    return normal_scalar(value).upper()


def card(value: str) -> bool:
    """Luhn, 13 to 19 digits."""
    digits = bare(value)
    return digits.isdigit() and 13 <= len(digits) <= 19 and luhn(digits)


def iban_check(text: str) -> str:
    """Return the check digits of an IBAN, from its account followed by its country."""
    return f"{98 - mod_97(text + '00'):02d}"


def mod_97(text: str) -> int:
    """Return a text, letters read as two digits, modulo 97."""
    return int("".join(str(int(sign, 36)) for sign in text)) % 97


def luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn digit of the others."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def iban(value: str) -> bool:
    """Mod 97, and the country's length where it is known."""
    text = bare(value)
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", text) or IBAN_LENGTHS.get(text[:2], len(text)) != len(text):
        return False
    return mod_97(text[4:] + text[:4]) == 1


def us_ssn(value: str) -> bool:
    """Nine digits whose parts are all in use."""
    digits = bare(value)
    if not re.fullmatch(r"\d{9}", digits):
        return False
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def gb_nino(value: str) -> bool:
    """Two letters, six digits, A to D."""
    return bool(re.fullmatch(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", bare(value)))


def de_tax_id(value: str) -> bool:
    """Eleven digits, ISO 7064 mod 11, 10."""
    digits = bare(value)
    if not re.fullmatch(r"[1-9]\d{10}", digits):
        return False
    return de_check(digits[:10]) == digits[10]


def de_check(body: str) -> str:
    """Return the check digit of ten digits, ISO 7064 mod 11, 10."""
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def fr_nir(value: str) -> bool:
    """Thirteen digits and their key mod 97; 2A and 2B are Corsica."""
    text = bare(value)
    if not re.fullmatch(r"[12]\d{4}(?:\d{2}|2[AB])\d{8}", text):
        return False
    return fr_check(text[:13]) == text[13:]


def fr_check(body: str) -> str:
    """Return the key of thirteen signs."""
    department = {"2A": "19", "2B": "18"}.get(body[5:7], body[5:7])
    return f"{97 - int(body[:5] + department + body[7:]) % 97:02d}"


def es_dni(value: str) -> bool:
    """Eight digits (or a foreigner's X, Y, Z and seven) and the letter mod 23."""
    text = bare(value)
    if not re.fullmatch(r"[0-9XYZ]\d{7}[A-Z]", text):
        return False
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:8].translate(str.maketrans("XYZ", "012"))) % 23] == text[8]


def it_fiscal_code(value: str) -> bool:
    """Sixteen signs with a check letter."""
    text = bare(value)
    if not re.fullmatch(r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", text):
        return False
    return it_check(text[:15]) == text[15]


def it_check(body: str) -> str:
    """Return the check letter of fifteen signs."""
    total = sum(ODD[sign] if place % 2 == 0 else int(sign, 36) for place, sign in enumerate(body))
    total -= sum(10 for sign in body[1::2] if sign.isalpha())
    return chr(65 + total % 26)


def nl_bsn(value: str) -> bool:
    """Nine digits, the test of eleven."""
    digits = bare(value)
    if not re.fullmatch(r"\d{9}", digits) or digits == "000000000":
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11 == 0


def pl_pesel(value: str) -> bool:
    """Eleven digits, weights 1 3 7 9."""
    digits = bare(value)
    if not re.fullmatch(r"\d{11}", digits):
        return False
    return pl_check(digits[:10]) == digits[10]


def pl_check(body: str) -> str:
    """Return the check digit of ten digits."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return str(-sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 10)


def br_cpf(value: str) -> bool:
    """Eleven digits, two of them checks mod 11."""
    digits = bare(value)
    if not re.fullmatch(r"\d{11}", digits):
        return False
    return all(br_check(digits[:length]) == digits[length] for length in (9, 10))


def br_check(body: str) -> str:
    """Return the check digit after nine or ten digits."""
    total = sum(int(digit) * (len(body) + 1 - place) for place, digit in enumerate(body))
    return str(total * 10 % 11 % 10)


def cn_resident_id(value: str) -> bool:
    """Seventeen digits with a real date, and the check sign of ISO 7064 mod 11-2."""
    text = bare(value)
    if not re.fullmatch(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]", text):
        return False
    return cn_check(text[:17]) == text[17]


def cn_check(body: str) -> str:
    """Return the check sign of seventeen digits, ISO 7064 mod 11-2."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    return "10X98765432"[total % 11]


NATIONAL: dict[str, Callable[[str], bool]] = {
    "US": us_ssn,
    "GB": gb_nino,
    "DE": de_tax_id,
    "FR": fr_nir,
    "ES": es_dni,
    "IT": it_fiscal_code,
    "NL": nl_bsn,
    "PL": pl_pesel,
    "BR": br_cpf,
    "CN": cn_resident_id,
}
