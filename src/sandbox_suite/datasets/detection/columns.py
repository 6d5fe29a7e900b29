"""What one column is taken for: its values first, then its name, its comment and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection import (
    addresses,
    checks,
    dates,
    documents,
    forms,
    names,
    naming,
    networks,
    phones,
    secrets,
    texts,
)
from sandbox_suite.datasets.detection.counting import FEW, Look, look
from sandbox_suite.datasets.detection.evidence import Evidence, Label

PLENTY = 0.5  # share of values that one kind must hold to be what the column is
CLOSER = (networks.addresses, dates.births, secrets.tokens, phones.phones, addresses.addresses, names.people)
WEAK = ("structure", "name", "comment")  # what leaves a label unsure unless something else agrees
PLAUSIBLE = {  # what most different values must at least be like where only the name speaks
    "email": "@",
    "name": r"^[^0-9@_:/\\{}\[\]<>]{2,80}$",
    "phone": r"^\D{0,4}(?:[0-9][ ().\-/]{0,3}){6,15}(?:\s?(?:x|ext)\.?\s?[0-9]+)?$",
    "card": r"^(?:[0-9][ \-]?){12,19}$",
    "iban": r"^[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 ]{8,40}$|^(?:[0-9][ \-/]?){6,30}$",
    "national_id": r"^[0-9A-Za-z](?:[ .\-/+]?[0-9A-Za-z]){5,24}$",
    "address": r"\p{L}{2}",
    "date_of_birth": "[0-9]{2}",
    "ip": r"^[0-9A-Fa-f:.]{3,45}$",
    "mac": r"^[0-9A-Fa-f:.\-]{12,17}$",
    "secret": r"^\S{6,}$",
}


def detect(values: pl.Series) -> list[Evidence]:
    """Return every rule that speaks for personal data in a whole column, strong or not."""
    return observe(look(iter([values])))


def observe(seen: Look) -> list[Evidence]:
    """Return what the values say."""
    if not len(seen.distinct):
        return []
    found = list(checks.checked(seen))
    if documents.is_json(seen):
        return found + list(_inside_documents(seen))
    if not _whole(found)[1]:
        for rule in CLOSER:
            found += list(rule(seen))
            if _whole(found)[1]:
                break
    return found + ([] if _whole(found)[1] else list(texts.people(seen)))


def label(seen: Look, column: str = "", comment: str = "", table: str = "", refers: Label | None = None) -> Label:
    """Return what a column is taken for. `refers` is the label of the column that its foreign key leads to."""
    found = observe(seen)
    said = list(_said(seen, column, comment, table))
    if refers and refers.kind:
        said.append(
            Evidence(refers.kind, "foreign-key", "refers to a column of this kind", 0, seen.values, strong=refers.sure)
        )
    kind, sure = _decided(seen, found, said)
    relevant = found + [item for item in said if not kind or item.kind == kind]
    form = "" if kind else forms.form(seen)
    return Label(kind, sure, tuple(relevant) if kind else (), seen.rows, len(seen.distinct), seen.type, form)


def _decided(seen: Look, found: list[Evidence], said: list[Evidence]) -> tuple[str, bool]:
    whole, share = _whole(found)
    hinted = {item.kind for item in said}
    linked = next((item for item in said if item.how == "foreign-key"), None)
    if whole and share:
        own = [item for item in found if item.kind == whole]
        return whole, any(item.how not in WEAK for item in own) or whole in hinted
    if linked:
        return linked.kind, linked.strong
    if documents.is_json(seen):
        return ("json", True) if found else ("", False)
    inside = [item for item in found if item.inside and item.strong]
    if inside:
        secret = max((item.hits for item in inside if item.kind == "secret"), default=0)
        alone = secret >= max(item.hits for item in inside) and not texts.is_prose(seen)
        return "secret" if alone else "free_text", True
    if said:
        return said[0].kind, len({item.how for item in said if item.kind == said[0].kind}) > 1
    return next((item.kind for item in found if item.strong), ""), False


def _whole(found: list[Evidence]) -> tuple[str, float]:
    """Return the kind that most whole values have, and its share; none below `PLENTY`."""
    shares: dict[str, float] = {}
    for item in found:
        if not item.inside:
            shares[item.kind] = min(1.0, shares.get(item.kind, 0.0) + item.share)
    weak = {item.kind: item.how for item in found}
    best = max(shares, key=lambda kind: (shares[kind] >= PLENTY, weak[kind] != "structure", shares[kind]), default="")
    least = PLENTY if best not in ("name", "address", "date_of_birth", "secret", "phone") else 0.1
    return (best, shares[best]) if best and shares[best] >= least else ("", 0.0)


def _said(seen: Look, column: str, comment: str, table: str) -> Iterator[Evidence]:
    """Yield what name and comment say, where the values do not speak against it."""
    for kind, words in naming.by_name(column, table):
        if _plausible(seen, kind):
            yield Evidence(kind, "name", f"called `{words}`", 0, seen.values, strong=False)
    for kind in naming.by_comment(comment):
        if _plausible(seen, kind):
            yield Evidence(kind, "comment", "its comment says so", 0, seen.values, strong=False)


def _plausible(seen: Look, kind: str) -> bool:
    if not len(seen.distinct):
        return False
    if seen.numeric and kind in ("name", "address", "email", "iban", "ip", "mac", "secret"):
        return False
    if kind == "date_of_birth":
        return dates.are_days(seen)
    if kind == "national_id" and seen.share(pl.col("text").str.contains("[0-9].*[0-9].*[0-9].*[0-9]")) < 0.8:
        return False
    many = len(seen.distinct) >= min(FEW * 2, 0.5 * seen.values)
    return many and seen.share(pl.col("text").str.contains(PLAUSIBLE[kind])) >= 0.8


def _inside_documents(seen: Look) -> Iterator[Evidence]:
    for path, field in documents.fields(seen):
        last = path.rpartition(".")[2] if not path.endswith("[]") else path.split(".")[-2] if "." in path else ""
        found = label(field, last)
        best = next((item for item in found.evidence if item.kind == found.kind), None)
        best = best or next(iter(found.evidence), None)
        if best:
            yield documents.moved(best, path, seen, field)
