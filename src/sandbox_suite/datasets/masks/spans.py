"""Where free text holds personal data: shapes that Rust and Python read alike, and the kind that a shape stands for."""

from __future__ import annotations

import re

import polars as pl

from sandbox_suite.datasets.masks import iban

LETTER = "A-Za-zÀ-ÖØ-öø-ɏ0-9"
EDGE = "%B"  # an ASCII word boundary, spelled per engine


def _iban(country: str) -> str:
    letters, digits = iban.SHAPES[country]
    head = "".join(f"[{letter}{letter.lower()}]" for letter in country)
    return f"{head}[0-9]{{2}}(?: ?[A-Za-z]){{{letters}}}(?: ?[0-9]){{{digits}}}"


DAY = "(?:0[1-9]|[12][0-9]|3[01])"
MONTH = "(?:0[1-9]|1[0-2])"
OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
SHAPES = (  # in this order: the first that matches at a place wins
    ("email", f"[{LETTER}][{LETTER}._%+'-]*@[{LETTER}-]+(?:\\.[{LETTER}-]+)+"),
    ("iban", "|".join(_iban(country) for country in iban.SHAPES)),
    ("national_id:CN", f"[1-9][0-9]{{5}}(?:19|20)[0-9]{{2}}{MONTH}{DAY}[0-9]{{3}}[0-9Xx]%B"),
    ("national_id:FR", f"[12] ?[0-9]{{2}} ?{MONTH} ?(?:[0-9]{{2}}|2[AB]) ?[0-9]{{3}} ?[0-9]{{3}} ?[0-9]{{2}}%B"),
    ("card", "(?:[0-9]{4}[ -]){3}[0-9]{1,7}%B|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5}%B|[2-6][0-9]{12,18}%B"),
    (
        "ip",
        f"{OCTET}(?:\\.{OCTET}){{3}}%B|(?:[0-9A-Fa-f]{{1,4}}:){{7}}[0-9A-Fa-f]{{1,4}}%B"
        "|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}%B",
    ),
    ("mac", "[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}%B|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}%B"),
    ("national_id:US", "[0-9]{3}-[0-9]{2}-[0-9]{4}%B"),
    ("national_id:DE", "[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}%B"),
    ("national_id:ES", "[0-9]{8}-?[A-Za-z]%B|[XYZxyz]-?[0-9]{7}-?[A-Za-z]%B"),
    (
        "national_id:GB",
        "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]%B|[a-z]{2}[0-9]{6}[a-d]%B",
    ),
    (
        "phone",
        "\\+[0-9]{1,3}(?:[ ().-]{0,2}[0-9]){6,12}|1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}%B"
        "|\\([0-9]{2,4}\\) ?[0-9]{3,4}[ -]?[0-9]{3,5}%B|[0-9]{3}[.-][0-9]{3}[.-][0-9]{4}%B"
        "|0[0-9]{2,4}[ /-][0-9]{3,4}[ -]?[0-9]{3,6}%B|0[0-9]{9,13}%B",
    ),
    ("run", "[0-9]{9,}"),  # a number that long may be anybody's
)
_ALL = "|".join(f"(?:{shape})" for _, shape in SHAPES)
RUST = _ALL.replace(EDGE, r"(?-u:\b)")
GAPS = "[ ()./-]{0,2}"
# Where a shape may begin: at the first letter of every span this matches, and at few other places. It is quick to look
# for, while looking for the shapes themselves keeps an engine busy with all that any digit of a number may begin.
START = "|".join(
    (
        f"[{LETTER}][{LETTER}._%+'-]*@",
        "[A-Za-z]{2}[0-9]{2} ?[A-Za-z0-9]",  # IBAN
        f"[0-9](?:{GAPS}[0-9]){{8}}",
        "[0-9]{8}-?[A-Za-z]|[XYZxyz]-?[0-9]{7}",  # Spain
        "[12] ?[0-9]{2} ?[01][0-9] ?2[AB]",  # Corsica
        "[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2}",  # Britain
        f"\\+[0-9](?:{GAPS}[0-9]){{6}}|\\([0-9]{{2,4}}\\) ?[0-9]{{3}}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]",
        "[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]",
    )
)
PYTHON = re.compile(_ALL.replace(EDGE, r"(?a:\b)"))
_WHOLE = tuple((kind, re.compile(f"(?:{shape.replace(EDGE, '')})")) for kind, shape in SHAPES)


def kinds(texts: pl.Series, country: pl.Series) -> pl.Series:
    """Return the kind of each span."""
    kind = pl.lit("unknown")
    for name, shape in reversed(SHAPES):
        matched = pl.col("t").str.contains(f"^(?:{shape.replace(EDGE, '')})$")
        kind = pl.when(matched).then(_run_expression() if name == "run" else pl.lit(name)).otherwise(kind)
    german = pl.col("t").str.contains("^[1-9][0-9]{10}$") & (pl.col("c") == "DE")
    kind = pl.when(german).then(pl.lit("national_id:DE")).otherwise(kind)
    return pl.DataFrame({"t": texts, "c": country}).select(kind.alias("kind"))["kind"]


def kind_scalar(text: str, country: str | None) -> str:
    """Return the kind of one span."""
    if country == "DE" and re.fullmatch("[1-9][0-9]{10}", text):
        return "national_id:DE"
    kind = next((kind for kind, shape in _WHOLE if shape.fullmatch(text)), "unknown")
    return _run_scalar(text, country) if kind == "run" else kind


def _run_expression() -> pl.Expr:
    """A bare run of digits: a German tax id by its length, an American number where the person is American."""
    text = pl.col("t")
    american = text.str.contains("^[0-9]{9}$") & (pl.col("c") == "US")
    german = text.str.contains("^[1-9][0-9]{10}$")
    return (
        pl.when(american)
        .then(pl.lit("national_id:US"))
        .when(german)
        .then(pl.lit("national_id:DE"))
        .otherwise(pl.lit("unknown"))
    )


def _run_scalar(text: str, country: str | None) -> str:
    if len(text) == 9 and country == "US":
        return "national_id:US"
    return "national_id:DE" if len(text) == 11 and text[0] != "0" else "unknown"
