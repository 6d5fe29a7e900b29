"""What a stored version's fields say against the policies. Ids: what is wrong, then the kind of data."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox_suite.core.findings import Finding
from sandbox_suite.datasets.detection import Label
from sandbox_suite.datasets.field_versions import Version
from sandbox_suite.datasets.policy import Policy, Rule

SOON = datetime.timedelta(days=30)
MASKS = {"date_of_birth": "date"}  # kinds of data whose mask is called otherwise
EMPTYING = frozenset({"null", "drop", "constant", "free_text", "json", "template"})  # right for any kind


@dataclass(frozen=True)
class Seen:
    """A finding in one version; `version` is empty where it is about a policy."""

    dataset: str
    version: str
    finding: Finding


def of_policy(policy: Policy, today: datetime.date) -> Iterator[Seen]:
    """Yield exceptions that ended, or will soon."""
    for item in policy.document.exceptions:
        if today > item.until:
            said = f"the exception for `{item.finding}` ended on {item.until}: it denies again"
            yield Seen(policy.name, "", Finding("error", said, item.column, "exception-expired"))
        elif today > item.until - SOON:
            said = f"the exception for `{item.finding}` of {item.owner} ends on {item.until}"
            yield Seen(policy.name, "", Finding("warning", said, item.column, "exception-ends-soon"))


def of(version: Version, policies: Sequence[Policy], today: datetime.date) -> Iterator[Seen]:
    """Yield what a version's fields say against the policies that are meant for it."""
    if version.broken:
        said = f"cannot be read: {version.broken}"
        yield Seen(version.dataset, version.name, Finding("error", said, version.number, "version-unreadable"))
        return
    meant = [policy for policy in policies if policy.document.tables.keys() & version.manifest["tables"].keys()]
    if not meant and version.state == "raw":
        yield from (Seen(version.dataset, version.name, item) for item in _uncovered(version))
    for policy in meant:
        excepted = {(item.column, item.finding) for item in policy.exceptions(today)}
        for table, labels in version.labels.items():
            rules = policy.rules(table)
            for column, label in labels.items():
                for item in _field(f"{table}.{column}", label, rules.get(column), policy):
                    kind = item.id.rpartition("-")[2]
                    if (item.place, kind) not in excepted:
                        yield Seen(version.dataset, version.name, item)


def fields(versions: Sequence[Version], policies: Sequence[Policy]) -> Iterator[dict[str, Any]]:
    """Yield every field once, as it is in the last raw version that has it: the report's inventory."""
    last: dict[tuple[str, str, str], tuple[Version, Label]] = {}
    for version in versions:
        for table, labels in version.labels.items() if version.state == "raw" else ():
            last |= {(version.dataset, table, column): (version, label) for column, label in labels.items()}
    for (dataset, table, column), (version, label) in sorted(last.items()):
        rules = {policy.name: _spelled(policy.rules(table).get(column)) for policy in policies if policy.rules(table)}
        said = {"kind": label.kind, "sure": label.sure, "evidence": [str(item) for item in label.evidence]}
        yield {"dataset": dataset, "version": version.number, "field": f"{table}.{column}", **said, "rules": rules}


def _uncovered(version: Version) -> Iterator[Finding]:
    for table, labels in version.labels.items():
        for column, label in labels.items():
            if label.kind:
                said = f"no policy for this dataset, and it looks like {_why(label)}"
                yield Finding("error", said, f"{table}.{column}", f"field-without-policy-{label.kind}")


def _field(place: str, label: Label, rule: Rule | None, policy: Policy) -> Iterator[Finding]:
    if rule is None:
        looks = f", and it looks like {_why(label)}" if label.kind else ""
        yield Finding("error", f"policy {policy.name} has no rule for it{looks}", place, "field-unlabelled")
    elif rule.kind == "keep" and label.kind:
        yield Finding(
            "error",
            f"policy {policy.name} keeps it, but it looks like {_why(label)}",
            place,
            f"field-kept-{label.kind}",
        )
    elif rule.kind != "keep" and label.sure and rule.kind not in EMPTYING and rule.kind != _mask(label):
        said = f"policy {policy.name} masks it as {rule.kind}, but it looks like {_why(label)}"
        yield Finding("warning", said, place, f"field-masked-otherwise-{label.kind}")


def _mask(label: Label) -> str:
    return MASKS.get(label.kind, label.kind)


def _why(label: Label) -> str:
    return str(label.evidence[0]) if label.evidence else label.kind


def _spelled(rule: Rule | None) -> str:
    if rule is None:
        return "denied"
    return "keep" if rule.kind == "keep" else f"mask {rule.kind}"
