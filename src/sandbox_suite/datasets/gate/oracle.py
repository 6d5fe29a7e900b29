"""The scalar oracle: what a value must become, written from the masks' description and not from their code.

`K_domain = HMAC(master, "mask/v1/" + domain)`. Only the pools' words are shared with the masks, as files.
"""

import datetime
import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.gate import ids, oracle_ids, oracle_net, oracle_tags
from sandbox_suite.datasets.gate.case import Rule
from sandbox_suite.datasets.gate.ff1 import Ff1

MASKS = "masks-2"
BLANKS = " \t\r\n\u00a0\u3000"
SEPARATORS = " .-/()+"
HOUSES = [str(number) for number in range(1, 400)]
LATIN = ("{number} {street}, {city}", "{street} {number}, {city}", "{street}, {number}, {city}")
ADDRESS = {
    "en": LATIN[0], "fr": LATIN[0], "it": LATIN[1], "de": LATIN[1], "nl": LATIN[1], "pl": LATIN[1],
    "es": LATIN[2], "pt": LATIN[2], "zh": "{place}{street}{number}号",
}  # fmt: skip
NAME = {"zh": "{family}{given}"}
FILLED = {"name": (NAME, "{given} {family}"), "address": (ADDRESS, LATIN[0])}
CODED = ("phone", "card", "iban", "national_id", "mac")
UNKNOWN = object()  # the mask must refuse or drop such a value


def derive(master: bytes, domain: str) -> bytes:
    """Return the key of a domain."""
    return hmac.digest(master, b"mask/v1/" + domain.encode(), "sha256")


def kernel() -> str:
    """Return the version of masks and pools that this oracle recomputes."""
    return f"{MASKS}+pools.{pools.version()}"


def key_fingerprint(master: bytes) -> str:
    """Return the 16 hex digits that tell one master from another."""
    return derive(master, "fingerprint").hex()[:16]


def normalise(kind: str, column: pl.Expr) -> pl.Expr:
    """Return the form in which two values of a kind count as equal."""
    if kind == "ip":
        return column.map_batches(oracle_net.written_one_way, return_dtype=pl.String)
    if kind in CODED:
        return column.str.to_uppercase().str.replace_all(r"[ .\-/()+:]", "")
    return ids.composed(column.str.strip_chars(BLANKS), "NFC").str.to_lowercase()


class Oracle:
    """Masks of one master, value by value. What was reckoned once is remembered."""

    def __init__(self, master: bytes) -> None:
        texts = ("email", "name", "address", "date", "ip", "span")
        self._texts = {name: derive(master, name).hex().encode() for name in texts}
        derived = {name: derive(master, f"ff1-{name}") for name in (*CODED, "ip")}
        self._ciphers = {name: Ff1(key[:16], key[16:24]) for name, key in derived.items()}
        self._known: dict[tuple[str, Any, Any, Any], Any] = {}

    def mask(self, rule: Rule, value: Any, context: Mapping[str, Any]) -> Any:
        """Return what `value` becomes; `context` holds the row's locale, country or person where the rule names one."""
        if value is None:
            return None
        beside = context.get({"date": "person", "national_id": "country"}.get(rule.kind, "locale"))
        tagged = rule.options.get("mode") == "tagged"
        known = (rule.kind, tagged, value, beside)
        if known not in self._known:
            self._known[known] = self._mask(rule.kind, value, beside, tagged)
        masked = self._known[known]
        if masked is UNKNOWN and rule.options.get("on_unknown") == "drop":
            return None
        return masked

    def number(self, domain: str, text: str) -> int:
        """Return the first 60 bits of the HMAC of a text."""
        return int(self._hash(domain, text)[:15], 16)

    def span_tag(self, text: str) -> str:
        """Return the HMAC by which the span log names an original."""
        return self._hash("span", text)

    def _mask(self, kind: str, value: Any, beside: Any, tagged: bool) -> Any:
        if value == "":
            return value
        if kind == "email":
            return f"u{self._hash('email', plain(value))[:16]}@example.com"
        if kind in FILLED:
            return self._filled(kind, value, beside)
        if kind == "date":
            number = self.number("date", plain(str(beside))) % 360
            return (
                UNKNOWN if beside is None else value + datetime.timedelta(days=number - (180 if number < 180 else 179))
            )
        if kind in CODED:
            return self._coded(kind, value, beside, tagged)
        if kind == "ip":
            return self._ip(value, tagged)
        raise ValueError(f"no oracle for mask `{kind}`")

    def _hash(self, domain: str, text: str) -> str:
        return hmac.digest(self._texts[domain], text.encode(), "sha256").hex()

    def _filled(self, kind: str, value: str, locale: str | None) -> str:
        templates, other = FILLED[kind]
        language = _language(value, locale)
        number = self.number(kind, plain(value))
        template = templates.get(language, other)
        out = _fill(template, language, number)
        return out if plain(out) != plain(value) else _fill(template, language, number + 1)

    def _coded(self, kind: str, value: str, country: str | None, tagged: bool) -> Any:
        separators = SEPARATORS + (":" if kind == "mac" else "")
        bare = "".join(sign for sign in value.upper() if sign not in separators)
        cipher, where = self._ciphers[kind], (country or "").upper()
        if kind == "national_id":
            masked = oracle_ids.national_id(cipher, bare, where)
        else:
            masks: dict[str, Callable[[Ff1, str], str | None]] = {
                "phone": oracle_ids.phone,
                "card": oracle_ids.card,
                "iban": oracle_ids.iban,
                "mac": oracle_net.mac,
            }
            masked = masks[kind](cipher, bare)
        if masked is not None and tagged:
            masked = _moved(kind, masked, value, where)
        return UNKNOWN if masked is None else _redress(masked, value)

    def _ip(self, value: str, tagged: bool) -> Any:
        address = oracle_net.parsed(value)
        if address is None:
            return UNKNOWN
        if address.version == 6:
            return oracle_net.documented(self._hash("ip", address.exploded), address.exploded)
        if not tagged:
            return oracle_net.enciphered(self._ciphers["ip"], int(address))
        place = self.number("ip", str(address))
        found = [oracle_tags.DOCUMENTED[(place + step) % 768] for step in (0, 1)]
        return found[found[0] == str(address)]


