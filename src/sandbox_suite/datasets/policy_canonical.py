"""Rules as the quarantine records them and the gate recomputes with: JSON with every default filled in."""

from __future__ import annotations

import re
from typing import Any

from sandbox_suite.datasets.masks import KINDS
from sandbox_suite.datasets.policy_document import PartDocument, RuleDocument, TemplateDocument
from sandbox_suite.datasets.policy_mistakes import Looked

SPANS = ("email", "phone", "card", "iban", "national_id", "ip", "mac")  # what free text is masked by
ANYTHING = "(?s:.+?)"


def rule(looked: Looked, said: RuleDocument) -> dict[str, Any]:
    """Return the rule of a column: `keep`, or `mask` with its options."""
    template = looked.document.templates.get(said.mask or "")
    if template is not None:
        on_unknown = said.on_unknown or "block"
        return {"mask": "template", "template": said.mask, "on_unknown": on_unknown, **_template(looked, template)}
    found = _plain(looked, said)
    if said.mask == "free_text":
        found["modes"] = {name: _span_mode(looked, name) for name in SPANS}
    if said.mask == "json":
        unknown = found["on_unknown"]
        found["paths"] = {path: _inner(looked, inner, unknown) for path, inner in (said.paths or {}).items()}
    return found


def _plain(looked: Looked, said: RuleDocument) -> dict[str, Any]:
    if said.keep is not None:
        return {"keep": said.keep.model_dump(mode="json", exclude_none=True)}
    name = said.mask or ""
    options = said.model_dump(mode="json", exclude_none=True, exclude={"mask", "keep", "paths", "match"})
    if KINDS[name].modes:
        options |= {"mode": looked.mode(KINDS[name], said), "domain": name}
    if "on_unknown" in KINDS[name].options:
        options.setdefault("on_unknown", "block")
    return {"mask": name, **options}


def _inner(looked: Looked, said: RuleDocument, on_unknown: str) -> dict[str, Any]:
    """A path follows its column in what it does with the unknown, where it does not say so itself."""
    return {**_plain(looked, said), "on_unknown": said.on_unknown or on_unknown}


def _template(looked: Looked, template: TemplateDocument) -> dict[str, Any]:
    parts = {name: {"match": _match(part), "rule": _plain(looked, part)} for name, part in template.parts.items()}
    return {"text": template.text, "parts": parts}


def _match(part: PartDocument) -> str:
    if part.keep is None:
        return part.match or ANYTHING
    if part.keep.enum is not None:
        longest_first = sorted(map(str, part.keep.enum), key=len, reverse=True)
        return "|".join(map(re.escape, longest_first))
    return part.keep.regex or ""


def _span_mode(looked: Looked, name: str) -> str:
    return looked.mode(KINDS[name], RuleDocument(mask=name)) or "realistic"
