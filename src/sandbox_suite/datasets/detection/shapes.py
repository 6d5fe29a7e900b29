"""How values of a kind are written, and how often a random value of that shape would pass for one."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EMAIL = r"[\p{L}0-9._%+'\-]+@(?:[\p{L}0-9](?:[\p{L}0-9\-]*[\p{L}0-9])?\.)+(?:\p{L}{2,}|xn--[a-z0-9\-]+)"
PHONE = r"\+[1-9][0-9]{0,2}(?:[ ().\-/]{0,2}[0-9]){6,13}"
_NORTH = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37"
PROVINCES = frozenset(f"{_NORTH} 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split())
CODE = r"^[0-9A-Za-z .\-/()\x{a0}]{8,64}$"  # letters, digits and separators: what `bare` shapes are written with
RUN = r"[0-9][0-9 .\-]{5,}[0-9]"  # of digits, in groups or not
HOST = r"[0-9]\.[0-9]{1,3}\.[0-9]"
BEGINNINGS = r"AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|[srp]k_|sk-|AIza|eyJ|-----BEGIN|\$2[abxy]|\$argon2|\$[56y]\$|://"
FILES = ("png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html")
GAP = r"[ \-]?"
EDGE = r"(?:^|[^0-9A-Za-z+.])"
END = r"(?:[^0-9A-Za-z]|$)"
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
On = Literal["text", "bare"]  # as it is written; or in upper case and without separators


@dataclass(frozen=True)
class Shape:
    """One way to write a value of `kind`."""

    name: str  # in words, unique
    kind: str
    pattern: str
    on: On = "text"
    inside: bool = False  # looked for anywhere in a value; else the whole value must be like it
    valid: Callable[[str], bool] | None = None  # asked for distinct values; None: the shape says it all
    chance: float = 0.0  # share of random values of the shape that are valid
    digits: bool = False  # may be stored as a number
    needs: str = CODE  # what a value must contain, quickly found: every value of the shape does


def _with_check(module: str) -> Callable[[str], bool]:
    """Return `is_valid` of a module of python-stdnum, imported on first use."""

    def valid(text: str) -> bool:
        from importlib import import_module

        try:
            return bool(import_module(f"stdnum.{module}").is_valid(text))
        except Exception:  # a number that is not one may trip the library over its own tables
            return False

    return valid


def _iban(text: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(text, check_country=False))


def card(text: str) -> bool:
    """Say whether digits are a card number: a range that is given out, its length, and the check digit."""
    from stdnum import luhn

    head2, head4, size = int(text[:2]), int(text[:4]), len(text)
    given = (
        (head2 in (34, 37) and size == 15)
        or (text[0] == "4" and size in (13, 16, 19))
        or ((51 <= head2 <= 55 or 2221 <= head4 <= 2720) and size == 16)
        or ((head4 == 6011 or head2 in (64, 65)) and 16 <= size <= 19)
        or (head2 == 35 and size == 16)
        or (head2 == 62 and 16 <= size <= 19)
        or ((head2 in (36, 38, 39) or 300 <= int(text[:3]) <= 305) and size in (14, 16))
        or ((head2 in (50, 60, 67) or 56 <= head2 <= 59) and 12 <= size <= 19)
    )
    return given and bool(luhn.is_valid(text))


def international(text: str) -> bool:
    """Say whether a number with its country could be one, given out or not."""
    import phonenumbers

    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse("+" + text.partition("+")[2])))
    except phonenumbers.NumberParseException:
        return False


def abroad(text: str) -> bool:
    """Say the same of a number that begins with 00."""
    return international("+" + text[2:])


def mailable(text: str) -> bool:
    """Say whether an address ends in a domain, not in a kind of file (`icon@2x.png`)."""
    return text.rpartition(".")[2].lower() not in (
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "js",
        "css",
        "json",
        "html",
    )


def resident(text: str) -> bool:
    """Say whether 18 signs are a resident id of China; the county may have been given up since."""
    from stdnum.iso7064 import mod_11_2

    try:
        day = datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return day.year >= 1900 and text[:2] in PROVINCES and bool(mod_11_2.is_valid(text))


def far(text: str) -> bool:
    """Say whether four numbers are an address rather than a version: one of them is above 99."""
    return any(int(part) > 99 for part in text.strip(" ()[]<>,;:=/\"'\n\t").split(".") if part.isdigit())


def stripped(text: str) -> str:
    """Return what a shape found inside a text without the signs that mark its edges, and without separators."""
    return "".join(sign for sign in text.upper() if sign.isascii() and sign.isalnum())


def _inside(valid: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: valid(stripped(text))


def _ids() -> tuple[Shape, ...]:
    """National ids. Chances: measured on random values of the shape, rounded up (a test measures them again)."""
    digits11 = "[0-9]{11}"
    listed = (
        ("NIR of France", "fr.nir", "[12][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}", 0.012),
        ("tax id of Germany", "de.idnr", "[1-9][0-9]{10}", 0.005),
        ("DNI of Spain", "es.dni", "[0-9]{8}[A-Z]", 0.05),
        ("NIE of Spain", "es.nie", "[XYZ][0-9]{7}[A-Z]", 0.05),
        ("fiscal code of Italy", "it.codicefiscale", "[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]", 0.04),
        ("BSN of the Netherlands", "nl.bsn", "[0-9]{9}", 0.1),
        ("PESEL of Poland", "pl.pesel", digits11, 0.025),
        ("CPF of Brazil", "br.cpf", digits11, 0.012),
        ("NISS of Belgium", "be.nn", digits11, 0.005),
        ("T.C. kimlik of Turkey", "tr.tckimlik", "[1-9][0-9]{10}", 0.012),
        ("OIB of Croatia", "hr.oib", digits11, 0.11),
        ("isikukood of Estonia, asmens kodas of Lithuania", "ee.ik", "[1-8][0-9]{10}", 0.005),
        ("fodselsnummer of Norway", "no.fodselsnummer", digits11, 0.002),
        ("personnummer of Sweden", "se.personnummer", "[0-9]{10}|(?:19|20)[0-9]{10}", 0.006),
        ("rodne cislo of Czechia and Slovakia", "cz.rc", "[0-9]{10}", 0.025),
        ("CNP of Romania", "ro.cnp", "[1-9][0-9]{12}", 0.004),
        ("EGN of Bulgaria", "bg.egn", "[0-9]{10}", 0.012),
        ("EMSO of Slovenia", "si.emso", "[0-3][0-9]{12}", 0.012),
        ("RRN of Korea", "kr.rrn", "[0-9]{6}[1-8][0-9]{6}", 0.005),
        ("Aadhaar of India", "in_.aadhaar", "[2-9][0-9]{11}", 0.11),
        ("CURP of Mexico", "mx.curp", "[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", 0.001),
        ("AHV of Switzerland", "ch.ssn", "756[0-9]{10}", 0.11),
    )
    return tuple(
        Shape(name, "national_id", pattern, "bare", valid=_with_check(module), chance=chance, digits=True)
        for name, module, pattern, chance in listed
    )


NINO = r"(?:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])[0-9]{6}[A-D]"
SSN = r"[0-9]{3}-[0-9]{2}-[0-9]{4}"
HETU = r"[0-3][0-9][01][0-9][0-9]{2}[\-+ABCDEFYXWVU][0-9]{3}[0-9A-FHJ-NPR-Y]"
SECRETS = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60,}|glpat-[0-9A-Za-z_\-]{20}"
    r"|xox[abprs]-[0-9A-Za-z\-]{10,}|(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}|sk-[0-9A-Za-z_\-]{32,}"
    r"|AIza[0-9A-Za-z_\-]{35}|eyJ[0-9A-Za-z_\-]{10,}\.eyJ[0-9A-Za-z_\-]{10,}\.[0-9A-Za-z_\-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\$2[abxy]\$[0-9]{2}\$[./0-9A-Za-z]{53}|\$argon2(?:id|i|d)\$"
    r"|\$(?:5|6|y)\$[./0-9A-Za-z$=,]{20,}|[a-z][a-z0-9+.\-]*://[^\s:/@]+:[^\s@/]{3,}@[\w.\-]+"
)


def shapes() -> tuple[Shape, ...]:
    """Return every shape that is counted over the whole column."""
    return (
        Shape("e-mail address", "email", EMAIL, valid=mailable, needs="@"),
        Shape("international number", "phone", PHONE, valid=international, needs=r"^\+"),
        Shape("number that begins with 00", "phone", "00[1-9][0-9]{8,13}", "bare", valid=abroad, chance=0.5),
        Shape("IBAN", "iban", "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", "bare", valid=_iban, chance=0.011),
        Shape("card number", "card", "[2-6][0-9]{11,18}", "bare", valid=card, chance=0.1, digits=True),
        Shape(
            *("resident id of China", "national_id", "[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9X]", "bare"),
            valid=resident,
            chance=0.0015,
            digits=True,
        ),
        *_ids(),
        Shape("NINO of the United Kingdom", "national_id", NINO, "bare", chance=0.1),
        Shape(
            "HETU of Finland",
            "national_id",
            HETU,
            valid=_with_check("fi.hetu"),
            chance=0.04,
            needs="^[0-3][0-9][01][0-9]",
        ),
        Shape(
            "MAC address",
            "mac",
            "(?:[0-9A-Fa-f]{2}[:\\-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\\.){2}[0-9A-Fa-f]{4}",
            needs=r"^[0-9A-Fa-f]{2}[:\-]|^[0-9A-Fa-f]{4}\.",
        ),
        Shape("secret by its first letters", "secret", SECRETS, inside=True, needs=BEGINNINGS),
        Shape(
            "e-mail address inside",
            "email",
            rf"(?:^|[^\p{{L}}0-9._%+@\-]){EMAIL}",
            inside=True,
            valid=mailable,
            needs="@",
        ),
        Shape("international number inside", "phone", EDGE + PHONE, inside=True, valid=international, needs=r"\+"),
        Shape(
            *("mobile number of China inside", "phone", rf"{EDGE}1[3-9][0-9]{GAP}[0-9]{{4}}{GAP}[0-9]{{4}}{END}"),
            inside=True,
            chance=0.2,
            needs=RUN,
        ),
        Shape(
            *(
                "IBAN inside",
                "iban",
                rf"{EDGE}[A-Z]{{2}}[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{END}",
            ),
            inside=True,
            valid=_inside(_iban),
            chance=0.011,
            needs="[A-Z]{2}[0-9]{2}",
        ),
        Shape(
            *(
                "card number inside",
                "card",
                rf"{EDGE}[2-6][0-9]{{3}}(?:{GAP}[0-9]{{4,6}}){{2,3}}(?:{GAP}[0-9]{{1,3}})?{END}",
            ),
            inside=True,
            valid=_inside(card),
            chance=0.1,
            needs=RUN,
        ),
        Shape(
            *("resident id of China inside", "national_id", rf"{EDGE}[1-9][0-9]{{16}}[0-9Xx]{END}"),
            inside=True,
            valid=_inside(resident),
            chance=0.001,
            needs=RUN,
        ),
        Shape(
            "social security number of the USA inside",
            "national_id",
            EDGE + SSN + END,
            inside=True,
            valid=_inside(_with_check("us.ssn")),
            chance=0.3,
            needs=RUN,
        ),
        Shape(
            "CPF of Brazil inside",
            "national_id",
            r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
            inside=True,
            chance=0.01,
            valid=_inside(_with_check("br.cpf")),
            needs=RUN,
        ),
        Shape(
            "IPv4 address inside",
            "ip",
            rf"{EDGE}(?:{OCTET}\.){{3}}{OCTET}{END}",
            inside=True,
            valid=far,
            chance=0.3,
            needs=HOST,
        ),
    )