def _moved(kind: str, masked: str, original: str, country: str) -> str | None:
    """Return a realistic result, without separators, where no real value is."""
    if kind == "national_id":
        return oracle_tags.MOVES[country](masked)
    if kind == "mac":
        return oracle_net.local(masked)
    if kind == "iban":
        return f"ZZ{ids.iban_check(masked + 'ZZ')}{masked}"
    if kind == "card":
        return f"0{masked}"
    plus = "+" in re.split("[0-9]", original, maxsplit=1)[0]
    return f"{'0' if plus else '000'}{masked}"


def plain(value: str) -> str:
    """Return a text as it is hashed."""
    return unicodedata.normalize("NFC", value.strip(BLANKS)).lower()


def constant_text(value: Any, kind: pl.DataType) -> str:
    """Return how a policy's constant reads in a column of a type."""
    if kind in (pl.Date, pl.Datetime):
        return str(pl.Series([datetime.date.fromisoformat(str(value)[:10])]).cast(kind).cast(pl.String).item())
    return str(pl.Series([value]).cast(kind).cast(pl.String).item())


def pool_regex(kind: str) -> str:
    """Return a regex of everything that the pools of any language can give."""
    templates, other = FILLED[kind]
    shapes = [_shape(templates.get(language, other), language) for language in pools.LANGUAGES]
    return f"^(?:{'|'.join(shapes)})?$"


def _shape(template: str, language: str) -> str:
    def piece(text: str) -> str:
        return f"(?:{'|'.join(map(re.escape, _words(text[1:-1], language)))})" if text[:1] == "{" else re.escape(text)

    return "".join(map(piece, re.split(r"(\{\w+\})", template)))


def _language(value: str, locale: str | None) -> str:
    language = (locale or "")[:2].lower()
    if language in pools.LANGUAGES:
        return language
    return "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in value) else "en"


def _fill(template: str, language: str, number: int) -> str:
    out = []
    for piece in re.split(r"(\{\w+\})", template):
        if piece.startswith("{"):
            words = _words(piece[1:-1], language)
            number, place = divmod(number, len(words))
            piece = words[place]
        out.append(piece)
    return "".join(out)


def _words(pool: str, language: str) -> Sequence[str]:
    return HOUSES if pool == "number" else pools.words(f"{pool}.{language}")


def _redress(masked: str, original: str) -> str:
    """Put the separators of the original back where they were; what is longer begins with the first sign."""
    own = [place for place, sign in enumerate(original) if sign.isascii() and sign.isalnum()]
    signs = list(original)
    for place, sign in zip(reversed(own), reversed(masked), strict=False):
        signs[place] = sign
    signs.insert(own[0], masked[: len(masked) - len(own)])
    return "".join(signs)
