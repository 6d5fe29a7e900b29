"""JUnit XML: a broken end loses nothing that stood before it, and nothing outside the file is looked at."""

from dataclasses import dataclass, field
from typing import Any
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from sandbox_suite.regression.formats.attempts import (
    MAX_CASES,
    MAX_TEXT,
    MAX_TRIES,
    Attempt,
    Outcome,
    Read,
    name,
    seconds,
    text,
)

ENDINGS: dict[str, Outcome] = {"error": "error", "failure": "failed", "skipped": "skipped"}
WORSE = ("error", "failed", "skipped", "passed")
# Surefire's: earlier attempts of a case that passed in the end, and later ones of a case that never did.
EARLIER: dict[str, Outcome] = {"flakyfailure": "failed", "flakyerror": "error"}
LATER: dict[str, Outcome] = {"rerunfailure": "failed", "rerunerror": "error"}
PIECE = 1 << 16


class EnoughError(Exception):
    """No more cases are read."""


@dataclass
class _Case:
    """A case that is being read."""

    name: str
    seconds: float
    outcome: Outcome = "passed"
    message: str = ""
    earlier: list[tuple[Outcome, str]] = field(default_factory=list)
    later: list[tuple[Outcome, str]] = field(default_factory=list)


def read(content: bytes, file: str, suite: str) -> Read:
    """Return what a JUnit document says. A document type is refused: results need none, and it can do harm."""
    found = _Reader()
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(found)
    try:
        for start in range(0, len(content), PIECE):
            parser.feed(content[start : start + PIECE])
        parser.close()
    except EnoughError:
        found.said.troubles.append(f"more than {MAX_CASES} results: the rest was not read")
    except DefusedXmlException:
        found.said.troubles.append(f"{file} declares a document type, which results do not need: not read")
    except (SAXException, ValueError, LookupError) as error:
        place = f" at line {parser.getLineNumber()}" if content else ""
        found.said.troubles.append(f"{file} is not whole JUnit XML: {_words(error)}{place}")
        found.cut()
    if found.root not in ("testsuites", "testsuite", "testcase", ""):
        found.said.troubles.append(f"{file} is not JUnit XML: it begins with <{text(found.root, 40)}>")
    return found.said


def _words(error: Exception) -> str:
    said = error.getMessage() if isinstance(error, SAXException) else str(error)
    return text(said or type(error).__name__, 200)


class _Reader(ContentHandler):
    """Collects cases as the parser meets them; keeps one case and one bounded text at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.said = Read()
        self.root = ""
        self._case: _Case | None = None
        self._words: list[str] | None = None
        self._room = 0

    def startElement(self, tag: str, attrs: Any) -> None:  # noqa: N802 - SAX's name
        """Take the beginning of an element."""
        tag = tag.rpartition(":")[2]
        self.root = self.root or tag
        if tag == "testcase":
            self._flush()
            if self.said.full:
                raise EnoughError
            parts = (attrs.get("classname", ""), attrs.get("name", ""))
            self._case = _Case(name(".".join(filter(None, parts))) or "(unnamed)", seconds(attrs.get("time")))
        elif self._case and tag.lower() in {*ENDINGS, *EARLIER, *LATER}:
            self._words, self._room = [attrs.get("message") or attrs.get("type") or ""], MAX_TEXT

    def characters(self, content: str) -> None:
        """Take text of an ending, up to what is kept of it."""
        if self._words is not None and self._room > 0:
            self._words.append(content[: self._room])
            self._room -= len(content)

    def endElement(self, tag: str) -> None:  # noqa: N802 - SAX's name
        """Take the end of an element."""
        tag = tag.rpartition(":")[2]
        if tag == "testcase":
            self._flush()
        elif self._case and self._words is not None and tag.lower() in {*ENDINGS, *EARLIER, *LATER}:
            said = (self._words[0], "".join(self._words[1:]).strip())
            self._end(self._case, tag.lower(), "\n".join(filter(None, said)))
            self._words = None

    def cut(self) -> None:
        """Take the case that the document broke off in: how it ended is not known."""
        if self._case:
            self._case.outcome, self._case.message = "error", "the file breaks off within this case"
        self._flush()

    def endDocument(self) -> None:  # noqa: N802 - SAX's name
        """Take what is left."""
        self._flush()

    @staticmethod
    def _end(case: _Case, tag: str, words: str) -> None:
        if tag in EARLIER:
            case.earlier.append((EARLIER[tag], words))
        elif tag in LATER:
            case.later.append((LATER[tag], words))
        elif WORSE.index(ENDINGS[tag]) < WORSE.index(case.outcome):  # of two endings the worse one counts
            case.outcome, case.message = ENDINGS[tag], words

    def _flush(self) -> None:
        case, self._case = self._case, None
        self._words = None
        if case is None:
            return
        tries = [*case.earlier, (case.outcome, case.message), *case.later][:MAX_TRIES]
        self.said.attempts += [
            Attempt(case.name, outcome, case.seconds, number, text(words))
            for number, (outcome, words) in enumerate(tries, 1)
        ]
