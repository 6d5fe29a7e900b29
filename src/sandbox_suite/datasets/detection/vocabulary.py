"""Words that tell kinds apart, from the files in `words/`: family names, titles, firms, streets, common words."""

from __future__ import annotations

import functools
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "words"
EASTERN_FIRM = (
    r"^(?:株式会社|有限会社|合同会社|合資会社|주식회사|유한회사|\(주\)|㈜)"
    r"|(?:株式会社|有限会社|合同会社|有限公司|集团|集團|公司|주식회사|유한회사)$"
)
EASTERN_STREET = (
    r"[路街道巷弄号號室栋幢区區县縣市鎮镇村里鄉乡]|丁目|番地|番[0-9]|मार्ग|नगर"
    r"|[가-힣]+(?:로|길|동|구|시|군|읍|면|가)(?: |$|[0-9])"
)


@functools.cache
def words(name: str) -> frozenset[str]:
    """Return the words of a list whose lines hold many."""
    return frozenset(word for line in lines(name) for word in line.split())


@functools.cache
def lines(name: str) -> tuple[str, ...]:
    """Return the lines of a list without its comments."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@functools.cache
def firms() -> str:
    """Return a pattern of what marks a firm, for text in lower case."""
    return rf"(?:^|[ ,&.\-])(?:{'|'.join(lines('firms'))})\.?(?:$|[ ,&\-])|{EASTERN_FIRM}"


@functools.cache
def titles() -> str:
    """Return the alternatives of titles, for text in any case."""
    return "|".join(sorted(lines("titles"), key=len, reverse=True))


@functools.cache
def streets() -> str:
    """Return a pattern of street words, for text in lower case."""
    listed = sorted(words("streets"))
    whole = "|".join(re.escape(word) for word in listed if not word.startswith("*"))
    ends = "|".join(re.escape(word[1:]) for word in listed if word.startswith("*"))
    edge = r"(?:^|$|[\s,.0-9/])"
    return rf"{edge}(?:{whole}){edge}|\p{{L}}{{3,}}(?:{ends})(?:$|[\s,.0-9])|{EASTERN_STREET}"
