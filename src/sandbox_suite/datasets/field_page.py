"""The field audit's report as a page to read (Markdown). It shows rules and counts, no value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Field audit"
    yield ""
    looked = f"{len(report['fields'])} fields of {len(report['versions'])} versions, {len(report['policies'])} policies"
    yield f"{report['at']}: {looked}; {len(report['new'])} new findings, {len(report['acknowledged'])} acknowledged."
    yield from _findings("New", report["new"])
    if report["new"]:
        yield from _to_acknowledge(report["new"])
    yield from _findings("Acknowledged", report["acknowledged"])
    yield from ("", "## Notes", "", *(f"- {line}" for line in report["notes"])) if report["notes"] else ()
    yield from _fields(report["fields"])


def _findings(title: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if not entries:
        yield "None."
        return
    yield from ("| dataset | place | finding | what | versions | owner, until |", "|---|---|---|---|---|---|")
    for item in entries:
        held = item["acknowledgement"]
        owner = f"{held['owner']}, {held['until']}: {held['reason']}" if held else ""
        cells = (item["dataset"], item["place"], item["id"], item["message"], ", ".join(item["versions"]), owner)
        yield _row(cells)


def _to_acknowledge(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", "Correct the policy or the data; or acknowledge, with owner, last day and reason:", "", "```yaml")
    yield "acknowledged:"
    for item in entries:
        names = f"dataset: {json.dumps(item['dataset'])}, column: {json.dumps(item['place'])}, finding: {item['id']}"
        yield f"  - {{{names}, owner: , until: , reason: }}"
    yield "```"


def _fields(fields: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", "## Fields", "", "| dataset | field | looks like | evidence | policies |", "|---|---|---|---|---|")
    for item in fields:
        kind = f"{item['kind']}{'' if item['sure'] else '?'}" if item["kind"] else ""
        rules = "; ".join(f"{policy}: {rule}" for policy, rule in item["rules"].items()) or "none"
        yield _row((item["dataset"], item["field"], kind, "; ".join(item["evidence"]), rules))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
