"""Redaction of secrets in shown text. (Masking of data is another thing: see `datasets`.)"""

import re
from collections.abc import Iterable

HIDDEN = "[redacted]"
# Shapes that are secrets whoever holds them: URL passwords, bearer tokens, private keys. Before each stand words of
# which one must be in the casefolded text for the shape to be there: most texts have none, and that is quick to see.
SHAPES = (
    (("://",), re.compile(r"(\b\w+://[^\s:/@]+:)[^\s@/]+(@)"), rf"\1{HIDDEN}\2"),
    (("bearer",), re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (
        ("passw", "secret", "token", "api"),
        re.compile(r"(?i)((?:password|passwd|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]+"),
        rf"\1{HIDDEN}",
    ),
    (
        ("private key",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.S),
        HIDDEN,
    ),
)


class Redactor:
    """Hides known secret values and secret-shaped text. Values under four characters are not hidden by value."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = sorted({value for value in values if len(value) >= 4}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return `text` with every secret replaced by `[redacted]`."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        folded = text.casefold()
        for words, shape, shown in SHAPES:
            if any(word in folded for word in words):
                text = shape.sub(shown, text)
        return text
