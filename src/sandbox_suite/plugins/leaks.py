"""Hard-coded secrets (S-03): shapes that are secrets whoever holds them, and names with a random-looking value.

A finding names file, line and kind, never the value.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SCANNED = 1 << 20  # bytes of one file; larger ones are data or bundles
# What other people wrote: shapes are told as warnings there, and names are not looked at (tests and samples abound).
FOREIGN = frozenset({"node_modules", "site-packages", "vendor", "third_party", ".output", "dist"})
SHAPES = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}")),
    ("an access key of a cloud", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a token of a code host", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,}|glpat-[\w-]{20})\b")),
    ("a token of a chat", re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{20,}\b")),
    ("a live key of a payment service", re.compile(r"\b[rs]k_live_[0-9A-Za-z]{20,}\b")),
    ("a key of an API", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("a signed token", re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}")),
)
# A URL's password; `:password@`, `${NAME}` and other placeholders are none.
URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@\"'<>{}$]+:(?P<value>[^\s/@\"'<>{}$%]{4,})@")
NAMED = re.compile(
    r"""(?ix) (?<![\w.-])
    (?P<name>[\w.-]{0,40} (?:password|passwd|pwd|secret|token|(?:api|access|private|signing|secret)_?key)
       (?:[_-]?(?:base64|hex|value|[0-9]+))?)
    ["']? \s* (?: := | [:=] ) \s*
    (?: (?P<quote>["'`]) (?P<quoted>[^"'`\n]{6,}) (?P=quote) | (?P<bare>[^\s"'`,;#(){}\[\]]{12,}) \s*(?:\#.*)?$ )""",
    re.MULTILINE,
)
PLACEHOLDER = re.compile(
    r"(?i)^(?:\$|<|\{|%|\*{3}|x{4}|\.{3})|^(?:change[_-]?me|example|placeholder|redacted|dummy|your[_-].*|none|null|true|false|"
    r"secret://.*|postgres|password|test)$|\$\{"
)
# A variable of this name holds a secret, not its file, URL or lifetime.
SECRET_NAME = re.compile(
    r"(?i)(password|passwd|secret|token|(api|access|private|signing|secret)_?key)(_?(base64|hex|[0-9]+))?$"
)


@dataclass(frozen=True)
class Leak:
    """A secret in a file. `certain` is False for what only looks random."""

    line: int
    kind: str
    certain: bool


def entropy(text: str) -> float:
    """Return the bits per character of `text` (Shannon)."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def looks_random(value: str) -> bool:
    """Say whether a value is rather a secret than a word: long, of mixed signs, hardly repeating."""
    if len(value) < 12 or not re.fullmatch(r"[\x21-\x7e]+", value):
        return False
    kinds = sum(bool(re.search(shape, value)) for shape in (r"[a-z]", r"[A-Z]", r"[0-9]"))
    return kinds >= 2 and entropy(value) >= 3.2 and bool(re.search("[0-9]", value))


def scan(data: bytes) -> Iterator[Leak]:
    """Yield the secrets in a file's bytes; binary and very large files hold none that can be told apart."""
    if len(data) > MAX_SCANNED or b"\0" in data:
        return
    text = data.decode(errors="replace")
    for kind, shape in SHAPES:
        yield from (Leak(_line(text, match.start()), kind, True) for match in shape.finditer(text))
    for match in URL.finditer(text):
        if not PLACEHOLDER.search(match["value"]):
            yield Leak(_line(text, match.start()), "a password in a URL", looks_random(match["value"]))
    for match in NAMED.finditer(text):
        value = match["quoted"] or match["bare"]
        if not PLACEHOLDER.search(value) and looks_random(value) and _is_literal(match):
            yield Leak(_line(text, match.start()), f"the value of `{match['name']}`", True)


def _is_literal(match: re.Match[str]) -> bool:
    """Say whether an unquoted value is data (YAML, an env file) and not an expression of a program."""
    return bool(match["quoted"]) or not re.search(r"[.\[\]()<>]|::|->", match["bare"])


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1
