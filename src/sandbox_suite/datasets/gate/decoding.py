"""Texts inside texts: base64, hex, percent signs, escapes of JavaScript, HTML and mail, one inside the other.

A decoding that means nothing does no harm: what comes out is only searched for originals and shapes.
"""

import html
import re
import urllib.parse
from collections.abc import Callable

import numpy as np
import polars as pl

DEPTH = 3  # encodings inside each other
BASE64 = r"[A-Za-z0-9+/_\-]{10,}"  # an encoded IPv4 address has ten signs
PIECES = r"[A-Za-z0-9]{10,}"  # the same where `-` and `_` only stand between things
HEX = r"(?:[0-9A-Fa-f]{2}[ :\-]?){5,}[0-9A-Fa-f]{2}"
READABLE = 5  # bytes in a row that make a decoding worth a look
LAST_SIGN = 0x10FFFF
ESCAPE = re.compile(r"\\u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))")
MARKED: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"%[0-9A-Fa-f]{2}", urllib.parse.unquote_plus),
    (r"&#?[0-9A-Za-z]{2,8};", html.unescape),
    (r"\\u\{?[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}|=[0-9A-F]{2}", lambda text: _unescaped(text)),
)


def decoded(texts: pl.Series) -> pl.DataFrame:
    """Return (text: its row in `texts`, plain) of everything that can be read in them; `texts` are without NULL."""
    found = []
    level = pl.DataFrame({"text": pl.int_range(len(texts), dtype=pl.Int64, eager=True), "plain": texts})
    for _ in range(DEPTH):
        level = pl.concat([_runs(level), _marked(level)]).unique(maintain_order=True)
        if not level.height:
            break
        found.append(level)
    return pl.concat(found) if found else level.clear()


def _runs(level: pl.DataFrame) -> pl.DataFrame:
    """Decode the runs of letters and digits that could be base64 or hex."""
    made = [level.clear()]
    hexes = _extracted(level, HEX).with_columns(pl.col("run").str.replace_all("[ :-]", ""))
    for start in (0, 1) if hexes.height else ():  # a digit before it may have been taken along
        run = pl.col("run").str.slice(start)
        even = run.str.slice(0, run.str.len_bytes() // 2 * 2)
        made.append(_readable(hexes.select("text", bytes=even.str.decode("hex", strict=False))))
    codes = pl.concat([_extracted(level, BASE64), _extracted(level, PIECES)]).unique(maintain_order=True)
    codes = codes.with_columns(pl.col("run").str.replace_many(["-", "_"], ["+", "/"]))
    for start in range(4) if codes.height else ():  # the run may begin inside other letters
        run = pl.col("run").str.slice(start)
        padded = run + pl.lit("AAA").str.slice(0, (4 - run.str.len_bytes() % 4) % 4)  # garbage only at its end
        made.append(_readable(codes.select("text", bytes=padded.str.decode("base64", strict=False))))
    return pl.concat(made)


def _extracted(level: pl.DataFrame, shape: str) -> pl.DataFrame:
    there = level.filter(pl.col("plain").str.contains(shape))
    return there.select("text", run=pl.col("plain").str.extract_all(shape)).explode("run").drop_nulls()


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return (text, plain) of the bytes that are text, at least in part."""
    frame = frame.drop_nulls().unique()
    some = frame.filter(_partly(frame["bytes"]))
    plain = [content.decode(errors="replace").replace("\x00", "") for content in some["bytes"]]
    return some.select("text", plain=pl.Series(plain, dtype=pl.String))


def _partly(values: pl.Series) -> pl.Series:
    """Return which bytes hold some signs in a row: ASCII, European letters, Chinese; zeros between them are UTF-16."""
    if not len(values):
        return pl.Series([], dtype=pl.Boolean)
    lengths = np.array([len(value) for value in values]) + READABLE
    buffer = np.frombuffer(b"".join(value + b"\x07" * READABLE for value in values), np.uint8)
    after = np.append(buffer[1:], np.uint8(0))
    continued = (after & 0xC0) == 0x80
    european = (buffer >= 0xC3) & (buffer <= 0xC5) & continued
    chinese = (buffer >= 0xE4) & (buffer <= 0xE9) & continued & np.append(continued[1:], False)
    readable = ((buffer >= 0x20) & (buffer < 0x7F)) | (buffer == 0) | european | chinese
    readable[1:] |= european[:-1] | chinese[:-1]
    readable[2:] |= chinese[:-2]
    run = readable.copy()
    for step in range(1, READABLE):
        run[:-step] &= readable[step:]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return pl.Series(np.logical_or.reduceat(run, starts))


def _marked(level: pl.DataFrame) -> pl.DataFrame:
    """Decode what marks each of its signs; the texts around it stay."""
    made = [level.clear()]
    for mark, decode in MARKED:
        there = level.filter(pl.col("plain").str.contains(mark))
        plain = pl.Series([decode(text) for text in there["plain"]], dtype=pl.String)
        made.append(there.select("text", plain=plain).filter(plain != there["plain"]))
    return pl.concat(made)


def _unescaped(text: str) -> str:
    r"""Return a text without `\uXXXX`, `\xXX` and quoted-printable `=XX`; bytes in a row are UTF-8."""
    units = ESCAPE.sub(lambda found: chr(min(int(found[1] or found[2], 16), LAST_SIGN)), text)
    units = units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return re.sub(r"(?:\\x[0-9a-fA-F]{2}|=[0-9A-F]{2})+", _bytes, units)


def _bytes(found: re.Match[str]) -> str:
    return bytes.fromhex(re.sub(r"\\x|=", "", found[0])).decode(errors="replace")
